"""Turn text into a vector without a model: feature hashing over stemmed words and character n-grams.

The vectors are deterministic, need no download and know no meaning beyond shared words and shared word parts:
"days of leave" is near "25 days of annual leave", and not near "vacation". The token functions are shared with the
lexical half of retrieval and with the answerer, so that all three agree on what a word is.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EMBEDDING_DIMENSIONS", "content_terms", "dimensions_of", "embed", "stem"]

EMBEDDING_DIMENSIONS: dict[str, tuple[int, ...]] = {
    "amazon.titan-embed-text-v2:0": (1024, 512, 256),
    "amazon.titan-embed-text-v1": (1536,),
    "amazon.titan-embed-g1-text-02": (1536,),
    "amazon.titan-embed-image-v1": (1024, 384, 256),
    "amazon.nova-2-multimodal-embeddings-v1:0": (3072, 1024, 384, 256),
    "cohere.embed-english-v3": (1024,),
    "cohere.embed-multilingual-v3": (1024,),
    "cohere.embed-v4:0": (1536, 1024, 512, 256),
}
"""Foundation model to the vector lengths it offers, its default first."""

_STOP_TEXT = (
    "a about after all also am an and any are as at be because been before being between both but by can could did "
    "do does doing down during each few for from further had has have having he her here hers him his how i if in "
    "into is it its just many me more most much my no nor not now of off on once only or other our ours out over own "
    "per same she should so some such than that the their theirs them then there these they this those through to "
    "too under until up us very was we were what when where which while who whom why will with would you your yours "
    "tell say says said mention mentions give get explain describe please must may use used using uses work works way thing things happen happens happened "
)
_STOP_WORDS = frozenset(_STOP_TEXT.split())
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_VOWEL = re.compile(r"[aeiouy]")
# A short thesaurus of everyday words: word parts cannot tell that a vacation is leave.
_SAME_TEXT = (
    "leave vacation holiday pto|buy purchase|cost price fee charge|begin start launch|delete remove erase|"
    "fail failure|allow permit|forbid prohibit|staff employee personnel worker|pay salary wage|company firm|"
    "remote home telework|spend reimburse expense|doctor physician|ill sick|boss manager supervisor|"
    "car vehicle|phone telephone|quick fast|error fault|change modify alter|create make|show display"
)
_SUFFIXES = (
    ("ational", "at"), ("ations", "at"), ("ation", "at"), ("ities", "iti"), ("ingly", ""), ("edly", ""),
    ("ement", "e"), ("ments", ""), ("ment", ""), ("ness", ""), ("ions", ""), ("ion", ""), ("ing", ""),
    ("ies", "y"), ("ied", "y"), ("ers", "er"), ("est", ""), ("ed", ""), ("ly", ""), ("es", "e"), ("s", ""),
)  # fmt: skip
_MIN_STEM = 3
_CHARACTER_WEIGHT = 0.25
_STOP_WEIGHT = 0.05
_BIGRAM_WEIGHT = 0.5


def dimensions_of(model_id: str) -> tuple[int, ...] | None:
    """Return the vector lengths *model_id* offers, its default first; None where it is no embedding model we know."""
    return EMBEDDING_DIMENSIONS.get(model_id) or EMBEDDING_DIMENSIONS.get(model_id.partition(":")[0])


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Cut the usual English endings off *word* (lower case), leaving at least three letters with a vowel."""
    word = word.replace("\u2019", "'").removesuffix("'s").removesuffix("'")
    if word.endswith("ss"):
        return word
    for suffix, replacement in _SUFFIXES:
        root = word.removesuffix(suffix)
        if root != word and len(root) >= _MIN_STEM and _VOWEL.search(root):
            return _undoubled(root + replacement)
    return _undoubled(word)


def _undoubled(root: str) -> str:
    if len(root) > _MIN_STEM and root[-1] == root[-2] and root[-1] not in "lsz":
        return root[:-1]
    return root[:-1] if len(root) > _MIN_STEM and root[-1] == "e" else root


@lru_cache(maxsize=1)
def _thesaurus() -> dict[str, str]:
    groups = [[stem(word) for word in group.split()] for group in _SAME_TEXT.split("|")]
    return {word: group[0] for group in groups for word in group}


@lru_cache(maxsize=4096)
def content_terms(text: str) -> tuple[str, ...]:
    """Return the stemmed words of *text* in order, without stop words; words of one meaning come out as one."""
    same = _thesaurus()
    stems = (stem(word) for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS)
    return tuple(same.get(word, word) for word in stems)


@lru_cache(maxsize=65536)
def _bucket(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=65536)
def _character_grams(word: str) -> tuple[str, ...]:
    padded = f"<{word}>"
    return tuple(padded[i : i + n] for n in (3, 4) for i in range(len(padded) - n + 1))


def _features(text: str) -> Iterator[tuple[str, float]]:
    """Yield every feature of *text* with its weight."""
    words, kept = _WORD.findall(text.casefold()), content_terms(text)
    for prefix, found, weight in (
        ("w:", kept, 1.0),
        ("s:", [word for word in words if word in _STOP_WORDS], _STOP_WEIGHT),
        ("b:", [f"{one} {other}" for one, other in itertools.pairwise(kept)], _BIGRAM_WEIGHT),
        ("c:", itertools.chain.from_iterable(map(_character_grams, kept)), _CHARACTER_WEIGHT),
    ):
        for feature, count in Counter(found).items():
            yield prefix + feature, weight if count == 1 else weight * (1.0 + math.log(count))


def embed(text: str, dimensions: int) -> list[float]:
    """Return the unit vector of *text*, *dimensions* long; the same on every machine and in every run."""
    vector = [0.0] * dimensions
    # A text without a single word still needs a direction: cosine distance is undefined for the zero vector.
    for feature, weight in list(_features(text)) or [(f"t:{text.strip()}", 1.0)]:
        bucket = _bucket(feature)
        vector[(bucket >> 1) % dimensions] += weight if bucket & 1 else -weight
    length = math.sqrt(sum(map(operator.mul, vector, vector)))
    if length == 0.0:
        vector[_bucket(text) % dimensions] = length = 1.0
    return [value / length for value in vector]
