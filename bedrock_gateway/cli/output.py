"""What a command writes: its result alone on stdout, everything else on stderr, nothing that steers a terminal."""

from __future__ import annotations

import json
import re
import sys

__all__ = ["clean", "complain", "emit", "emit_json", "emit_piece", "note"]

# C0 without tab and newline, DEL, C1, and the marks that reorder text.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Return *text* without terminal escapes and without characters that reorder what is shown."""
    return _STEERING.sub("", text).encode("utf-8", "replace").decode()


def emit(text: str) -> None:
    """Write *text* to stdout, with a newline at its end."""
    sys.stdout.write(clean(text).rstrip("\n") + "\n")


def emit_piece(text: str) -> None:
    """Write a piece of text to stdout at once, without a newline."""
    sys.stdout.write(clean(text))
    sys.stdout.flush()


def emit_json(value: object) -> None:
    """Write *value* to stdout as indented JSON; escapes of its strings cannot reach a terminal."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def note(text: str) -> None:
    """Write *text* to stderr."""
    sys.stderr.write(clean(text).rstrip("\n") + "\n")


def complain(message: str) -> None:
    """Write *message* to stderr as the one line that an error is."""
    note("error: " + " ".join(message.split()))
