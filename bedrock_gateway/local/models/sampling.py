"""Make a value valid against a JSON schema, from what the user wrote where that fits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["sample", "written_schema"]

_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z]\w+")
_OBJECT = re.compile(r"\{(?=\s*\")")
_MAX_DEPTH = 12
_Maker = Callable[[Mapping[str, Any], str, Any, int], Any]


def sample(schema: Mapping[str, Any] | bool, text: str = "") -> Any:
    """Return a value that is valid against *schema*: names and numbers of *text* where they fit, else the smallest.

    ``pattern``, ``not`` and ``if`` are not looked at.
    """
    return _value(schema, text, schema, 0)


def written_schema(text: str) -> dict[str, Any] | None:
    """Return the first JSON schema of an object that stands in *text*, or None."""
    decoder = json.JSONDecoder()
    for start in (match.start() for match in _OBJECT.finditer(text)):
        try:
            found, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(found.get("properties"), dict) and found.get("type", "object") == "object":
            return dict(found)
    return None


def _value(schema: Any, text: str, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return {} if depth == 0 else "text"
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return next((one for one in schema["enum"] if one and str(one).lower() in text.lower()), schema["enum"][0])
    resolved = _resolved(schema, root)
    if resolved is not None:
        return _value(resolved, text, root, depth + 1)
    maker: _Maker = _KINDS.get(_kind(schema), _string)
    return maker(schema, text, root, depth)


def _resolved(schema: Mapping[str, Any], root: Any) -> Any:
    """Return the schema that a reference, a choice or a conjunction stands for; None where there is none."""
    if "$ref" in schema:
        return _referred(schema["$ref"], root)
    for some in ("anyOf", "oneOf", "allOf"):
        if schema.get(some):
            merged = {key: value for key, value in schema.items() if key != some}
            for part in schema[some] if some == "allOf" else schema[some][:1]:
                merged = _merged(merged, part, root)
            return merged
    return None


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    if kind is None:
        return (
            "object" if "properties" in schema or "required" in schema else "array" if "items" in schema else "string"
        )
    return str(kind)


def _referred(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name, {}) if isinstance(found, dict) and name else found
    return found


def _merged(one: Mapping[str, Any], other: Any, root: Any) -> dict[str, Any]:
    if not isinstance(other, dict):
        return dict(one)
    other = _referred(other["$ref"], root) if "$ref" in other else other
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both


def _object(schema: Mapping[str, Any], text: str, root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    wanted = list(dict.fromkeys(schema.get("required") or []))
    if not wanted and depth == 0:
        wanted = list(properties)
    return {name: _value(properties.get(name, {"type": "string"}), text, root, depth + 1) for name in wanted}


def _array(schema: Mapping[str, Any], text: str, root: Any, depth: int) -> list[Any]:
    least = int(schema.get("minItems") or 0)
    prefix = [_value(one, text, root, depth + 1) for one in schema.get("prefixItems") or []][: max(least, 1)]
    items = schema.get("items", {"type": "string"})
    made = [*prefix, *(_value(items, text, root, depth + 1) for _ in range(max(least, 1) - len(prefix)))]
    if schema.get("uniqueItems") and len(made) > 1:
        made = [_varied(one, position) for position, one in enumerate(made)]
    return made if schema.get("maxItems") != 0 else []


def _varied(value: Any, position: int) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    return value + position if isinstance(value, int | float) else f"{value}{position}" if position else value


def _string(schema: Mapping[str, Any], text: str, _root: Any, _depth: int) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    names = _NAME.findall(text)
    made = names[-1] if names else text.strip() or "text"
    least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
    made = made.ljust(least, "x")
    return made if most is None else made[: int(most)]


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    under, over = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = 1 if _kind(schema) == "integer" else 1e-6
    low = max(low, under + step) if isinstance(under, int | float) and not isinstance(under, bool) else low
    high = min(high, over - step) if isinstance(over, int | float) and not isinstance(over, bool) else high
    return low, high


def _number(schema: Mapping[str, Any], text: str, _root: Any, _depth: int) -> float:
    low, high = _bounds(schema)
    written = [float(one) for one in _NUMBER.findall(text)]
    fits = next((one for one in written if low <= one <= high), None)
    value = fits if fits is not None else min(max(1.0, low), high)
    multiple = schema.get("multipleOf")
    return math.ceil(value / multiple) * multiple if multiple else value


def _integer(schema: Mapping[str, Any], text: str, root: Any, depth: int) -> int:
    return math.ceil(_number(schema, text, root, depth))


_KINDS: Mapping[str, _Maker] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": lambda _schema, _text, _root, _depth: True,
    "null": lambda _schema, _text, _root, _depth: None,
}
