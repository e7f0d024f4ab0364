"""Minimal: take any statement, action or resource of confidence H or M away, and a named call is denied. Over HTTP.

Which call it is, the generator's own account of the part tells; the denial is the judge's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.iam.generate import generate

from .kinds import KINDS, MODEL_CAPABILITIES, SHORT
from .pieces import pieces
from .setting import calls_of
from .stories import STORIES

if TYPE_CHECKING:
    from .account import Account
    from .pieces import Piece
    from .setting import Setting

MATRIX = [(capability, kind) for capability in MODEL_CAPABILITIES for kind in KINDS if kind != SHORT]


def place(account: Account, capability: str, kind: str) -> Setting:
    return replace(account.fresh(capability, account.setting(KINDS[kind].region)), model=KINDS[kind].model)


def missed(account: Account, capability: str, s: Setting, piece: Piece) -> str | None:
    """The call that is denied without *piece*; None where none is."""
    account.grant(piece.policy)
    for call in calls_of(STORIES[capability](s)):
        if str(call) in piece.operations and account.perform(call, s.region).denied:
            return str(call)
    return None


def proven(account: Account, capability: str, s: Setting) -> None:
    taken = [piece for piece in pieces(generate([capability], s.scope())) if piece.sure]
    assert taken
    needless = [piece.name for piece in taken if missed(account, capability, s, piece) is None]
    assert not needless, f"{capability} works without {needless}"


@pytest.mark.parametrize("capability", STORIES)
def test_nothing_can_be_taken_away(account: Account, capability: str) -> None:
    proven(account, capability, place(account, capability, SHORT))


@pytest.mark.full
@pytest.mark.parametrize(("capability", "kind"), MATRIX)
def test_nothing_can_be_taken_away_from_any_kind_of_model_id(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, place(account, capability, kind))


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if one.reach])
def test_every_destination_of_a_profile_has_to_be_allowed(account: Account, kind: str) -> None:
    """The Regions are written down in the test: neither the generator nor the judge can leave one out."""
    one = KINDS[kind]
    s = replace(account.place(one.region), model=one.model)
    whole = generate(["converse"], s.scope()).policy.dump()
    resources = whole["Statement"][1]["Resource"]
    assert sorted(arn.split(":")[3] for arn in resources) == sorted(one.reach)
    (call,) = calls_of(STORIES["converse"](s))
    for arn in resources:
        less = {**whole["Statement"][1], "Resource": [other for other in resources if other != arn]}
        account.grant({**whole, "Statement": [whole["Statement"][0], less]})
        outcome = account.perform(call, s.region)
        assert outcome.denied
        assert f"on resource: {arn} " in outcome.message
