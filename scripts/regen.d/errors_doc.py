"""Write docs/errors.md from the docstrings of bedrock_gateway.errors."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from _derived import settle

from bedrock_gateway import errors

TARGET = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

HEAD = """\
# Errors

Generated from `bedrock_gateway/errors.py` by `scripts/regen`. Every error is a `GatewayError`; its message says what failed, on
what, and what to do next; facts are attributes. No prompt, response or credential is part of a message or a repr. Every error
can be pickled and copied.

```text
{tree}
```

| class | when |
| --- | --- |
{rows}
"""

CODES = """
## AWS error codes

The code AWS sends, and the class it becomes. Inside a stream the same codes arrive in lower camel case. A code that is not
listed is judged by its HTTP status: 5xx is `UnavailableError`, 429 `ThrottledError`, other 4xx `InvalidRequestError`.

| AWS code | class |
| --- | --- |
{rows}
"""


def tree() -> str:
    lines = inspect.cleandoc(errors.__doc__ or "").split("::\n", 1)[1].splitlines()
    block = [line[4:] for line in lines if line.startswith("    ")]
    return "\n".join(block)


def classes() -> str:
    rows = []
    for name in errors.__all__:
        one = getattr(errors, name)
        if inspect.isclass(one):
            rows.append(f"| `{name}` | {inspect.cleandoc(one.__doc__ or '').splitlines()[0]} |")
    return "\n".join(rows)


def codes() -> str:
    table = getattr(errors, "CODES", {})
    return "\n".join(f"| `{code}` | `{one.__name__}` |" for code, one in sorted(table.items()) if code[0].isupper())


def page() -> str:
    text = HEAD.format(tree=tree(), rows=classes())
    rows = codes()
    return text + CODES.format(rows=rows) if rows else text


if __name__ == "__main__":
    sys.exit(settle(TARGET, page()))
