"""Nothing but copying and looking up: teaches the attention heads to find what came before, densely and early."""
from .example import Example
from .words import ALL_WORDS, digits, invented


def _item(rng):
    kind = rng.random()
    return rng.choice(ALL_WORDS) if kind < 0.4 else invented(rng) if kind < 0.7 else digits(rng, rng.randint(1, 5))


def repetition(rng):
    text = " ".join(_item(rng) for _ in range(rng.randint(3, 20)))
    return Example(text, ((text + "\n", False), (text + "\n", True)), 0.5)


def lookup(rng):
    """A table, then some of its lines again, in another order."""
    keys = list({_item(rng) for _ in range(rng.randint(3, 10))})
    keys.sort()
    rng.shuffle(keys)
    lines = {key: f": {_item(rng)}\n" for key in keys}
    segments = [("".join(key + lines[key] for key in keys), False)]
    for key in rng.sample(keys, min(len(keys), 5)):
        segments += [(key, False), (lines[key], True)]
    return Example("".join(keys), tuple(segments), 0.5)


def draw(rng):
    return repetition(rng) if rng.random() < 0.5 else lookup(rng)
