"""What users may rely on: names and signatures, in tests/cases/public_api.json.

A change there is a change for users: it belongs in the CHANGELOG. Rewrite it with ``python tests/test_public_api.py``.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import sys
from pathlib import Path

CASE = Path(__file__).parent / "cases" / "public_api.json"
MODULES = (
    "bedrock_gateway",
    "bedrock_gateway.errors",
    "bedrock_gateway.events",
    "bedrock_gateway.filters",
    "bedrock_gateway.results",
)


def signature(one) -> str:
    found = inspect.signature(one)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def described(one):
    """A class by its members, a function by its arguments, a value by its type."""
    if not inspect.isclass(one):
        return signature(one) if inspect.isroutine(one) else type(one).__name__
    members = {} if issubclass(one, BaseException) else {"()": signature(one)}
    if issubclass(one, BaseException):
        members["base"] = one.__mro__[1].__name__
    if dataclasses.is_dataclass(one):
        return members | {"fields": [field.name for field in dataclasses.fields(one)]}
    for base in reversed(one.__mro__):
        if not base.__module__.startswith("bedrock_gateway"):
            continue
        for name, member in vars(base).items():
            if name.startswith("_"):
                continue
            inner = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            members[name] = (
                signature(inner) if inspect.isroutine(inner) else "property" if isinstance(inner, property) else "value"
            )
    return members


def snapshot() -> dict:
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found[name] = {
            one: described(getattr(module, one)) for one in sorted(module.__all__) if not one.startswith("__")
        }
    return found


def test_the_public_api_is_as_it_was_promised() -> None:
    recorded = json.loads(CASE.read_text())
    now = json.loads(json.dumps(snapshot()))
    assert now == recorded, "rewrite tests/cases/public_api.json and say it in the CHANGELOG"


def test_every_public_method_says_what_it_takes_and_raises() -> None:
    from bedrock_gateway import AsyncGateway, Gateway

    for kind in (Gateway, AsyncGateway):
        for name, member in vars(kind).items():
            if name.startswith("_") or isinstance(member, classmethod):
                continue
            text = inspect.getdoc(member) or ""
            takes = [one for one in inspect.signature(member).parameters if one != "self"]
            assert text, name
            assert not takes or "Raises:" in text or "raises" in text, name
            if len(takes) > 1 and "arguments are those of" not in text:
                missing = [
                    one for one in takes if f"{one}:" not in text and f"*{one}*" not in text and f"{one} (" not in text
                ]
                assert not missing or name == "with_options", (name, missing)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    CASE.write_text(json.dumps(snapshot(), indent=1) + "\n")
