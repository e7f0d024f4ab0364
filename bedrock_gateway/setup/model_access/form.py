"""Anthropic's use-case form, checked by what AWS documents of it before it is sent: it can be sent once. Pure.

Source: Bedrock User Guide, model-access (the fields, their lengths and the numbers of intendedUsers); API Reference,
PutUseCaseForModelAccess. Not verified against AWS.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FIELDS", "INTENDED_USERS", "form_of", "read_form"]

FIELDS: Mapping[str, int | None] = {
    "companyName": 128,
    "companyWebsite": 128,
    "intendedUsers": None,
    "industryOption": None,
    "otherIndustryOption": None,
    "useCases": 8192,
}
"""Field → how many characters it may have; None: not documented."""
INTENDED_USERS: Mapping[str, str] = {"0": "internal", "1": "external", "2": "internal and external"}
_MAY_BE_EMPTY = frozenset({"otherIndustryOption"})
_LEAST_BYTES, _MOST_BYTES = 10, 16_384


def form_of(text: str, source: str) -> dict[str, str]:
    """Return the form in JSON *text*, of the file *source*.

    Raises:
        ConfigError: it is none, or AWS would not take it; the message says what a field is.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(f"{source}: not JSON") from None
    if not isinstance(given, dict):
        raise ConfigError(f"{source}: write an object with {', '.join(FIELDS)}")
    if unknown := sorted(set(given) - set(FIELDS)):
        raise ConfigError(f"{source}: {unknown[0][:80]!r} is no field of the form: {', '.join(FIELDS)}")
    form = {"otherIndustryOption": "", **given}
    for name, most in FIELDS.items():
        value = form.get(name)
        if not isinstance(value, str) or not (value.strip() or name in _MAY_BE_EMPTY):
            raise ConfigError(f"{source}: {name} is missing, or no text" + _WHAT.get(name, ""))
        if most is not None and len(value) > most:
            raise ConfigError(f"{source}: {name} has {len(value):,} characters, at most {most:,}")
    if form["intendedUsers"] not in INTENDED_USERS:
        raise ConfigError(f"{source}: intendedUsers is {form['intendedUsers'][:40]!r}{_WHAT['intendedUsers']}")
    size = len(json.dumps(form).encode())
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ConfigError(f"{source}: {size:,} bytes, AWS takes {_LEAST_BYTES} to {_MOST_BYTES:,}")
    return {name: form[name] for name in FIELDS}


_WHAT = {"intendedUsers": ": " + ", ".join(f'"{number}" ({what})' for number, what in INTENDED_USERS.items())}


def read_form(data: bytes) -> Any:
    """Return what was submitted: an object, or where it is none of ours the text itself."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
