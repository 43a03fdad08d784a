"""The text the model learns from, drawn on the fly from seeded random numbers."""
from . import arithmetic, copying, extraction, facts, lists, passkeys, smalltalk, stories
from .example import Example, is_held_back

TASKS = {"facts": facts.draw, "arithmetic": arithmetic.draw, "lists": lists.draw, "extraction": extraction.draw,
         "passkeys": passkeys.draw, "stories": stories.draw, "smalltalk": smalltalk.draw, "copying": copying.draw}


def draw(task, rng, held_back=False):
    """One example of the training set, or of the held-back set."""
    while True:
        example = TASKS[task](rng)
        if is_held_back(example.key) == held_back:
            return example


SHORT = ("facts", "facts", "arithmetic", "smalltalk", "lists", "extraction")


def conversation(rng, held_back=False):
    """Two or three short exchanges in a row."""
    parts = [draw(rng.choice(SHORT), rng, held_back) for _ in range(rng.randint(2, 3))]
    segments = []
    for part in parts:
        segments += [*part.segments, ("\n", False)]
    return Example(None, tuple(segments[:-1]))


def training_example(rng, mixture):
    """`mixture` maps tasks, and "conversation", to their shares."""
    task = rng.choices(list(mixture), list(mixture.values()))[0]
    return conversation(rng) if task == "conversation" else draw(task, rng)
