"""Checks ../tokenizer.model: the layout of Gemma's ids, and that text comes back as it went in."""
import random

import corpus
from tokens import load_tokenizer

NAMED = {0: "<pad>", 1: "<eos>", 2: "<bos>", 3: "<unk>", 4: "<mask>", 106: "<start_of_turn>", 107: "<end_of_turn>",
         108: "\n", 138: "\n" * 31, 139: "\u2581" * 2, 168: "\u2581" * 31, 217: "<0x00>", 472: "<0xFF>"}

tokenizer = load_tokenizer()
for number, piece in NAMED.items():
    assert tokenizer.id_to_piece(number) == piece, (number, piece)
for number in range(tokenizer.get_piece_size()):
    assert tokenizer.is_control(number) == (number < 3) and tokenizer.is_byte(number) == (217 <= number <= 472), number
    assert number < 474 or tokenizer.get_score(number) < tokenizer.get_score(number - 1), number

texts = ["", " ", "  two  spaces ", "\n\n\nlines\n", "\ttab", "1234567890", "h\u00e4\u00df \u4eca\u65e5 \U0001f600", "<start_of_turn>user\nHi<end_of_turn>\n"]
rng = random.Random("check")
texts += [corpus.draw(task, rng).text.removesuffix("<eos>") for task in corpus.TASKS for _ in range(200)]
for text in texts:
    assert tokenizer.decode(tokenizer.encode(text)) == text, text
print(f"{tokenizer.get_piece_size()} pieces, {len(texts)} texts come back unchanged")
