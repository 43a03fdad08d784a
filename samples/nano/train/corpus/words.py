"""Word lists and small random things that several tasks share."""

NAMES = """Anna Ben Carla David Emma Felix Grace Hugo Ida Jack Kate Leo Maria Nora Oscar Paul Rosa Sam Tom Vera
Alice Bob Clara Daniel Eva Frank Greta Henry Iris John Julia Karl Laura Max Mia Nina Peter Sara Simon Zoe""".split()

CITIES = """Paris London Berlin Rome Madrid Vienna Oslo Lisbon Dublin Prague Athens Warsaw Zurich Boston Chicago Tokyo
Sydney Toronto Lima Cairo Hamburg Milan Munich Seattle Geneva Porto Lyon Delhi Seoul Moscow""".split()

JOBS = """teacher doctor baker painter farmer pilot nurse writer singer driver lawyer cook builder student gardener
dentist""".split()

COLOURS = "red blue green yellow black white orange purple brown pink grey".split()

ANIMALS = """dog cat fox bear rabbit mouse owl horse cow duck frog lion tiger wolf sheep goat pig bird fish snake
turtle elephant monkey bee""".split()

FRUITS = "apple pear banana cherry lemon orange plum grape peach mango melon kiwi fig lime berry".split()

THINGS = """book lamp chair table cup ball hat key box clock shirt shoe bag pen phone door window bottle coat ring
spoon bowl candle basket blanket mirror""".split()

PLAIN_WORDS = """river stone house garden forest mountain bridge street cloud rain snow wind summer winter morning
evening music paper water fire light night friend story dream island ship train road field flower tree leaf bread
milk honey sugar salt happy quick slow warm cold small tall old new""".split()

MONTHS = "January February March April May June July August September October November December".split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

ALL_WORDS = sorted(set(ANIMALS + FRUITS + THINGS + PLAIN_WORDS + COLOURS))

ONSETS = "b br c ch cl d dr f fr g gr h j k kr l m n p pl pr qu r s sh st t th tr v w z".split() + [""]
VOWELS = "a a a e e e i i o o u ai ea ee ie oo ou y".split()
CODAS = "n r s l t m d nd st ck rd ng x".split() + [""] * 14

SURNAMES = "Smith Jones Brown Miller Fischer Weber Rossi Garcia Martin Silva Novak Taylor Wilson Meyer Jansen".split()


def invented(rng):
    """A pronounceable word that most likely nobody uses."""
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 2, 2, 3))))


def person(rng):
    name = rng.choice(NAMES) if rng.random() < 0.6 else invented(rng).capitalize()
    if rng.random() < 0.15:
        name += " " + (rng.choice(SURNAMES) if rng.random() < 0.5 else invented(rng).capitalize())
    return name


def city(rng):
    return rng.choice(CITIES) if rng.random() < 0.7 else invented(rng).capitalize()


def digits(rng, count):
    return str(rng.randrange(1, 10)) + "".join(str(rng.randrange(10)) for _ in range(count - 1))


def plural(noun):
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("x", "ch", "sh", "s")):
        return noun + "es"
    return {"mouse": "mice", "wolf": "wolves", "sheep": "sheep", "fish": "fish"}.get(noun, noun + "s")


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def casual(rng, prompt):
    """People leave out capitals and question marks."""
    if rng.random() < 0.15:
        prompt = prompt[0].lower() + prompt[1:]
    if rng.random() < 0.15:
        prompt = prompt.rstrip("?.!")
    if rng.random() < 0.15:
        prompt = prompt.lower()
    return prompt


def small_first(rng, template):
    """The same for prompts whose later words must stay as they are."""
    return template[0].lower() + template[1:] if rng.random() < 0.15 else template
