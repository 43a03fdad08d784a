"""Holds loss and gradients of fast.py against model.py in float64."""
import torch

import fast
from model import Config, Model

config = Config.load(fast.HERE.parent / "config.json")
generator = torch.Generator().manual_seed(1)
parameters = fast.Parameters(config)
parameters.initialize(config, generator)
parameters.flat += 0.1 * torch.randn(len(parameters.flat), generator=generator)
sequences = []
for length in (5, 16, 17, 70):
    ids = torch.randint(config.vocab_size, (length,), generator=generator).tolist()
    sequences.append((ids, [0.0] + [float(i % 3) for i in range(length - 1)]))

fast_loss = fast.loss(parameters, fast.Batch(sequences, config), config)
fast_loss.backward()

tensors = {name: tensor.double().requires_grad_() for name, tensor in parameters.tensors(config).items()}
model = Model(config, tensors, torch.float64)
loss = 0
for ids, weights in sequences:
    log_probabilities = model.logits(ids).log_softmax(-1)
    for i in range(1, len(ids)):
        loss = loss - weights[i] * log_probabilities[i - 1, ids[i]]
loss.backward()

print(f"loss {float(fast_loss):.6f} against {float(loss):.6f}")
shadow = fast.Parameters(config, flat=parameters.gradient)
for name, gradient in shadow.tensors(config).items():
    expected = tensors[name].grad
    error = float((gradient - expected).norm() / expected.norm())
    if error > 1e-4 or name.startswith("model.layers.1.") or "layers" not in name:
        print(f"{name}: relative gradient error {error:.1e}")
