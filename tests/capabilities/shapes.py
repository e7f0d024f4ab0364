"""What botocore's model says of a value, patterns and enumerations included, which botocore itself does not check."""

from __future__ import annotations

import re
from typing import Any


def faults(shape: Any, value: Any, path: str = "") -> list[str]:
    """Every way in which *value* is none of *shape*."""
    checks = {"structure": _structure, "list": _list, "string": _string, "integer": _number}
    return checks[shape.type_name](shape, value, path)


def _structure(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is no structure"]
    found = [f"{path}.{name} is unknown" for name in value if name not in shape.members]
    found += [f"{path}.{name} is missing" for name in shape.required_members if name not in value]
    for name, one in value.items():
        if name in shape.members:
            found += faults(shape.members[name], one, f"{path}.{name}")
    return found


def _list(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path} is no list"]
    found = _within(shape, len(value), path)
    return found + [fault for at, one in enumerate(value) for fault in faults(shape.member, one, f"{path}[{at}]")]


def _string(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{path} is no string"]
    found = _within(shape, len(value), path)
    if shape.enum and value not in shape.enum:
        found.append(f"{path} is {value}, not one of {shape.enum}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        found.append(f"{path} is {value}, which does not match {pattern}")
    return found


def _number(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        return [f"{path} is no number"]
    return _within(shape, value, path)


def _within(shape: Any, size: int, path: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    short = [f"{path} is below {least}"] if least is not None and size < least else []
    return short + ([f"{path} is above {most}"] if most is not None and size > most else [])
