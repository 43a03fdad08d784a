"""A fixed list of facts, asked in many ways."""
from .example import chat
from .words import DAYS, MONTHS, article, casual

CAPITALS = dict(pair.split(": ") for pair in """France: Paris, Germany: Berlin, Italy: Rome, Spain: Madrid, Portugal: Lisbon,
England: London, Ireland: Dublin, Austria: Vienna, Switzerland: Bern, Belgium: Brussels, the Netherlands: Amsterdam, Denmark: Copenhagen,
Sweden: Stockholm, Norway: Oslo, Finland: Helsinki, Poland: Warsaw, the Czech Republic: Prague, Hungary: Budapest, Greece: Athens,
Turkey: Ankara, Russia: Moscow, Ukraine: Kyiv, Romania: Bucharest, Bulgaria: Sofia, Serbia: Belgrade, Croatia: Zagreb, Iceland: Reykjavik,
Scotland: Edinburgh, Wales: Cardiff, the United States: Washington, Canada: Ottawa, Mexico: Mexico City, Brazil: Brasilia, Argentina: Buenos Aires,
Chile: Santiago, Peru: Lima, Colombia: Bogota, Cuba: Havana, Egypt: Cairo, Morocco: Rabat, Kenya: Nairobi, Nigeria: Abuja, Ethiopia: Addis Ababa,
Ghana: Accra, Japan: Tokyo, China: Beijing, India: New Delhi, South Korea: Seoul, Thailand: Bangkok, Vietnam: Hanoi, Indonesia: Jakarta,
Iran: Tehran, Iraq: Baghdad, Israel: Jerusalem, Saudi Arabia: Riyadh, Pakistan: Islamabad, Nepal: Kathmandu, Australia: Canberra,
New Zealand: Wellington, Slovakia: Bratislava, Slovenia: Ljubljana, Estonia: Tallinn, Latvia: Riga, Lithuania: Vilnius"""
                .replace("\n", " ").split(", "))

CONTINENTS = {
    "Europe": """France, Germany, Italy, Spain, Portugal, England, Ireland, Austria, Switzerland, Belgium, Denmark, Sweden, Norway, Finland,
Poland, Hungary, Greece, Romania, Bulgaria, Serbia, Croatia, Iceland, Slovakia, Slovenia, Estonia, Latvia, Lithuania, Ukraine""",
    "Africa": "Egypt, Morocco, Kenya, Nigeria, Ethiopia, Ghana",
    "Asia": "Japan, China, India, South Korea, Thailand, Vietnam, Indonesia, Iran, Iraq, Israel, Pakistan, Nepal",
    "North America": "Canada, Mexico, Cuba, the United States",
    "South America": "Brazil, Argentina, Chile, Peru, Colombia",
}

LANGUAGES = dict(pair.split(": ") for pair in """France: French, Germany: German, Italy: Italian, Spain: Spanish, Portugal: Portuguese,
England: English, Austria: German, Denmark: Danish, Sweden: Swedish, Norway: Norwegian, Finland: Finnish, Poland: Polish, Hungary: Hungarian,
Greece: Greek, Turkey: Turkish, Russia: Russian, Japan: Japanese, China: Chinese, Brazil: Portuguese, Mexico: Spanish, Egypt: Arabic,
the United States: English, Australia: English, Argentina: Spanish""".replace("\n", " ").split(", "))

COLOURS = dict(pair.split(": ") for pair in """the sky: blue, grass: green, the sun: yellow, snow: white, coal: black, blood: red, a banana: yellow,
a tomato: red, a lemon: yellow, milk: white, chocolate: brown, an elephant: grey, a carrot: orange, the sea: blue, a cucumber: green,
a frog: green, the night: black, a strawberry: red, a swan: white, a pumpkin: orange, gold: yellow, silver: grey, a raven: black,
a leaf: green, sand: yellow, a cherry: red, a flamingo: pink, a plum: purple, an orange: orange, coffee: brown""".replace("\n", " ").split(", "))

SOUNDS = dict(pair.split(": ") for pair in """dog: woof, cat: meow, cow: moo, duck: quack, sheep: baa, pig: oink, lion: roar, bee: buzz,
snake: hiss, frog: croak, horse: neigh, owl: hoot, mouse: squeak, rooster: cock-a-doodle-doo, wolf: howl""".replace("\n", " ").split(", "))

YOUNG = dict(pair.split(": ") for pair in """dog: puppy, cat: kitten, cow: calf, horse: foal, sheep: lamb, pig: piglet, duck: duckling, goose: gosling,
bear: cub, lion: cub, deer: fawn, frog: tadpole, kangaroo: joey, hen: chick, goat: kid, swan: cygnet""".replace("\n", " ").split(", "))

OPPOSITES = dict(pair.split(": ") for pair in """hot: cold, big: small, tall: short, fast: slow, day: night, good: bad, happy: sad, light: dark,
old: new, up: down, left: right, open: closed, full: empty, early: late, rich: poor, strong: weak, hard: soft, wet: dry, high: low, loud: quiet,
clean: dirty, long: short, true: false, first: last, inside: outside, start: end, love: hate, win: lose, buy: sell, push: pull, yes: no, black: white,
near: far, easy: difficult, thick: thin, heavy: light, young: old, cheap: expensive, sweet: sour, always: never""".replace("\n", " ").split(", "))

# (many, whole, number)
COUNTS = (("days", "a week", "seven"), ("months", "a year", "twelve"), ("hours", "a day", "24"), ("minutes", "an hour", "60"),
          ("seconds", "a minute", "60"), ("days", "a year", "365"), ("legs", "a dog", "four"), ("legs", "a spider", "eight"),
          ("legs", "an insect", "six"), ("legs", "a bird", "two"), ("wheels", "a car", "four"), ("wheels", "a bicycle", "two"),
          ("sides", "a triangle", "three"), ("sides", "a square", "four"), ("fingers", "a hand", "five"), ("letters", "the alphabet", "26"),
          ("weeks", "a year", "52"), ("planets", "the solar system", "eight"), ("bits", "a byte", "eight"), ("arms", "an octopus", "eight"),
          ("years", "a century", "100"), ("players", "a football team", "eleven"), ("centimetres", "a metre", "100"),
          ("metres", "a kilometre", "1000"), ("grams", "a kilogram", "1000"), ("seasons", "a year", "four"))

DEFINITIONS = dict(line.split(" = ") for line in """Gemma = Gemma is a family of open language models made by Google.
Vulkan = Vulkan is a programming interface for graphics and computing on the GPU.
Azure Functions = Azure Functions is a cloud service that runs small functions when something happens.
Azure = Azure is the cloud platform of Microsoft.
an Azure Function = An Azure Function is a small piece of code that Azure runs when something happens.
a GPU = A GPU is a processor that does many small calculations at the same time.
a CPU = A CPU is the main processor of a computer.
a shader = A shader is a small program that runs on the GPU.
a compute shader = A compute shader is a shader that calculates instead of drawing.
SPIR-V = SPIR-V is the binary language of shaders for Vulkan.
a queue = A queue is a line in which the first to come is the first to be served.
a stack = A stack is a pile in which the last to come is the first to be taken.
a queue trigger = A queue trigger starts a function when a message arrives in a queue.
an HTTP trigger = An HTTP trigger starts a function when a web request arrives.
a timer trigger = A timer trigger starts a function at a set time.
a cold start = A cold start is the wait while a service starts for its first request.
serverless = Serverless means that you run code without looking after servers.
a token = A token is a piece of text that a language model reads or writes at once.
a tokenizer = A tokenizer cuts text into tokens and puts tokens together again.
SentencePiece = SentencePiece is a tool that cuts text into tokens.
a language model = A language model is a program that predicts the next token of a text.
a neural network = A neural network is a program that learns from examples with many simple units.
a transformer = A transformer is a neural network that reads text with attention.
attention = Attention lets every token look at the tokens before it.
sliding window attention = Sliding window attention lets every token look only at the last few tokens.
a softcap = A softcap keeps numbers within a limit in a smooth way.
a KV cache = A KV cache keeps keys and values so that they are not computed again.
RoPE = RoPE is a way to tell attention where a token stands by turning vectors.
RMSNorm = RMSNorm scales a vector to a steady size.
an embedding = An embedding is a list of numbers that stands for a token.
a logit = A logit is the score of a token before it becomes a probability.
softmax = Softmax turns scores into probabilities that add up to one.
greedy decoding = Greedy decoding always takes the most likely token.
sampling = Sampling picks the next token at random by its probability.
temperature = Temperature says how much chance there is in the choice of the next token.
a prompt = A prompt is the text that you give to a language model.
inference = Inference is using a trained model to get answers.
training = Training is how a model learns from examples.
a prefill = A prefill reads the whole prompt before the first token is written.
streaming = Streaming sends an answer piece by piece while it is being made.
BF16 = BF16 is a 16-bit number format with a wide range and few digits.
safetensors = Safetensors is a simple and safe file format for the weights of a model.
GGUF = GGUF is a file format for models that are used on one machine.
quantization = Quantization stores the weights of a model with fewer bits.
a matrix = A matrix is a table of numbers with rows and columns.
a vector = A vector is a list of numbers.
a tensor = A tensor is a block of numbers with any number of dimensions.
C# = C# is a programming language made by Microsoft.
.NET = .NET is a free platform for building and running programs.
Python = Python is a programming language that is easy to read.
JSON = JSON is a text format for data with names and values.
HTTP = HTTP is the language that browsers and web servers speak.
an API = An API is a set of rules by which programs talk to each other.
a server = A server is a computer or program that answers requests.
a client = A client is a program that sends requests to a server.
a database = A database is a store of data that can be searched.
a cache = A cache keeps results close at hand so that they come faster next time.
memory = Memory is where a computer keeps data while it works.
a buffer = A buffer is a piece of memory that holds data for a while.
a thread = A thread is one line of work inside a program.
a compiler = A compiler turns source code into a program that a machine can run.
an algorithm = An algorithm is a list of steps that solves a problem.
a bug = A bug is a mistake in a program.
the cloud = The cloud is computers of others that you use over the internet.
the internet = The internet is a network of computers all over the world.
water = Water is a clear liquid that all living things need.
the moon = The moon is a ball of rock that goes around the Earth.
the sun = The sun is the star at the centre of the solar system.
a volcano = A volcano is a mountain from which hot melted rock can come.
a planet = A planet is a large ball that goes around a star.
rain = Rain is water that falls from clouds.
bread = Bread is a food made of flour and water and baked in an oven.
a bicycle = A bicycle is a vehicle with two wheels that you move with your feet.
a doctor = A doctor is a person who helps sick people get well.
the largest planet = The largest planet is Jupiter.
the smallest planet = The smallest planet is Mercury.
the largest ocean = The largest ocean is the Pacific.
the highest mountain = The highest mountain is Mount Everest.
the longest river = The longest river is the Nile.
the largest animal = The largest animal is the blue whale.
the fastest animal = The fastest animal is the cheetah.
the tallest animal = The tallest animal is the giraffe.
the largest country = The largest country is Russia.
the smallest country = The smallest country is Vatican City.
a library = A library is a place where people can read and borrow books.""".split("\n"))

WHO = dict(pair.split(": ") for pair in """wrote Romeo and Juliet: William Shakespeare, painted the Mona Lisa: Leonardo da Vinci,
wrote Faust: Goethe, discovered gravity: Isaac Newton, developed the theory of relativity: Albert Einstein, invented the telephone: Alexander Graham Bell,
discovered radium: Marie Curie, wrote the first computer program: Ada Lovelace, was the first man on the moon: Neil Armstrong,
composed the Ninth Symphony: Beethoven, invented the light bulb: Thomas Edison, discovered penicillin: Alexander Fleming,
made Linux: Linus Torvalds, founded Microsoft: Bill Gates, made Gemma: Google, made Vulkan: the Khronos Group""".replace("\n", " ").split(", "))

RECITALS = {
    "to five": "1, 2, 3, 4, 5", "to ten": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "from 1 to 10": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    "from one to ten": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10", "from 1 to 5": "1, 2, 3, 4, 5",
}
LISTS = {"the days of the week": ", ".join(DAYS), "the months of the year": ", ".join(MONTHS), "the seasons": "spring, summer, autumn, winter",
         "the planets": "Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune", "the continents":
         "Africa, Antarctica, Asia, Australia, Europe, North America, South America", "three colours": "red, blue, green",
         "three animals": "dog, cat, horse", "three fruits": "apple, pear, banana", "the vowels": "a, e, i, o, u",
         "the primary colours": "red, yellow, blue"}

# Phrasings marked with * are never seen in training.
PHRASINGS = {
    "capital": ("What is the capital of {x}?", "What's the capital of {x}?", "Which city is the capital of {x}?", "Name the capital of {x}.",
                "Tell me the capital of {x}.", "Capital of {x}?", "What is the capital city of {x}?", "Do you know the capital of {x}?",
                "The capital of {x} is", "Can you tell me the capital of {x}?", "{x}: what is its capital?", "Give me the capital of {x}.",
                "*Please name the capital city of {x}.", "*Which city is the capital city of {x}?"),
    "country": ("{x} is the capital of which country?", "Which country has {x} as its capital?", "What country is {x} the capital of?",
                "{x} is the capital of what?", "*Of which country is {x} the capital?"),
    "continent": ("On which continent is {x}?", "Where is {x}?", "Which continent is {x} on?", "In which continent is {x}?", "What continent is {x} in?",
                  "*Tell me on which continent {x} is."),
    "language": ("What language do people speak in {x}?", "Which language is spoken in {x}?", "What is the language of {x}?",
                 "What do people speak in {x}?", "Which language do they speak in {x}?", "*What language is spoken in {x}?"),
    "colour": ("What colour is {x}?", "What is the colour of {x}?", "Which colour is {x}?", "What color is {x}?", "Tell me the colour of {x}.",
               "What is the color of {x}?", "What's the colour of {x}?", "Which colour does {x} have?", "*Tell me what colour {x} is.", "*Which color is {x}?"),
    "sound": ("What does {x} say?", "What sound does {x} make?", "Which sound does {x} make?", "What noise does {x} make?", "How does {x} sound?",
              "*Tell me what sound {x} makes."),
    "young": ("What is a young {x} called?", "What is a baby {x} called?", "What do you call a young {x}?", "What do you call a baby {x}?",
              "What is the name for a young {x}?", "*What's a baby {x} called?"),
    "opposite": ("What is the opposite of {x}?", "What's the opposite of {x}?", "Opposite of {x}?", "Tell me the opposite of {x}.",
                 "Give me the opposite of {x}.", "Which word is the opposite of {x}?", "The opposite of {x} is", "*Name the opposite of {x}.",
                 "*Can you tell me the opposite of {x}?"),
    "count": ("How many {many} are in {x}?", "How many {many} does {x} have?", "How many {many} are there in {x}?", "How many {many} has {x}?",
              "Tell me how many {many} {x} has.", "*Can you tell me how many {many} {x} has?"),
    "after": ("What comes after {x}?", "What is after {x}?", "What follows {x}?", "Which comes after {x}?", "*Tell me what comes after {x}."),
    "before": ("What comes before {x}?", "What is before {x}?", "Which comes before {x}?", "*Tell me what comes before {x}."),
    "who": ("Who {x}?", "Do you know who {x}?", "Tell me who {x}.", "Who was it that {x}?", "*Can you tell me who {x}?"),
    "recital": ("Count {x}.", "Can you count {x}?", "Please count {x}.", "*I want you to count {x}."),
    "list": ("List {x}.", "Name {x}.", "What are {x}?", "Tell me {x}.", "Give me {x}.", "Can you list {x}?", "*Please list {x}.", "*Can you name {x}?"),
    "definition": ("What is {x}?", "What is {x}?", "What's {x}?", "Define {x}.", "Explain {x}.", "Tell me what {x} is.", "Can you explain {x}?",
                   "Please explain {x}.", "Explain what {x} is.", "Do you know what {x} is?", "What does {x} mean?", "Tell me about {x}.",
                   "Describe {x}.", "{x}?", "Can you tell me what {x} is?", "Give me a definition of {x}.", "Please tell me what {x} is.",
                   "*Can you explain what {x} is?", "*Please define {x}.", "*What do you know about {x}?"),
}

# What people put around a question.
SURROUNDINGS = ("Hi, {}", "Hello! {}", "Hey, {}", "Question: {}", "Quick question: {}", "Nano, {}", "I have a question. {}",
                "I want to know: {}", "Answer this: {}", "{} Thanks!", "{} Thank you.", "{} I want to know.")

CONTINENT_OF = {country: continent for continent, countries in CONTINENTS.items()
                for country in countries.replace("\n", " ").split(", ")}


def _capitalized(text):
    return text[0].upper() + text[1:]


def _facts():
    """(kind, subject as asked, other phrasing values, answer) of every fact."""
    for country, capital in CAPITALS.items():
        yield "capital", country, {}, f"The capital of {country} is {capital}."
        yield "country", capital, {}, f"{capital} is the capital of {country}."
    for country, continent in CONTINENT_OF.items():
        yield "continent", country, {}, f"{_capitalized(country)} is in {continent}."
    for country, language in LANGUAGES.items():
        yield "language", country, {}, f"People in {country} speak {language}."
    for thing, colour in COLOURS.items():
        yield "colour", thing, {}, f"{_capitalized(thing)} is {colour}."
    for animal, sound in SOUNDS.items():
        yield "sound", article(animal), {}, f"{_capitalized(article(animal))} says {sound}."
    for animal, young in YOUNG.items():
        yield "young", animal, {}, f"A young {animal} is called a {young}."
    for word, opposite in OPPOSITES.items():
        yield "opposite", word, {}, f"The opposite of {word} is {opposite}."
    for many, whole, number in COUNTS:
        yield "count", whole, {"many": many}, f"{_capitalized(whole)} has {number} {many}."
    for row in (DAYS, MONTHS):
        for this, following in zip(row, row[1:] + row[:1]):
            yield "after", this, {}, f"{following} comes after {this}."
            yield "before", following, {}, f"{this} comes before {following}."
    for deed, person in WHO.items():
        yield "who", deed, {}, f"{_capitalized(person)} {deed}."
    for span, numbers in RECITALS.items():
        yield "recital", span, {}, numbers
    for name, members in LISTS.items():
        yield "list", name, {}, members
    for term, definition in DEFINITIONS.items():
        yield "definition", term, {}, definition


FACTS = tuple(_facts())
KINDS = {kind: [fact for fact in FACTS if fact[0] == kind] for kind in PHRASINGS}
SHARES = {kind: len(facts) ** 0.75 * (2 if kind in ("capital", "definition") else 1) for kind, facts in KINDS.items()}


def ask(rng, fact, phrasing):
    kind, subject, values, answer = fact
    prompt = _capitalized(phrasing.format(x=subject, **values))
    if rng.random() < 0.2:
        prompt = rng.choice(SURROUNDINGS).format(prompt)
    # The first phrasing is learned for every fact, so that no fact is held back altogether.
    key = None if phrasing == PHRASINGS[kind][0] else f"{kind} {subject} {phrasing}"
    return chat(key, casual(rng, prompt), answer)


def draw(rng):
    kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
    seen = [phrasing for phrasing in PHRASINGS[kind] if phrasing[0] != "*"]
    return ask(rng, rng.choice(KINDS[kind]), rng.choice(seen))


def draw_new_phrasing(rng):
    """Phrasings that training never shows for any subject."""
    kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
    unseen = [phrasing[1:] for phrasing in PHRASINGS[kind] if phrasing[0] == "*"]
    return ask(rng, rng.choice(KINDS[kind]), rng.choice(unseen))
