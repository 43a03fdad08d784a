"""What every task of the corpus hands out."""
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """`segments` are (text, learned) pairs; `key` decides whether the example is held back for evaluation."""
    key: str
    segments: tuple
    weight: float = 1.0

    @property
    def text(self):
        return "".join(text for text, _ in self.segments)


def chat(key, *messages, weight=1.0):
    """A conversation: user, model, user, model ... Only what the model says is learned."""
    segments = []
    for user, model in zip(messages[::2], messages[1::2]):
        segments.append((f"<start_of_turn>user\n{user.strip()}<end_of_turn>\n<start_of_turn>model\n", False))
        segments.append((f"{model}<end_of_turn>", True))
        segments.append(("\n", False))
    return Example(key, tuple(segments[:-1]), weight)


def share(key):
    """A number in 0..99 that depends on the key alone, the same in every run."""
    return zlib.crc32(key.encode()) % 100


def is_held_back(key):
    return share(key) < 10
