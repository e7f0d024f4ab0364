"""Which embedder this local Bedrock has: the bundled one, or wordllama's static word vectors.

It is chosen once, when a `LocalBedrock` is made, and stands in for *every* embedding model: whichever model a request or
a knowledge base names decides how long its vectors are, never what is in them. So all that is in one index, and every
question asked of it, comes from the same embedder.

wordllama makes 256 numbers, and no model of Bedrock's offers fewer. A longer vector carries them first and zeros behind
them, which changes no distance between two texts.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from bedrock_gateway.errors import MissingExtraError
from bedrock_gateway.local.knowledge import embedding

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EMBEDDERS", "HASHING", "Embedder", "Embedding", "WordLlama", "embedder_named"]

_WORDLLAMA_DIMENSIONS = 256
_MOST_CHARACTERS = 50_000
"""What Titan takes at most; wordllama holds a row for each piece of a word."""


class Embedder(Protocol):
    """Turns texts into vectors; safe in any number of threads."""

    @property
    def name(self) -> str:
        """What it is chosen by."""
        ...

    def embed(self, texts: Sequence[str], dimensions: int) -> list[list[float]]:
        """Return a vector of length 1 for each text, *dimensions* numbers long; the same in every run."""
        ...


class Hashing:
    """The bundled one: hashed words and word parts, with no model behind them (`embedding`)."""

    name = "hashing"

    def embed(self, texts: Sequence[str], dimensions: int) -> list[list[float]]:
        """Return the vectors of *texts*."""
        return [embedding.embed(text, dimensions) for text in texts]


class WordLlama:
    """wordllama's vectors of word pieces, out of its wheel: nothing is fetched.

    Raises:
        MissingExtraError: wordllama is not installed.
    """

    name = "wordllama"

    def __init__(self) -> None:
        self._model = _wordllama()

    def embed(self, texts: Sequence[str], dimensions: int) -> list[list[float]]:
        """Return the vectors of *texts*; a text without a word that it knows gets the bundled embedder's."""
        return [self._vector(text, dimensions) for text in texts]

    def _vector(self, text: str, dimensions: int) -> list[float]:
        # One at a time: in a batch texts are padded to the longest, which costs memory and changes the last digits.
        (row,) = self._model.embed([text[:_MOST_CHARACTERS]])
        length = math.sqrt(sum(value * value for value in row.tolist()))
        if not length:
            return embedding.embed(text, dimensions)
        return [*(row / length).tolist(), *[0.0] * (dimensions - _WORDLLAMA_DIMENSIONS)]


@lru_cache(maxsize=1)
def _wordllama() -> Any:
    from importlib.util import find_spec
    from pathlib import Path

    found = find_spec("wordllama")
    if found is None or found.origin is None:
        raise MissingExtraError(extra="local-semantic", needed_for="the embedder wordllama")
    from wordllama import WordLlama as Model

    # Without the folder of its wheel as cache it looks in "tokenizer/", which the wheel spells "tokenizers/", and would
    # fetch what it does not find.
    return Model.load(cache_dir=Path(found.origin).parent, disable_download=True)


HASHING = Hashing()
EMBEDDERS: dict[str, type[Hashing | WordLlama]] = {"hashing": Hashing, "wordllama": WordLlama}
"""Name → embedder."""


def embedder_named(name: str) -> Embedder:
    """Return the embedder called *name*.

    Raises:
        ValueError: there is none of that name.
        MissingExtraError: it needs the extra ``local-semantic``.
    """
    if name not in EMBEDDERS:
        raise ValueError(f"embedder is one of {', '.join(EMBEDDERS)}, not {name!r}")
    return EMBEDDERS[name]()


class Embedding:
    """The embedder of one local Bedrock; what handlers find in the account's state."""

    def __init__(self) -> None:
        self.embedder: Embedder = HASHING
