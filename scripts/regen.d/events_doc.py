"""Write docs/events.md from the dataclasses of bedrock_gateway.events."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

from _derived import settle

from bedrock_gateway import events

TARGET = Path(__file__).resolve().parents[2] / "docs" / "events.md"

HEAD = """\
# Events

Generated from `bedrock_gateway/events.py` by `scripts/regen`. Every call ends in exactly one `gateway.call_ended`, whatever
happened. An observer is a callable that takes the event; without one, each event from level *info* up is a JSON line on
standard error, with the event's name under `event`, and without the fields that are None. No event holds a prompt, an answer or
a credential.
"""


def notes(kind: type) -> dict[str, str]:
    """The sentence that stands below a field in the source."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    body = tree.body
    return {
        field.target.id: " ".join(text.value.value.split()).replace("``", "`")
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def section(kind: type) -> str:
    said = notes(kind)
    lines = [
        "",
        f"## {kind.name}",
        "",
        f"`{kind.__name__}`: {inspect.cleandoc(kind.__doc__ or '').splitlines()[0]}",
        "",
    ]
    lines += ["| field | type | |", "| --- | --- | --- |"]
    for one in fields(kind):
        shown = str(one.type).replace("|", "or")
        lines.append(f"| `{one.name}` | {shown} | {said.get(one.name, '')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(settle(TARGET, HEAD + "".join(section(kind) for kind in get_args(events.Event))))
