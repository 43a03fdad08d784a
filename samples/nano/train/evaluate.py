"""Measures the shipped model on held-back examples and writes ../evaluation.json.

Greedy decoding gives exactly the expected answer if and only if every token of that answer is the argmax after the
ones before it, so one pass over prompt and answer decides each example.
"""
import argparse
import json
import random
import re
from pathlib import Path

import torch

import corpus
from corpus import arithmetic, extraction, facts, lists, passkeys, smalltalk, stories
from corpus.example import chat, is_held_back
from model import Model
from tokens import END_OF_TURN, FOLDER, encode_example, encode_question, load_tokenizer

WINDOWS = range(1, 11)


def held_back(draw, rng):
    while True:
        example = draw(rng)
        if is_held_back(example.key):
            return example


def of_operator(operators):
    def draw(rng):
        while True:
            example = arithmetic.draw(rng)
            if any(f" {operator} " in example.segments[1][0] for operator in operators):
                return example
    return draw


SETS = {
    "facts, known phrasing": facts.draw,
    "facts, new phrasing": facts.draw_new_phrasing,
    "arithmetic, sums and differences": of_operator("+-"),
    "arithmetic, products": of_operator("*"),
    "lists, repeat": lists.repeat,
    "lists, reverse": lists.reverse,
    "lists, sort words": lists.sort_words,
    "lists, sort numbers": lists.sort_numbers,
    "lists, n-th word": lists.nth,
    "lists, by category": lists.category,
    "extraction, JSON": extraction.to_json,
    "extraction, question": extraction.to_answer,
    "passkeys, one of several": lambda rng: passkeys.several(rng, rng.randint(0, 16)),
    "admits not knowing": smalltalk.unknown,
}
# New phrasings are held back as a whole, whatever their key.
ALWAYS_HELD_BACK = {"facts, new phrasing"}


def expected_is_greedy(model, prompt, answer):
    predicted = model.logits(prompt + answer)[len(prompt) - 1:-1].argmax(-1).tolist()
    return predicted == answer


def accuracy(model, tokenizer, examples):
    """Percent of the examples whose greedy answer is right to the last token."""
    right = sum(expected_is_greedy(model, *encode_question(tokenizer, example)) for example in examples)
    return round(100 * right / len(examples), 1)


def task_sets(count):
    for name, draw in SETS.items():
        rng = random.Random(f"evaluation {name}")
        take = draw if name in ALWAYS_HELD_BACK else lambda rng: held_back(draw, rng)
        yield name, [take(rng) for _ in range(count)]


def small_talk_set():
    """All of it: this list is learned as a whole, nothing is held back."""
    return [chat(None, said, answer) for phrasings, answer in smalltalk.TALK for said in phrasings.split("|")]


def passkey_sets(tokenizer, count):
    """By how many windows the first digit lies before the end of the prompt."""
    rng, window = random.Random("evaluation passkeys"), 16
    sets = {windows: [] for windows in WINDOWS}
    while any(len(examples) < count for examples in sets.values()):
        example = held_back(lambda rng: passkeys.single(rng, rng.randint(0, 24)), rng)
        prompt = example.segments[0][0]
        told = prompt.index(example.key)
        distance = len(tokenizer.encode(prompt[told:]))
        examples = sets.get(-(-distance // window), [None] * count)
        if len(examples) < count:
            examples.append(example)
    return sets


def conversation_accuracy(model, tokenizer, count):
    """Conversations of two or three exchanges: percent in which every answer is right."""
    rng, right = random.Random("evaluation conversations"), 0
    for _ in range(count):
        ids, weights = encode_example(tokenizer, corpus.conversation(rng, held_back=True))
        predicted = model.logits(ids).argmax(-1).tolist()
        right += all(predicted[i - 1] == ids[i] for i, weight in enumerate(weights) if weight)
    return round(100 * right / count, 1)


def story_is_sound(text, hero):
    """The hero asked for, one name throughout, and the outcome that belongs to what was found."""
    opening = re.match(r"Once upon a time there was a \w+ (\w+) named (\w+)\. (\w+) lived in ", text)
    if not opening or opening[1] != hero or opening[2] != opening[3]:
        return False
    found = re.search(rf"One day {opening[2]} found (an? [\w ]+)\. {opening[2]} did not know what to do with the ([\w ]+)\.", text)
    return bool(found) and found[1].split(" ", 1)[1] == found[2] and stories.OUTCOMES.get(found[1], "-") in text \
        and f'asked {opening[2]}.' in text and text.rstrip()[-1] == "."


def story_accuracy(model, tokenizer):
    """One greedy story for every hero."""
    sound = 0
    for hero in stories.HEROES:
        prompt, _ = encode_question(tokenizer, chat("", stories.REQUESTS[0].format(hero=stories.article(hero)), "."))
        sound += story_is_sound(tokenizer.decode(model.greedy(prompt, 140, {END_OF_TURN})[:-1]), hero)
    return round(100 * sound / len(stories.HEROES), 1)


@torch.no_grad()
def evaluate(model, count, with_stories=True):
    tokenizer = load_tokenizer()
    result = {name: accuracy(model, tokenizer, examples) for name, examples in task_sets(count)}
    result["small talk, learned phrasings"] = accuracy(model, tokenizer, small_talk_set())
    result["conversations"] = conversation_accuracy(model, tokenizer, count)
    if with_stories:
        result["stories, sound"] = story_accuracy(model, tokenizer)
    by_distance = {str(windows): accuracy(model, tokenizer, examples) for windows, examples in passkey_sets(tokenizer, count).items()}
    return {"exact match in percent": result, "passkeys, by distance in windows of 16 tokens": by_distance}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=200, help="examples of each set")
    parser.add_argument("--out", type=Path, default=FOLDER / "evaluation.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    figures = {"examples of each set": arguments.count, **evaluate(Model.load(arguments.model), arguments.count)}
    text = json.dumps(figures, indent=2)
    arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
