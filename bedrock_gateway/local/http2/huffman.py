"""HPACK's Huffman code. It is canonical, so the length of each symbol's code is all there is to know.

Source: RFC 7541, appendix B.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HuffmanError", "decoded"]

# The length of each symbol's code from 0 to 255, in base 36.
_LENGTHS = (
    "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca"
    "d67777777777777777777777878djde6f56565666577666567655677777fbeds"
    "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn"
    "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq"
)
_LONGEST_PADDING = 7


class HuffmanError(ValueError):
    """The bits are no text in this code."""


@lru_cache(maxsize=1)
def _symbols() -> Mapping[tuple[int, int], int]:
    """Return (length, code) → symbol: codes count up in order of length, then of symbol."""
    lengths = [int(letter, 36) for letter in _LENGTHS]
    found, code, before = {}, -1, 0
    for symbol in sorted(range(len(lengths)), key=lambda one: (lengths[one], one)):
        length = lengths[symbol]
        code = (code + 1) << (length - before)
        found[length, code] = symbol
        before = length
    return found


def decoded(data: bytes) -> bytes:
    """Return the text that *data* is the code of.

    Raises:
        HuffmanError: it ends within a symbol, or in something else than padding.
    """
    symbols, text, code, length = _symbols(), bytearray(), 0, 0
    for byte in data:
        for position in range(7, -1, -1):
            code, length = code << 1 | byte >> position & 1, length + 1
            symbol = symbols.get((length, code))
            if symbol is not None:
                text.append(symbol)
                code = length = 0
    # What is left over is the beginning of the end symbol: ones.
    if length > _LONGEST_PADDING or code != (1 << length) - 1:
        raise HuffmanError("a Huffman code does not end as it should")
    return bytes(text)
