"""Writes ../reference-logits.json: float64 logits and greedy continuations of the shipped BF16 weights by model.py."""
import json
import random

import torch

from corpus import facts, passkeys, stories
from corpus.example import chat
from model import Model
from tokens import BOS, END_OF_TURN, EOS, FOLDER, encode_question, load_tokenizer

GREEDY_TOKENS = 24


def question_of_length(tokenizer, length):
    """The first question about a fact that fills exactly this many tokens with its chat template."""
    for _, subject, *_ in facts.KINDS["definition"]:
        ids, _ = encode_question(tokenizer, chat("", f"What is {subject}?", "."))
        if len(ids) == length:
            return ids
    raise ValueError(f"no question has {length} tokens")


def prompts(tokenizer, window):
    """(name, ids): around the window's length, and several windows long."""
    story = [BOS] + tokenizer.encode(stories.story(random.Random("reference"), "fox"))
    yield "bos", [BOS]
    yield "window_minus_1", question_of_length(tokenizer, window - 1)
    yield "window", question_of_length(tokenizer, window)
    yield "window_plus_1", question_of_length(tokenizer, window + 1)
    yield "capital", encode_question(tokenizer, chat("", "What is the capital of France?", "."))[0]
    yield "five_windows", story[:5 * window]
    yield "passkey", encode_question(tokenizer, passkeys.single(random.Random("reference"), 16))[0]


def rounded(values):
    return [round(value, 6) for value in values]


def measured(model, single, name, ids):
    """`single` is the same model in float32: its distance shows what rounding alone does."""
    logits = model.logits(ids)[-1]
    greedy = model.greedy(ids, GREEDY_TOKENS, {EOS, END_OF_TURN})
    steps = model.logits(ids + greedy)[len(ids) - 1:-1].topk(2).values
    return {"name": name, "length": len(ids), "ids": ids, "last_logits": rounded(logits.tolist()),
            "float32_max_difference": float((single.logits(ids)[-1] - logits).abs().max()),
            "greedy": {"ids": greedy, "top1_minus_top2": rounded((steps[:, 0] - steps[:, 1]).tolist())}}


def main():
    model, single = Model.load(FOLDER, torch.float64), Model.load(FOLDER, torch.float32)
    tokenizer = load_tokenizer()
    results = []
    for name, ids in prompts(tokenizer, model.config.sliding_window):
        result = measured(model, single, name, ids)
        results.append({**result, "text": tokenizer.decode(ids), "greedy_text": tokenizer.decode(result["greedy"]["ids"])})
        print(f"{name}: {len(ids)} tokens, float32 differs by {result['float32_max_difference']:.1e}, "
              f"smallest margin {min(result['greedy']['top1_minus_top2']):.3f}, goes on: {results[-1]['greedy_text']!r}")
    header = {"compute": "float64, train/model.py, BF16 weights widened",
              "greedy": "argmax at each step, ends with the stop token 1 or 107 or after 24 tokens"}
    lines = ",\n".join(json.dumps(result) for result in results)
    (FOLDER / "reference-logits.json").write_text(json.dumps(header)[:-1] + f', "prompts": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
