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


def chat(key, user, model, weight=1.0):
    """One exchange in the chat template. Only what the model says is learned."""
    asked = f"<start_of_turn>user\n{user.strip()}<end_of_turn>\n<start_of_turn>model\n"
    return Example(key, ((asked, False), (f"{model}<end_of_turn>", True)), weight)


def is_held_back(key):
    """One key in ten, the same ones in every run; never None."""
    return key is not None and zlib.crc32(key.encode()) % 100 < 10
