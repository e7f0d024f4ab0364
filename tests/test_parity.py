"""Both gateways have the same methods, with the same arguments and words."""

from __future__ import annotations

import inspect

from bedrock_gateway import AsyncGateway, Gateway


def public(cls):
    return {name: one for name, one in vars(cls).items() if not name.startswith("_")}


def test_the_gateways_differ_in_await_alone():
    sync, other = public(Gateway), public(AsyncGateway)
    assert sync.keys() == other.keys()
    for name in sync:
        left, right = getattr(Gateway, name), getattr(AsyncGateway, name)
        assert inspect.signature(left).parameters.keys() == inspect.signature(right).parameters.keys()
        assert left.__doc__ == right.__doc__
