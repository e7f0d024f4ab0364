"""Sufficient: under exactly its generated policy, every call of a capability passes and does what it should. Over HTTP.

What the local Bedrock does not serve is only seen to pass: it answers 501, or that it has no such thing, and never 403.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.iam.generate import generate

from .kinds import MODEL_CAPABILITIES, OPTIONS, SHORT, matrix
from .setting import Unknown, calls_of, play
from .stories import STORIES

if TYPE_CHECKING:
    from .account import Account
    from .setting import Call, Setting

UNSERVED = {
    *(f"bedrock:{name}ModelInvocationJob" for name in ("Create", "Get", "Stop")),
    "bedrock:ListModelInvocationJobs",
}
"""What the local Bedrock may leave unserved: authorised, then refused with 501. docs/proof.md says what it does today."""


def option_of(capability: str) -> str:
    """A guardrail has to be named before one can be applied."""
    return "guardrail" if capability == "guardrail-apply" else ""


def proven(account: Account, capability: str, s: Setting) -> None:
    account.grant(generate([capability], s.scope()).policy.dump())

    def made(call: Call) -> Any:
        outcome = account.perform(call, s.region)
        if not account.serves(call):
            assert outcome.unserved, f"{call}: {outcome.code} {outcome.message}"
            return Unknown()
        assert not outcome.code or outcome.code in call.also, f"{call}: {outcome.code} {outcome.message}"
        return outcome.reply if not outcome.code else Unknown()

    play(STORIES[capability](s), made)


@pytest.mark.parametrize("capability", STORIES)
def test_every_call_of_a_capability_succeeds_under_its_policy(account: Account, capability: str) -> None:
    proven(account, capability, account.case(capability, SHORT, option_of(capability)))


def test_a_knowledge_base_is_made_changed_and_removed_before_its_id_is_known(account: Account) -> None:
    proven(account, "kb-create", replace(account.setting(), knowledge_base=None))


def test_which_calls_are_only_seen_to_pass(account: Account) -> None:
    """Everything else is done, and its success asserted."""
    plain = [call for story in STORIES.values() for call in calls_of(story(account.place()))]
    unserved = {str(call) for call in plain if not account.serves(replace(call, unserved=False))}
    assert unserved <= UNSERVED, "an operation is no longer served"


@pytest.mark.full
@pytest.mark.parametrize(("capability", "kind"), matrix(served=True))
def test_every_kind_of_model_id_in_every_region(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, account.case(capability, kind))


@pytest.mark.full
@pytest.mark.parametrize(
    ("capability", "option"),
    [(capability, option) for option, one in OPTIONS.items() for capability in one.capabilities],
)
def test_every_option(account: Account, capability: str, option: str) -> None:
    proven(account, capability, account.case(capability, SHORT, option))


@pytest.mark.full
@pytest.mark.parametrize("kind", ["eu. eu-central-1", "jp. ap-northeast-1"])
@pytest.mark.parametrize("capability", [one for one in STORIES if one not in MODEL_CAPABILITIES])
def test_every_other_capability_in_other_regions(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, account.case(capability, kind, option_of(capability)))
