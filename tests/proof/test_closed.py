"""Closed: what the capability does not name is denied, over HTTP; and the denials are not for want of an ability to call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.iam.generate import generate

from .kinds import KINDS, OPTIONS, SHORT, elsewhere, matrix
from .stories import STORIES
from .strangers import strangers
from .test_sufficient import option_of

if TYPE_CHECKING:
    from .account import Account
    from .setting import Call, Setting


def probes(account: Account, capability: str, kind: str, s: Setting) -> list[tuple[str, Call]]:
    reach = tuple(region for region in KINDS[kind].reach if region)
    found = strangers(capability, s, region=elsewhere(s.region), destinations=reach)
    return [(name, _existing(account, call)) for name, call in found]


def _existing(account: Account, call: Call) -> Call:
    """A key that is not there has no policy that could allow anything: the one of another Region is made."""
    if call.service != "kms" or call.region is None:
        return call
    return replace(call, params={**call.params, "KeyId": account.key(call.region)})


def proven(account: Account, capability: str, kind: str, option: str = "") -> None:
    s = account.case(capability, kind, option)
    account.grant(generate([capability], s.scope()).policy.dump())
    found = probes(account, capability, kind, s)
    assert found
    passed = [f"{name}: {call}" for name, call in found if not account.perform(call, s.region).denied]
    assert not passed, f"{capability} also permits {passed}"


@pytest.mark.parametrize("capability", STORIES)
def test_something_else_is_denied(account: Account, capability: str) -> None:
    proven(account, capability, SHORT, option_of(capability))


@pytest.mark.full
@pytest.mark.parametrize(("capability", "kind"), matrix(served=True))
def test_something_else_is_denied_for_any_kind_of_model_id(account: Account, capability: str, kind: str) -> None:
    proven(account, capability, kind)


@pytest.mark.full
@pytest.mark.parametrize(
    ("capability", "option"),
    [(capability, option) for option, one in OPTIONS.items() for capability in one.capabilities],
)
def test_something_else_is_denied_with_any_option(account: Account, capability: str, option: str) -> None:
    proven(account, capability, SHORT, option)


def test_the_same_probes_pass_under_a_policy_for_everything(account: Account) -> None:
    """Else a probe could be refused for another reason, and prove nothing."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for capability in ("converse", "retrieve", "kb-ingest", "kb-documents", "preflight-standard"):
        s = account.case(capability, SHORT)
        account.grant({"Version": "2012-10-17", "Statement": [everything]})
        for name, call in probes(account, capability, SHORT, s):
            outcome = account.perform(call, s.region)
            assert not outcome.denied, f"{name}: {call}: {outcome.message}"
