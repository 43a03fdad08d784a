"""Examples as token ids with one weight per token."""
from pathlib import Path

import sentencepiece

EOS, BOS, END_OF_TURN = 1, 2, 107
FOLDER = Path(__file__).parent.parent


def load_tokenizer():
    return sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / "tokenizer.model"))


def encode(tokenizer, text):
    """<eos> is a control piece: SentencePiece does not find it in text."""
    ids = tokenizer.encode(text.removesuffix("<eos>"))
    return ids + [EOS] if text.endswith("<eos>") else ids


def encode_example(tokenizer, example):
    """(ids, weights); weight 0 means that the token is read and not learned."""
    ids, weights = [BOS], [0.0]
    for text, learned in example.segments:
        piece = encode(tokenizer, text)
        ids += piece
        weights += [example.weight * learned] * len(piece)
    return ids, weights


def encode_question(tokenizer, example):
    """The prompt and the expected answer of an example with one exchange."""
    ids, weights = encode_example(tokenizer, example)
    start = next(i for i, weight in enumerate(weights) if weight)
    return ids[:start], ids[start:]
