"""From a sentence or a record to a JSON object, or to the answer of one question."""
import json

from .example import chat
from .words import COLOURS, DAYS, FRUITS, JOBS, THINGS, city, digits, person, plural, small_first


def _person(rng):
    return {"name": person(rng), "age": rng.randint(1, 99), "city": city(rng)}


def _age(rng):
    return {"name": person(rng), "age": rng.randint(1, 99)}


def _contact(rng):
    return {"name": person(rng), "phone": digits(rng, rng.randint(4, 7))}


def _worker(rng):
    return {"name": person(rng), "job": rng.choice(JOBS), "city": city(rng)}


def _order(rng):
    return {"customer": person(rng), "quantity": rng.randint(2, 99), "item": plural(rng.choice(FRUITS + THINGS))}


def _meeting(rng):
    return {"person": person(rng), "day": rng.choice(DAYS), "time": f"{rng.randint(7, 20)}:{rng.choice(('00', '15', '30', '45'))}"}


def _product(rng):
    return {"product": rng.choice(THINGS), "colour": rng.choice(COLOURS), "price": rng.randint(1, 200)}


SCHEMAS = (
    (_person, ("{name} is {age} years old and lives in {city}.", "{name} lives in {city} and is {age} years old.",
               "My name is {name}, I am {age} years old and I live in {city}.", "{name}, {age}, lives in {city}.",
               "{name} ({age}) is from {city}.", "I met {name} in {city}, who is {age} years old."),
     {"How old is {name}?": "{name} is {age} years old.", "Where does {name} live?": "{name} lives in {city}."}),
    (_age, ("{name} is {age} years old.", "{name} is {age}.", "{name} ({age})", "I am {name} and I am {age} years old."),
     {"How old is {name}?": "{name} is {age} years old."}),
    (_contact, ("{name} has the phone number {phone}.", "The phone number of {name} is {phone}.", "Call {name} at {phone}.", "{name}, phone {phone}"),
     {"What is the phone number of {name}?": "The phone number of {name} is {phone}."}),
    (_worker, ("{name} is a {job} from {city}.", "{name} works as a {job} in {city}.", "The {job} {name} lives in {city}.",
               "In {city}, {name} works as a {job}."),
     {"What is the job of {name}?": "{name} is a {job}.", "Where does {name} live?": "{name} lives in {city}."}),
    (_order, ("{customer} ordered {quantity} {item}.", "{customer} bought {quantity} {item}.", "Please send {quantity} {item} to {customer}.",
              "Order: {quantity} {item} for {customer}.", "{customer} wants {quantity} {item}."),
     {"How many {item} are in the order?": "There are {quantity} {item}.", "Who wants the {item}?": "{customer} wants the {item}."}),
    (_meeting, ("Meeting with {person} on {day} at {time}.", "On {day} at {time} I will meet {person}.", "{person} comes on {day} at {time}.",
                "I have a call with {person} on {day} at {time}."),
     {"When is the meeting?": "The meeting is on {day} at {time}.", "Who do I meet on {day}?": "You meet {person}."}),
    (_product, ("The {colour} {product} costs {price} euros.", "We sell a {colour} {product} for {price} euros.", "A {colour} {product} is {price} euros.",
                "For {price} euros you get a {colour} {product}."),
     {"How much is the {product}?": "The {product} costs {price} euros.", "What colour is the {product}?": "The {product} is {colour}."}),
)

ALL_FIELDS = ("Turn this into JSON: {text}", "JSON: {text}", "Convert to JSON: {text}", "Make JSON from this: {text}",
              "Extract the data as JSON: {text}", "{text} Give me this as JSON.")
SOME_FIELDS = ("Extract {fields} as JSON: {text}", "Extract the {fields} as JSON: {text}", "Give me {fields} as JSON: {text}",
               "Return JSON with {fields}: {text}", "{text} Extract {fields} as JSON.", "Extract JSON with {fields} from: {text}",
               "Extract {fields}: {text}")


def _listed(fields):
    return fields[0] if len(fields) == 1 else ", ".join(fields[:-1]) + " and " + fields[-1]


def to_json(rng):
    make, sentences, _ = rng.choice(SCHEMAS)
    record = make(rng)
    text = rng.choice(sentences).format(**record)
    if rng.random() < 0.25:
        text = rng.choice(("; ", ", ")).join(f"{field}: {value}" for field, value in record.items())
    key = f"json {json.dumps(record)}"
    if rng.random() < 0.5:
        return chat(key, small_first(rng, rng.choice(ALL_FIELDS)).format(text=text), json.dumps(record))
    fields = rng.sample(list(record), rng.randint(1, len(record)))
    prompt = small_first(rng, rng.choice(SOME_FIELDS)).format(fields=_listed(fields), text=text)
    return chat(key, prompt, json.dumps({field: record[field] for field in fields}))


def to_answer(rng):
    make, sentences, questions = rng.choice(SCHEMAS)
    record = make(rng)
    question, answer = rng.choice(list(questions.items()))
    prompt = f"{rng.choice(sentences)} {question}".format(**record)
    return chat(f"answer {json.dumps(record)}", prompt, answer.format(**record))


def draw(rng):
    return to_json(rng) if rng.random() < 0.7 else to_answer(rng)
