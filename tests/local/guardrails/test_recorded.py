"""The local guardrail beside what AWS answered: recorded requests put to a guardrail of the same making."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ATTACK = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
KINDS = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT")
STRONG = {"inputStrength": "HIGH", "outputStrength": "HIGH"}
TOPIC = {
    "name": "InvestmentObjectives",
    "definition": "What to buy.",
    "type": "DENY",
    "examples": ["Give stock suggestions"],
}
POLICIES = {
    "topicPolicyConfig": {"topicsConfig": [TOPIC]},
    "contentPolicyConfig": {"filtersConfig": [*({"type": kind, **STRONG} for kind in KINDS), ATTACK]},
    "sensitiveInformationPolicyConfig": {
        "piiEntitiesConfig": [{"type": kind, "action": "BLOCK"} for kind in ("EMAIL", "PHONE")]
    },
}
MESSAGE = "Sorry, the model cannot answer this question."
ITS_OWN = {"guardrailId", "guardrailArn", "guardrailVersion", "guardrailProcessingLatency"}
"""What is another guardrail's in the recording."""
BESIDE_THE_MODEL = {"blockedResponse", "output", "serverToolUsage", "metrics", "ResponseMetadata"}
"""What AWS sends and its own model does not have, and what depends on the clock."""


def plain(value: Any) -> Any:
    """Return *value* without what is absent, and in an order of its own."""
    if isinstance(value, dict):
        kept = {name: plain(one) for name, one in value.items() if name not in ITS_OWN | BESIDE_THE_MODEL}
        return {name: one for name, one in kept.items() if one not in (None, [], {})}
    if isinstance(value, list):
        return sorted((plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


@pytest.fixture(scope="module")
def exchanges(recordings: Path) -> list[dict[str, Any]]:
    with gzip.open(recordings / "exchanges.jsonl.gz", "rt") as lines:
        read = map(json.loads, (line for line in lines if "uardrail" in line))
        return [one for one in read if one["operation"] in {"ApplyGuardrail", "Converse"}]


def replies(exchanges: list[dict[str, Any]], operation: str) -> list[tuple[Any, Any]]:
    found = [one for one in exchanges if one["operation"] == operation and one["fidelity"] == "wire"]
    return [(json.loads(one["request_body"]), json.loads(base64.b64decode(one["response_body_b64"]))) for one in found]


def test_apply_guardrail_answers_as_aws_did(exchanges, bedrock, runtime, made):
    members = runtime.meta.service_model.shape_for("GuardrailAssessment").members
    if "appliedGuardrailDetails" not in members:
        pytest.skip("this botocore is older than the recordings")
    identifier = made(**POLICIES, name="recorded", blockedInputMessaging=MESSAGE)
    recorded = replies(exchanges, "ApplyGuardrail")
    assert {reply["action"] for _, reply in recorded} == {"NONE", "GUARDRAIL_INTERVENED"}
    for request, reply in recorded:
        mine = runtime.apply_guardrail(guardrailIdentifier=identifier, guardrailVersion="DRAFT", **request)
        assert plain(mine) == plain(reply)


def test_converse_answers_as_aws_did(exchanges, bedrock, runtime, made):
    members = runtime.meta.service_model.shape_for("GuardrailAssessment").members
    if "appliedGuardrailDetails" not in members:
        pytest.skip("this botocore is older than the recordings")
    phrase = {"wordPolicyConfig": {"wordsConfig": [{"text": "gravitational singularity"}]}}
    identifier = made(**phrase, name="recorded-words", blockedInputMessaging="Blocked by guardrail.")
    guarded = [(ask, said) for ask, said in replies(exchanges, "Converse") if "guardrailConfig" in ask]
    assert guarded
    for request, reply in guarded:
        theirs = request["guardrailConfig"]["guardrailIdentifier"]
        config = {**request["guardrailConfig"], "guardrailIdentifier": identifier}
        mine = runtime.converse(**{**request, "guardrailConfig": config}, modelId="amazon.nova-lite-v1:0")
        said = plain(mine)
        (assessment,) = said["trace"]["guardrail"]["inputAssessment"].values()
        said["trace"]["guardrail"]["inputAssessment"] = {theirs: assessment}
        assert said == plain(reply)
