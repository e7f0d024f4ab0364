"""Minimal: take any statement, action or resource of confidence H or M away, and a named call is denied. Over HTTP.

Which call it is, the generator's own account of the part tells; the denial is the judge's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.iam.generate import generate

from .kinds import KINDS, OPTIONS, SHORT, matrix
from .pieces import pieces
from .setting import calls_of
from .stories import STORIES
from .test_sufficient import option_of

if TYPE_CHECKING:
    from .account import Account
    from .pieces import Piece
    from .setting import Setting


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
    proven(account, capability, account.case(capability, SHORT, option_of(capability)))


@pytest.mark.full
@pytest.mark.parametrize(("capability", "kind"), matrix(served=True))
def test_nothing_can_be_taken_away_from_any_kind_of_model_id(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, account.case(capability, kind))


@pytest.mark.full
@pytest.mark.parametrize(
    ("capability", "option"),
    [(capability, option) for option, one in OPTIONS.items() for capability in one.capabilities],
)
def test_nothing_can_be_taken_away_with_any_option(account: Account, capability: str, option: str) -> None:
    proven(account, capability, account.case(capability, SHORT, option))


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if one.reach and one.partition == "aws"])
def test_every_destination_of_a_profile_has_to_be_allowed(account: Account, kind: str) -> None:
    """The Regions are written down in the test: neither the generator nor the judge can leave one out."""
    one = KINDS[kind]
    s = account.case("converse", kind)
    whole = generate(["converse"], s.scope(), strict=True).policy.dump()
    first, models = whole["Statement"]
    assert first["Resource"].endswith(s.model.rpartition("/")[2])
    resources = models["Resource"]
    assert sorted(arn.split(":")[3] for arn in resources) == sorted(one.reach)
    (call,) = calls_of(STORIES["converse"](s))
    for arn in resources:
        less = {**models, "Resource": [other for other in resources if other != arn]}
        account.grant({**whole, "Statement": [first, less]})
        outcome = account.perform(call, s.region)
        assert outcome.denied
        assert f"on resource: {arn} " in outcome.message


def test_a_policy_of_several_models_holds_nothing_twice(account: Account) -> None:
    """A model and a profile over it overlap in the source Region."""
    s = replace(account.place(), model="amazon.nova-lite-v1:0")
    both = replace(s.scope(), models=("amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"))
    profile = replace(s, model="us.amazon.nova-lite-v1:0")
    for piece in pieces(generate(["converse"], both)):
        account.grant(piece.policy)
        calls = (*calls_of(STORIES["converse"](s)), *calls_of(STORIES["converse"](profile)))
        assert any(account.perform(call, s.region).denied for call in calls), piece.name
