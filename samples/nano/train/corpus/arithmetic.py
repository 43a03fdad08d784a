"""Small sums, differences and products."""
from .example import chat
from .words import casual

PHRASINGS = {
    "+": ("What is {a} + {b}?", "{a} + {b}", "{a}+{b}", "{a} + {b} =", "{a}+{b}=?", "What is {a} plus {b}?", "Calculate {a} + {b}.",
          "Add {a} and {b}.", "How much is {a} + {b}?", "Compute {a} + {b}.", "What's {a} + {b}?", "{a} plus {b}",
          "What is the sum of {a} and {b}?", "What is {a}+{b}?"),
    "-": ("What is {a} - {b}?", "{a} - {b}", "{a}-{b}", "{a} - {b} =", "What is {a} minus {b}?", "Calculate {a} - {b}.",
          "Subtract {b} from {a}.", "How much is {a} - {b}?", "Compute {a} - {b}.", "What's {a} - {b}?", "{a} minus {b}", "What is {a}-{b}?"),
    "*": ("What is {a} * {b}?", "{a} * {b}", "{a}*{b}", "{a} * {b} =", "What is {a} times {b}?", "Calculate {a} * {b}.",
          "Multiply {a} by {b}.", "How much is {a} * {b}?", "What's {a} * {b}?", "{a} times {b}", "What is {a}*{b}?", "What is {a} x {b}?"),
}


def draw(rng):
    operator = rng.choice("++-*")
    if operator == "*":
        a, b = rng.randint(0, 10), rng.randint(0, 10)
    else:
        a, b = rng.randint(0, 50), rng.randint(0, 50)
    if operator == "-" and b > a:
        a, b = b, a
    result = {"+": a + b, "-": a - b, "*": a * b}[operator]
    prompt = rng.choice(PHRASINGS[operator]).format(a=a, b=b)
    # The multiplication table is a list of facts: none of it can be worked out, so its phrasings are held back instead.
    key = prompt if operator == "*" else f"{a}{operator}{b}"
    return chat(key, casual(rng, prompt), f"{a} {operator} {b} = {result}", weight=2.0)
