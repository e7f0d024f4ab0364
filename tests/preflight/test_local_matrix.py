"""The mutation matrix over the local Bedrock: real calls, real policies, IAM enforced, over HTTP.

What each fault must change is the table of `test_checks` and `faults`; here it is played on another oracle.
"""

from __future__ import annotations

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.local.faults import FAULTS

from .local_account import LEVELS
from .local_matrix import ALSO, EXPECTED, MADE, NOT_HERE, WAYS, case_of, reason
from .local_runner import Case

FAST = ("no bucket policy", "deliveries that fail")
"""What the default run looks at."""


def unlike(usual, seen):
    return {name: status for name, status in seen.statuses.items() if usual.statuses[name] != status}


@pytest.mark.parametrize("principal", LEVELS)
def test_everything_passes_or_does_not_apply_under_exactly_the_generated_policy(looker, principal):
    seen = looker.look(Case(principal=principal))
    assert {
        name: seen.summaries[name] for name, one in seen.statuses.items() if one not in {"pass", "not_applicable"}
    } == {}
    assert len(seen.statuses) >= 30


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.full) for name in MADE]
)
def test_one_fault_changes_exactly_what_it_should(looker, name):
    case = case_of(name)
    usual, seen = looker.look(Case(who=case.who if case.fault else "", principal=case.principal)), looker.look(case)
    changed = unlike(usual, seen)
    # A key of the local Bedrock is nobody's long-term key.
    expected = {
        **EXPECTED[name],
        **ALSO.get(name, {}),
        **({"ID-05": "not_applicable"} if case.who and not case.fault else {}),
    }
    assert changed == expected, {one: seen.summaries[one] for one in changed}


@pytest.mark.full
@pytest.mark.parametrize("name", WAYS)
def test_what_disturbs_every_question_leaves_nothing_known_and_nothing_wrong(looker, name):
    usual = looker.look(Case())
    deadline = 5.0 if name == "an endpoint that never answers" else 60.0
    seen = looker.look(Case(name, deadline_seconds=deadline))
    assert set(unlike(usual, seen).values()) == {"unknown"}
    asked = {one for one, calls in usual.calls.items() if calls} - {"ID-01"}
    assert {
        one for one in asked if seen.statuses[one] != "unknown" and usual.statuses[one] != "not_applicable"
    } == set()
    assert seen.statuses["LOG-01"] == "unknown"
    assert seen.seconds < 10 * deadline


def test_every_fault_of_the_tables_is_made_or_it_is_said_why_not():
    assert [name for name in EXPECTED if name not in MADE and not reason(name)] == []
    assert [name for name in NOT_HERE if name in MADE and name not in FAULTS] == []
    assert len(MADE) >= 130


def test_every_fault_that_the_local_bedrock_has_is_in_a_table():
    named = {*MADE, *WAYS, *NOT_HERE}
    assert [name for name in FAULTS if name not in named] == []
