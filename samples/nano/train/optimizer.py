"""Muon for the matrices, Adam for the embedding and the norms, on flat tensors that worker processes share."""
import torch

from fast import Parameters

MUON_RATE, MUON_MOMENTUM, MUON_DECAY = 0.02, 0.95, 0.1
ADAM_RATE, ADAM_MEAN, ADAM_SQUARE = 0.003, 0.9, 0.98


def orthogonalized(matrix, steps=5):
    """Newton-Schulz iteration: all singular values move close to 1."""
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.t()
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.t()
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x if wide is matrix else x.t()


class Optimizer:
    """Each worker updates every n-th tensor; `momentum` and `squares` are flat and shared, like the weights."""

    def __init__(self, config, parameters, gradients, momentum, squares, worker, workers):
        self.gradients = [Parameters(config, flat=flat) for flat in gradients]
        states = [parameters, *self.gradients, Parameters(config, flat=momentum), Parameters(config, flat=squares)]
        self.matrices = list(zip(*(self._tensors(state.matrices(config)) for state in states)))[worker::workers]
        self.vectors = list(zip(*(self._tensors(state.vectors()) for state in states)))[worker::workers]

    @staticmethod
    def _tensors(pairs):
        return [weight for weight, _ in pairs]

    @torch.no_grad()
    def step(self, number, rate, gradient_scale):
        """`number` counts from 1; `rate` is the schedule's share of the full learning rates."""
        for weight, *gradients, momentum, _ in self.matrices:
            gradient = sum(gradients) * gradient_scale
            momentum.lerp_(gradient, 1 - MUON_MOMENTUM)
            update = orthogonalized(gradient.lerp(momentum, MUON_MOMENTUM))
            size = max(1, len(weight) / weight.shape[1]) ** 0.5
            weight.mul_(1 - rate * MUON_RATE * MUON_DECAY).sub_(update, alpha=rate * MUON_RATE * size)
        for weight, *gradients, momentum, squares in self.vectors:
            gradient = sum(gradients) * gradient_scale
            momentum.lerp_(gradient, 1 - ADAM_MEAN)
            squares.lerp_(gradient * gradient, 1 - ADAM_SQUARE)
            mean, square = momentum / (1 - ADAM_MEAN ** number), squares / (1 - ADAM_SQUARE ** number)
            weight.sub_(mean / (square.sqrt() + 1e-8), alpha=rate * ADAM_RATE)
