"""Repeating, reversing, sorting, and picking from lists."""
from .example import chat
from .words import ALL_WORDS, ANIMALS, COLOURS, FRUITS, PLAIN_WORDS, THINGS, invented, small_first

ORDINALS = ("first", "second", "third", "fourth", "fifth")
CATEGORIES = {"colour": COLOURS, "animal": ANIMALS, "fruit": [fruit for fruit in FRUITS if fruit != "orange"]}


def _words(rng, low, high):
    return rng.sample(ALL_WORDS, rng.randint(low, high))


def repeat(rng):
    words = [invented(rng) if rng.random() < 0.3 else rng.choice(ALL_WORDS) for _ in range(rng.randint(1, 7))]
    if rng.random() < 0.3:
        words = [str(rng.randrange(1000)) for _ in words]
    text = rng.choice((" ", " ", ", ")).join(words)
    prompt = small_first(rng, rng.choice(("Repeat: {}", "Repeat after me: {}", "Copy this: {}", "Say this again: {}", "Echo: {}", "Repeat this text: {}")))
    return chat(f"repeat {text}", prompt.format(text), text)


def reverse(rng):
    words = _words(rng, 2, 5)
    text = ", ".join(words)
    prompt = small_first(rng, rng.choice(("Reverse this list: {}", "Reverse: {}", "Say these words backwards: {}", "Reverse the order: {}")))
    return chat(f"reverse {text}", prompt.format(text), ", ".join(reversed(words)))


def sort_words(rng):
    words = _words(rng, 2, 5)
    text = ", ".join(words)
    prompt = small_first(rng, rng.choice(("Sort these words: {}", "Sort: {}", "Sort alphabetically: {}", "Put these words in alphabetical order: {}",
                         "Sort this list: {}", "Sort the words: {}")))
    return chat(f"sort {' '.join(sorted(words))}", prompt.format(text), ", ".join(sorted(words)))


def sort_numbers(rng):
    numbers = rng.sample(range(100), rng.randint(2, 5))
    text = ", ".join(map(str, numbers))
    prompt = small_first(rng, rng.choice(("Sort these numbers: {}", "Sort: {}", "Sort the numbers: {}", "Put these numbers in order: {}",
                         "Order these numbers: {}", "Sort this list: {}")))
    return chat(f"sort {' '.join(map(str, sorted(numbers)))}", prompt.format(text), ", ".join(map(str, sorted(numbers))))


def nth(rng):
    words = _words(rng, 2, 5)
    text = ", ".join(words)
    place = rng.randrange(len(words) + 1)
    ordinal = "last" if place == len(words) else ORDINALS[place]
    word = words[-1] if place == len(words) else words[place]
    prompt = small_first(rng, rng.choice(("What is the {} word of: {}", "What is the {} word in this list: {}", "Give me the {} word: {}",
                         "Which word is {}: {}")))
    return chat(f"nth {ordinal} {text}", prompt.format(ordinal, text), word)


def category(rng):
    name = rng.choice(list(CATEGORIES))
    word = rng.choice(CATEGORIES[name])
    words = rng.sample(THINGS + PLAIN_WORDS, rng.randint(2, 4)) + [word]
    rng.shuffle(words)
    text = ", ".join(words)
    named = "an animal" if name == "animal" else f"a {name}"
    prompt = small_first(rng, rng.choice(("Which of these is {}: {}", "Which word is {}: {}", "Find the word that is {}: {}")))
    return chat(f"category {text}", prompt.format(named, text), word)


TASKS = (repeat, repeat, reverse, sort_words, sort_words, sort_numbers, sort_numbers, nth, category)


def draw(rng):
    return rng.choice(TASKS)(rng)
