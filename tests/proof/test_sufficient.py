"""Sufficient: under exactly its generated policy, every call of a capability passes and does what it should. Over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.iam.generate import generate

from .kinds import KINDS, MODEL_CAPABILITIES, SHORT
from .setting import Setting, Unknown, calls_of, play
from .stories import STORIES

if TYPE_CHECKING:
    from .account import Account
    from .setting import Call

BARE = ("invoke", "invoke-stream", "converse", "converse-stream", "preflight-minimal")
"""Those that need nothing to be there."""
MATRIX = [(capability, kind) for capability in MODEL_CAPABILITIES for kind in KINDS]


def place(account: Account, capability: str, kind: str) -> Setting:
    found = KINDS[kind]
    s = account.place(found.region) if capability in BARE else account.setting(found.region)
    return replace(account.fresh(capability, s), model=found.model)


def proven(account: Account, capability: str, s: Setting) -> None:
    account.grant(generate([capability], s.scope()).policy.dump())

    def made(call: Call) -> Any:
        outcome = account.perform(call, s.region)
        if not call.served:
            assert outcome.unserved, f"{call}: {outcome.code} {outcome.message}"
            return Unknown()
        assert not outcome.code or outcome.code in call.also, f"{call}: {outcome.code} {outcome.message}"
        return outcome.reply if not outcome.code else Unknown()

    play(STORIES[capability](s), made)


@pytest.mark.parametrize("capability", STORIES)
def test_the_story_of_a_capability_makes_each_of_its_operations(capability: str) -> None:
    told = {(call.service, call.operation) for call in calls_of(STORIES[capability](Setting(model=KINDS[SHORT].model)))}
    assert told == {(one.service, one.name) for one in CAPABILITIES[capability].operations}


@pytest.mark.parametrize("capability", STORIES)
def test_every_call_of_a_capability_succeeds_under_its_policy(account: Account, capability: str) -> None:
    proven(account, capability, place(account, capability, SHORT))


def test_a_knowledge_base_is_made_changed_and_removed_before_its_id_is_known(account: Account) -> None:
    s = account.setting()
    proven(account, "kb-create", replace(s, knowledge_base=None))


@pytest.mark.full
@pytest.mark.parametrize(("capability", "kind"), MATRIX)
def test_every_kind_of_model_id_in_every_region(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, place(account, capability, kind))


@pytest.mark.full
@pytest.mark.parametrize("region", ["eu-central-1", "ap-northeast-1"])
@pytest.mark.parametrize("capability", [one for one in STORIES if one not in MODEL_CAPABILITIES])
def test_every_other_capability_in_other_regions(account: Account, capability: str, region: str) -> None:
    proven(account, capability, account.fresh(capability, account.setting(region)))
