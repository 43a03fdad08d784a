"""Builds ../tokenizer.model: a SentencePiece BPE vocabulary of 2048 pieces with the layout of Gemma's."""
import io
import random
import string

import sentencepiece

import corpus
from tokens import FOLDER

SENTENCES_PER_TASK = {"facts": 12000, "arithmetic": 1500, "lists": 6000, "extraction": 8000, "passkeys": 3000, "stories": 3000,
                      "smalltalk": 6000, "copying": 500}


def pieces_before_bytes():
    """Ids 4 to 216: <mask>, turn markers at 106 and 107, runs of newlines and spaces, the rest unused."""
    named = {4: "<mask>", 106: "<start_of_turn>", 107: "<end_of_turn>"}
    named.update({108 + i: "\n" * (i + 1) for i in range(31)})
    named.update({139 + i: "\u2581" * (i + 2) for i in range(30)})
    unused = iter(range(1000))
    return [named.get(i) or f"<unused{next(unused)}>" for i in range(4, 217)]


def sentences():
    yield " ".join(string.printable.strip())  # every ASCII character becomes a piece
    rng = random.Random("tokenizer")
    for task, count in SENTENCES_PER_TASK.items():
        for _ in range(count):
            for segment, _ in corpus.draw(task, rng).segments:
                for line in segment.replace("<eos>", "").replace("<start_of_turn>", "").replace("<end_of_turn>", "").split("\n"):
                    if line:
                        yield line


def build():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(), model_writer=model, model_type="bpe", vocab_size=2048, byte_fallback=True, split_digits=True,
        character_coverage=1.0,
        add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity", allow_whitespace_only_pieces=True,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        user_defined_symbols=pieces_before_bytes(), num_threads=1, minloglevel=1)
    (FOLDER / "tokenizer.model").write_bytes(model.getvalue())


if __name__ == "__main__":
    build()
