"""Trains the model: `train.py --minutes 90`. Checkpoints every few minutes; `--resume` goes on from the last one.

Worker processes, one a core, take small batches from a common counter until a step is full, then each applies the
summed gradients to its part of the weights, which all of them share.
"""
import argparse
import json
import multiprocessing
import os
import random
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers are the threads

import torch

import corpus
import fast
from evaluate import evaluate
from model import Config, Model, save_bf16_safetensors
from optimizer import Optimizer
from tokens import FOLDER, encode_example, load_tokenizer

SEED = 2
BATCHES_PER_STEP, TOKENS_PER_BATCH = 4, 1024
WARMUP_STEPS = 100
SECONDS_PER_SAVE, SAVES_PER_EVALUATION = 180, 4
CONSTANT_SHARE = 0.3  # of the time; from then on the learning rate falls to zero in a straight line
MIXTURE = json.loads((fast.HERE / "mixture.json").read_text())
CHECKPOINT, EXPORT = fast.CACHE / "checkpoint.pt", fast.CACHE / "export"


def draw_batch(tokenizer, step, number, mixture, config):
    rng = random.Random(f"{SEED} {step} {number}")
    sequences, size = [], 0
    while size < TOKENS_PER_BATCH:
        ids, weights = encode_example(tokenizer, corpus.training_example(rng, mixture))
        sequences.append((ids, weights))
        size += len(ids)
    return fast.Batch(sequences, config)


def learning_rate(step, progress):
    return min(1, step / WARMUP_STEPS) * min(1, max(0, 1 - progress) / (1 - CONSTANT_SHARE))


def mixture_at(progress):
    """Copying comes first: it is what all the other tasks with lists, records and passkeys build on."""
    return {**MIXTURE, "copying": MIXTURE["copying"] * (1 if progress < 0.15 else 0.3)}


class Shared:
    """What the workers have in common."""

    def __init__(self, config, workers):
        size = len(fast.Parameters(config).flat)
        make = lambda count=size: torch.zeros(count).share_memory_()
        self.weights, self.momentum, self.squares = make(), make(), make()
        self.gradients = [make() for _ in range(workers)]
        self.sums = torch.zeros(workers, 3, dtype=torch.float64).share_memory_()  # loss, weight, tokens
        self.next_batch = multiprocessing.Value("q", 0)
        self.progress = multiprocessing.Value("d", 0.0)
        self.barrier = multiprocessing.Barrier(workers)

    def take_batch(self):
        with self.next_batch.get_lock():
            self.next_batch.value += 1
            return self.next_batch.value - 1


class Worker:
    def __init__(self, config, shared, worker, workers):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.config, self.shared, self.worker = config, shared, worker
        self.tokenizer = load_tokenizer()
        self.parameters = fast.Parameters(config, shared.weights, shared.gradients[worker])
        self.optimizer = Optimizer(config, self.parameters, shared.gradients, shared.momentum, shared.squares, worker, workers)

    def step(self, step):
        shared, sums = self.shared, self.shared.sums[self.worker]
        progress = shared.progress.value
        self.parameters.gradient.zero_()
        sums.zero_()
        while (number := shared.take_batch()) < BATCHES_PER_STEP:
            batch = draw_batch(self.tokenizer, step, number, mixture_at(progress), self.config)
            loss = fast.loss(self.parameters, batch, self.config)
            loss.backward()
            sums += torch.tensor([float(loss), float(batch.weights.sum()), len(batch.ids)], dtype=torch.float64)
        shared.barrier.wait()
        self.optimizer.step(step, learning_rate(step, progress), 1 / float(shared.sums[:, 1].sum()))
        shared.barrier.wait()

    def follow(self, first_step):
        step = first_step
        self.shared.barrier.wait()
        while self.shared.progress.value < 1:
            self.step(step)
            step += 1
            self.shared.barrier.wait()


class Leader(Worker):
    def lead(self, state, minutes):
        shared, limit = self.shared, minutes * 60
        started, printed, saved, saves = time.time() - state["seconds"], time.time(), time.time(), 0
        loss = weight = 0.0
        tokens_before = state["tokens"]
        shared.progress.value = min(state["seconds"] / limit, 1)
        shared.barrier.wait()
        while shared.progress.value < 1:
            shared_sums = self._step(state)
            loss, weight = loss + shared_sums[0], weight + shared_sums[1]
            state["seconds"] = time.time() - started
            if time.time() - printed > 20:
                speed = (state["tokens"] - tokens_before) / (time.time() - printed)
                print(f"{state['seconds'] / 60:6.1f} min  step {state['step']:6d}  {state['tokens'] / 1e6:7.2f} M tokens  "
                      f"loss {loss / weight:.4f}  {speed:6.0f} tokens/s", flush=True)
                loss, weight, tokens_before, printed = 0.0, 0.0, state["tokens"], time.time()
            if time.time() - saved > SECONDS_PER_SAVE:
                self.save(state)
                saved = time.time()
                saves += 1
                if saves % SAVES_PER_EVALUATION == 0:
                    self.evaluate()
            shared.progress.value = min(state["seconds"] / limit, 1)
            shared.next_batch.value = 0
            shared.barrier.wait()
        self.save(state)
        self.evaluate()

    def _step(self, state):
        state["step"] += 1
        self.step(state["step"])
        sums = self.shared.sums.sum(0).tolist()
        state["tokens"] += int(sums[2])
        return sums

    def save(self, state):
        shared = self.shared
        torch.save({**state, "weights": shared.weights, "momentum": shared.momentum, "squares": shared.squares}, CHECKPOINT)
        EXPORT.mkdir(exist_ok=True)
        save_bf16_safetensors(EXPORT / "model.safetensors", self.parameters.tensors(self.config))
        (EXPORT / "training.json").write_text(json.dumps({name: round(value, 1) for name, value in state.items()}))

    def evaluate(self):
        """A small look at what lags behind, with the weights as they would ship."""
        rounded = {name: tensor.bfloat16().float() for name, tensor in self.parameters.tensors(self.config).items()}
        print(json.dumps(evaluate(Model(self.config, rounded), 24, with_stories=False)), flush=True)


def start_state(shared, config, resume):
    if resume:
        saved = torch.load(CHECKPOINT)
        for name in ("weights", "momentum", "squares"):
            getattr(shared, name).copy_(saved[name])
        return {name: saved[name] for name in ("step", "tokens", "seconds")}
    fast.Parameters(config, shared.weights).initialize(config, torch.Generator().manual_seed(SEED))
    return {"step": 0, "tokens": 0, "seconds": 0.0}


def follow(config, shared, worker, workers, first_step):
    Worker(config, shared, worker, workers).follow(first_step)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = Config.load(FOLDER / "config.json")
    shared = Shared(config, arguments.workers)
    state = start_state(shared, config, arguments.resume)
    for worker in range(1, arguments.workers):
        multiprocessing.Process(target=follow, args=(config, shared, worker, arguments.workers, state["step"] + 1), daemon=True).start()
    Leader(config, shared, 0, arguments.workers).lead(state, arguments.minutes)


if __name__ == "__main__":
    main()
