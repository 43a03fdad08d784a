"""Short stories from a grammar, as plain text and on request."""
from .example import Example, chat
from .words import article, casual

HEROES = "fox rabbit bear mouse owl cat dog frog duck wolf lion horse turtle bird robot dragon boy girl king princess".split()
FEMALE = {"girl", "princess"}
MALE = {"boy", "king"}
NAMES = {"she": "Mia Luna Rosa Nina Ella Daisy Ruby Bella".split(), "he": "Max Leo Tom Finn Oscar Ben Hugo Milo".split()}
TRAITS = "little brave clever happy shy curious kind lonely".split()
PLACES = ("a deep forest", "a small village", "an old castle", "a quiet valley", "a house by the sea", "a big city", "a green garden",
          "a cave in the hills")
FINDS = ("a golden key", "a lost kitten", "an old map", "a shiny stone", "a strange egg", "a little boat", "a broken lamp", "a red balloon")
HELPERS = "an old owl,a friendly bee,a wise turtle,a small mouse,a tall giraffe,a funny monkey,a kind witch,a white horse".split(",")
OUTCOMES = {
    "a golden key": "They found an old door and opened it with the golden key.",
    "a lost kitten": "They looked for its mother and brought the lost kitten home.",
    "an old map": "They followed the old map and found a box full of sweets.",
    "a shiny stone": "They put the shiny stone in the window, and it glowed every night.",
    "a strange egg": "They kept the strange egg warm until a tiny dragon came out.",
    "a little boat": "They sat in the little boat and sailed to an island.",
    "a broken lamp": "They repaired the broken lamp and lit the whole street.",
    "a red balloon": "They held on to the red balloon and flew over the trees.",
}
ENDINGS = ("From that day on they were best friends.", "Everyone was happy and they had a big party.",
           "{Pronoun} went home and slept very well.", "And {pronoun} never felt alone again.")
REQUESTS = ("Tell me a story about {hero}.", "Tell me a short story about {hero}.", "Write a story about {hero}.",
            "Write a short story about {hero}.", "I want a story about {hero}.", "Can you tell me a story about {hero}?",
            "Please tell me a story about {hero}.", "A story about {hero}, please.")
OPEN_REQUESTS = ("Tell me a story.", "Tell me a short story.", "Write a story.", "Can you tell me a story?", "Please tell me a story.",
                 "Write a short story.", "Once upon a time", "I want to hear a story.")


def story(rng, hero):
    pronoun = "she" if hero in FEMALE else "he" if hero in MALE else rng.choice(("she", "he"))
    name, trait, find, helper = rng.choice(NAMES[pronoun]), rng.choice(TRAITS), rng.choice(FINDS), rng.choice(HELPERS)
    found = find.split(" ", 1)[1]
    sentences = [
        f"Once upon a time there was a {trait} {hero} named {name}.",
        f"{name} lived in {rng.choice(PLACES)}.",
        f"One day {name} found {find}.",
        f"{name} did not know what to do with the {found}.",
        f"Then {pronoun} met {helper}.",
        f'"Can you help me?" asked {name}.',
        f'"Yes, I can," said the {helper.split(" ", 1)[1]}.',
        OUTCOMES[find],
        rng.choice(ENDINGS).format(pronoun=pronoun, Pronoun=pronoun.capitalize()),
    ]
    return " ".join(sentences)


def draw(rng):
    hero = rng.choice(HEROES)
    text = story(rng, hero)
    if rng.random() < 0.35:
        return Example(text, ((text + "<eos>", True),), 0.3)
    if rng.random() < 0.25:
        return chat(text, casual(rng, rng.choice(OPEN_REQUESTS)), text, weight=0.3)
    return chat(text, casual(rng, rng.choice(REQUESTS).format(hero=article(hero))), text, weight=0.3)
