"""A number hidden in filler text and asked for much later."""
from .example import chat
from .words import ANIMALS, CITIES, COLOURS, DAYS, JOBS, NAMES, THINGS, article, digits, person, plural

KINDS = ("passkey", "passkey", "passkey", "pass key", "password", "secret code", "secret number", "access code", "PIN")

FILLERS = ("The grass is green.", "The sky is blue.", "The sun is yellow.", "Here we go.", "There and back again.",
           "The {colour} {thing} is on the table.", "{name} went to {city} on {day}.", "The {animal} sleeps all day.",
           "It rained in {city}.", "{name} is {job}.", "The {animal} and the {animal2} are friends.", "On {day} it was cold.",
           "{name} has {number} {things}.", "We walked to the river.", "Nobody saw the {animal}.", "The train to {city} was late.",
           "{name} likes the {colour} {thing}.", "Time goes by.", "The wind was strong that night.", "There are {number} houses in the street.")


TOLD = ("The {0} is {1}.", "The {0} is {1}.", "The {0} is {1}. Remember it.", "Remember that the {0} is {1}.", "Your {0} is {1}.",
        "The {0} is {1}. Remember it. {1} is the {0}.")
ASKED = ("What is the {}?", "What is the {}?", "What was the {}?", "Tell me the {}.", "Now tell me the {}.")


def filler(rng):
    animal, animal2 = rng.sample(ANIMALS, 2)
    thing = rng.choice(THINGS)
    return rng.choice(FILLERS).format(animal=animal, animal2=animal2, colour=rng.choice(COLOURS), thing=thing, things=plural(thing),
                                      name=rng.choice(NAMES), city=rng.choice(CITIES), day=rng.choice(DAYS),
                                      job=article(rng.choice(JOBS)), number=rng.randint(2, 99))


def _fillers(rng, count):
    return [filler(rng) for _ in range(count)]


def single(rng, sentences):
    """One passkey, `sentences` sentences before the question."""
    kind, key = rng.choice(KINDS), digits(rng, rng.choice((4, 5, 5, 5, 6)))
    told = rng.choice(TOLD).format(kind, key)
    asked = rng.choice(ASKED).format(kind)
    opening = [f"There is {article(kind)} in this text."] if rng.random() < 0.2 else []
    text = opening + _fillers(rng, rng.choice((0, 0, 1, 2, 3))) + [told] + _fillers(rng, sentences) + [asked]
    return chat(key, " ".join(text), f"The {kind} is {key}.", weight=2.0)


def several(rng, sentences):
    """The codes of several people, one of which is asked for."""
    people = list({person(rng) for _ in range(rng.randint(2, 4))})
    people.sort()
    rng.shuffle(people)
    codes = [digits(rng, 4) for _ in people]
    text = [f"The code of {name} is {code}." for name, code in zip(people, codes)]
    text += _fillers(rng, sentences // 2)
    wanted = rng.randrange(len(people))
    text.append(f"What is the code of {people[wanted]}?")
    return chat(codes[wanted], " ".join(text), f"The code of {people[wanted]} is {codes[wanted]}.", weight=2.0)


def draw(rng):
    sentences = rng.randint(0, rng.choice((4, 8, 12, 20, 24, 36)))  # the short ones are where finding is learned first
    return single(rng, sentences) if rng.random() < 0.75 else several(rng, sentences)
