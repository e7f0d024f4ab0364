"""A trace and a decision are made by the same rules, and never contradict each other, whatever the policies."""

from __future__ import annotations

import pytest

from bedrock_gateway.iam.evaluate import enforce
from bedrock_gateway.iam.trace import trace

from .compare import layers_of, request_of
from .generator import case


@pytest.mark.parametrize("first", [0, 250])
def test_a_trace_never_contradicts_the_decision(first: int) -> None:
    for seed in range(first, first + 250):
        drawn = case(seed)
        request, layers = request_of(drawn), layers_of(drawn)
        traced = trace(request, layers)
        applying = [one for level in traced.levels for one in level.statements if one.outcome == "applies"]
        if traced.decision is None:
            assert enforce(request, layers).reason == traced.undecidable
            assert any(one.outcome == "undecidable" for level in traced.levels for one in level.statements)
            continue
        denies = any(one.statement.effect == "Deny" for one in applying)
        assert traced.decision.explicit_deny is denies
        assert traced.decision.statement in [None, *(one.statement for one in applying)]
        assert all(one.mismatch for level in traced.levels for one in level.statements if one not in applying)
