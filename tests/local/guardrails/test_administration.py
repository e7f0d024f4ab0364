"""Guardrails made, shown, changed, numbered, deleted and enforced, over HTTP."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.demands.facts import AccountFacts
from bedrock_gateway.local.guardrails.store import Guardrails

from .conftest import SAYS, knows, refused

WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "forbidden"}]}}
ATTACK = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
POLICIES = {
    "topicPolicyConfig": {"topicsConfig": [{"name": "Money", "definition": "Advice on money.", "type": "DENY"}]},
    "contentPolicyConfig": {"filtersConfig": [ATTACK]},
    "wordPolicyConfig": {"wordsConfig": [{"text": "no"}], "managedWordListsConfig": [{"type": "PROFANITY"}]},
    "sensitiveInformationPolicyConfig": {
        "piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}],
        "regexesConfig": [{"name": "ticket", "pattern": r"T-\d+", "action": "BLOCK"}],
    },
    "contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}]},
}


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **SAYS, **more}


def test_a_guardrail_has_ids_of_aws_form_and_begins_as_draft(bedrock, made):
    identifier = made()
    shown = bedrock.get_guardrail(guardrailIdentifier=identifier)
    assert re.fullmatch("[a-z0-9]{12}", identifier)
    assert shown["guardrailArn"] == f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{identifier}"
    assert (shown["version"], shown["status"], shown["statusReasons"]) == ("DRAFT", "READY", [])
    assert bedrock.get_guardrail(guardrailIdentifier=shown["guardrailArn"])["guardrailId"] == identifier


def test_what_was_configured_is_shown_in_get_guardrails_own_words(bedrock, made):
    shown = bedrock.get_guardrail(guardrailIdentifier=made(**POLICIES, description="Rules of the house."))
    assert shown["description"] == "Rules of the house."
    assert shown["topicPolicy"]["topics"] == POLICIES["topicPolicyConfig"]["topicsConfig"]
    assert shown["topicPolicy"]["tier"] == {"tierName": "CLASSIC"}
    assert shown["contentPolicy"]["filters"] == [ATTACK]
    assert shown["wordPolicy"] == {"words": [{"text": "no"}], "managedWordLists": [{"type": "PROFANITY"}]}
    kinds = POLICIES["sensitiveInformationPolicyConfig"]
    assert shown["sensitiveInformationPolicy"]["piiEntities"] == kinds["piiEntitiesConfig"]
    assert shown["sensitiveInformationPolicy"]["regexes"] == kinds["regexesConfig"]
    assert shown["contextualGroundingPolicy"]["filters"] == [{"type": "GROUNDING", "threshold": 0.7}]
    assert {"crossRegionDetails", "kmsKeyArn"}.isdisjoint(shown)


def test_a_version_keeps_what_the_draft_said_when_it_was_made(bedrock, made):
    identifier = made(**WORDS)
    one = {"guardrailIdentifier": identifier}
    assert bedrock.create_guardrail_version(**one, description="First.")["version"] == "1"
    name = bedrock.get_guardrail(**one)["name"]
    bedrock.update_guardrail(**one, **named(name, blockedInputMessaging="Changed."))
    draft, first = bedrock.get_guardrail(**one), bedrock.get_guardrail(**one, guardrailVersion="1")
    assert (draft["blockedInputMessaging"], "wordPolicy" in draft) == ("Changed.", False)
    assert first["wordPolicy"]["words"] == [{"text": "forbidden"}]
    assert (first["version"], first["description"], first["blockedInputMessaging"]) == ("1", "First.", "Not that.")
    assert bedrock.create_guardrail_version(**one)["version"] == "2"


def test_a_number_is_never_used_twice(bedrock, made):
    one = {"guardrailIdentifier": made()}
    bedrock.create_guardrail_version(**one)
    bedrock.delete_guardrail(**one, guardrailVersion="1")
    assert bedrock.create_guardrail_version(**one)["version"] == "2"
    assert refused(bedrock.get_guardrail, **one, guardrailVersion="1")[0] == "ResourceNotFoundException"


def test_all_drafts_are_listed_or_every_version_of_one(bedrock, made):
    first, second = made(), made()
    bedrock.create_guardrail_version(guardrailIdentifier=first)
    drafts = bedrock.list_guardrails()["guardrails"]
    assert {(one["id"], one["version"]) for one in drafts} >= {(first, "DRAFT"), (second, "DRAFT")}
    versions = bedrock.list_guardrails(guardrailIdentifier=first)["guardrails"]
    assert [one["version"] for one in versions] == ["DRAFT", "1"]
    page = bedrock.list_guardrails(guardrailIdentifier=first, maxResults=1)
    rest = bedrock.list_guardrails(guardrailIdentifier=first, maxResults=1, nextToken=page["nextToken"])
    assert ([one["version"] for one in rest["guardrails"]], "nextToken" in rest) == (["1"], False)


def test_a_region_has_guardrails_of_its_own(served, made):
    identifier = made()
    elsewhere = served.client("bedrock", region="eu-central-1")
    assert refused(elsewhere.get_guardrail, guardrailIdentifier=identifier)[0] == "ResourceNotFoundException"
    assert elsewhere.list_guardrails()["guardrails"] == []


def test_a_name_is_taken_once(bedrock, made):
    first, second = made(name="taken"), made(name="free")
    said = ("ConflictException", "Another guardrail in your account already has this name.")
    assert refused(bedrock.create_guardrail, **named("taken")) == said
    assert refused(bedrock.update_guardrail, guardrailIdentifier=second, **named("taken")) == said
    bedrock.update_guardrail(guardrailIdentifier=first, **named("taken"))


def test_a_client_token_makes_one_guardrail(bedrock):
    token = str(uuid.uuid4())
    first = bedrock.create_guardrail(**named("once"), clientRequestToken=token)
    assert bedrock.create_guardrail(**named("once"), clientRequestToken=token)["guardrailId"] == first["guardrailId"]
    other = refused(bedrock.create_guardrail, **named("twice"), clientRequestToken=token)
    assert other[0] == "ConflictException"
    bedrock.delete_guardrail(guardrailIdentifier=first["guardrailId"])


def test_tags_of_a_guardrail_are_kept(bedrock, made):
    arn = f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{made(tags=[{'key': 'team', 'value': 'red'}])}"
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "stage", "value": "test"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["team"])
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "stage", "value": "test"}]


def test_the_key_is_shown_as_its_arn_and_has_to_exist(served, bedrock, made):
    key = served.client("kms").create_key()["KeyMetadata"]
    assert bedrock.get_guardrail(guardrailIdentifier=made(kmsKeyId=key["KeyId"]))["kmsKeyArn"] == key["Arn"]
    absent = "1234abcd-12ab-34cd-56ef-1234567890ab"
    assert refused(bedrock.create_guardrail, **named("keyless", kmsKeyId=absent))[0] == "ValidationException"


def test_a_cross_region_guardrail_shows_its_profile(served, bedrock, made):
    across = {"crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"}}
    identifier = made(**across)
    details = bedrock.get_guardrail(guardrailIdentifier=identifier)["crossRegionDetails"]
    assert details["guardrailProfileId"] == "us.guardrail.v1:0"
    assert details["guardrailProfileArn"].endswith(":123456789012:guardrail-profile/us.guardrail.v1:0")
    assert refused(served.client("bedrock", region="eu-central-1").create_guardrail, **named("far", **across))[0] == (
        "ValidationException"
    )


def test_the_judge_knows_the_profile_and_the_key_of_what_was_made(served, made):
    key = served.client("kms").create_key()["KeyMetadata"]["Arn"]
    identifier = made(crossRegionConfig={"guardrailProfileIdentifier": "us.guardrail.v1:0"}, kmsKeyId=key)
    arn = f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{identifier}"
    known = served.local.state.of(AccountFacts).guardrails[arn]
    assert (known.geography, known.key_arn) == ("us", key)


TOPIC = {"name": "a", "definition": "b", "type": "DENY"}
EMAIL = {"type": "EMAIL", "action": "BLOCK"}
BAD = {
    "name": ({"name": "a name"}, "'name' failed to satisfy constraint: Member must satisfy regular expression"),
    "message": ({"blockedInputMessaging": "x" * 501}, "'blockedInputMessaging' failed to satisfy constraint"),
    "topics": ({"topicPolicyConfig": {"topicsConfig": [{**TOPIC, "name": f"t{n}"} for n in range(31)]}}, "equal to 30"),
    "twice": ({"topicPolicyConfig": {"topicsConfig": [TOPIC, TOPIC]}}, "more than once"),
    "kind": ({"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{**EMAIL, "type": "SHOE"}]}}, "enum value"),
    "attack": (
        {"contentPolicyConfig": {"filtersConfig": [{**ATTACK, "outputStrength": "LOW"}]}},
        "PROMPT_ATTACK",
    ),
    "threshold": (
        {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 1.0}]}},
        "less than 1",
    ),
    "regex": (
        {"sensitiveInformationPolicyConfig": {"regexesConfig": [{"name": "r", "pattern": "(", "action": "BLOCK"}]}},
        "not a valid regular expression",
    ),
    "lookaround": (
        {"sensitiveInformationPolicyConfig": {"regexesConfig": [{"name": "r", "pattern": "(?=a)", "action": "BLOCK"}]}},
        "looks around",
    ),
    "profile": ({"crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}}, "not available"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_aws_refuses_is_refused_and_not_made(bedrock, case):
    changed, said = BAD[case]
    code, message = refused(bedrock.create_guardrail, **named("bad") | changed)
    assert (code, said in message) == ("ValidationException", True), message
    assert "bad" not in {one["name"] for one in bedrock.list_guardrails()["guardrails"]}


def test_the_standard_tier_needs_a_profile(bedrock):
    topics: Any = {"topicsConfig": [TOPIC], "tierConfig": {"tierName": "STANDARD"}}
    members = bedrock.meta.service_model.shape_for("GuardrailTopicPolicyConfig").members
    if "tierConfig" not in members:
        pytest.skip("this botocore knows no tiers")
    code, message = refused(bedrock.create_guardrail, **named("standard", topicPolicyConfig=topics))
    assert (code, "crossRegionConfig" in message) == ("ValidationException", True)


def test_quotas_of_guardrails_and_versions_hold(served):
    bedrock, store = served.client("bedrock", region="us-west-2"), served.local.state.of(Guardrails)
    one = bedrock.create_guardrail(**named("many"))["guardrailId"]
    found = store.find(one, "us-west-2")
    for number in range(99):
        store.by_arn[f"{found.arn}{number}"] = replace(found, id=f"{one}{number}", arn=f"{found.arn}{number}")
    assert refused(bedrock.create_guardrail, **named("one-more"))[0] == "ServiceQuotaExceededException"
    found.editions.update({str(number): found.draft for number in range(1, 20)})
    found.last_version = 19
    bedrock.create_guardrail_version(guardrailIdentifier=one)
    more = refused(bedrock.create_guardrail_version, guardrailIdentifier=one)
    assert more[0] == "ServiceQuotaExceededException"


def test_a_test_can_see_a_guardrail_become_ready(served, bedrock, made):
    store = served.local.state.of(Guardrails)
    store.looks_until_ready = 2
    try:
        one = {"guardrailIdentifier": made()}
        assert refused(bedrock.create_guardrail_version, **one)[0] == "ConflictException"
        assert [bedrock.get_guardrail(**one)["status"] for _ in range(3)] == ["CREATING", "CREATING", "READY"]
    finally:
        store.looks_until_ready = 0
    store.find(one["guardrailIdentifier"], "us-east-1").status = "FAILED"
    assert bedrock.get_guardrail(**one)["status"] == "FAILED"


def test_an_account_enforces_one_guardrail_in_a_numbered_version(served, bedrock, made):
    knows(bedrock, "PutEnforcedGuardrailConfiguration")
    identifier = made()
    bedrock.create_guardrail_version(guardrailIdentifier=identifier)
    wanted = {"guardrailIdentifier": identifier, "guardrailVersion": "1"}
    config = bedrock.put_enforced_guardrail_configuration(guardrailInferenceConfig=wanted)["configId"]
    (shown,) = bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"]
    assert (shown["configId"], shown["guardrailId"], shown["owner"]) == (config, identifier, "ACCOUNT")
    assert shown["createdBy"] == "arn:aws:iam::123456789012:root"
    facts = served.local.state.of(AccountFacts)
    assert facts.enforced["us-east-1"] == (shown["guardrailArn"],)
    put = bedrock.put_enforced_guardrail_configuration
    assert refused(put, guardrailInferenceConfig=wanted)[0] == "ConflictException"
    assert refused(bedrock.delete_guardrail, guardrailIdentifier=identifier)[0] == "ResourceInUseException"
    models = {"includedModels": ["ALL"], "excludedModels": ["amazon.nova-lite-v1:0"]}
    put(configId=config, guardrailInferenceConfig={**wanted, "modelEnforcement": models})
    (changed,) = bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"]
    assert (changed["configId"], changed["modelEnforcement"]) == (config, models)
    bedrock.delete_enforced_guardrail_configuration(configId=config)
    assert bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"] == []
    assert facts.enforced["us-east-1"] == ()


def test_only_a_version_that_is_there_is_enforced(bedrock, made):
    knows(bedrock, "PutEnforcedGuardrailConfiguration")
    put, identifier = bedrock.put_enforced_guardrail_configuration, made()
    for version, code in (("1", "ValidationException"), ("DRAFT", "ValidationException")):
        wanted = {"guardrailIdentifier": identifier, "guardrailVersion": version}
        assert refused(put, guardrailInferenceConfig=wanted)[0] == code
    gone = {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "1"}
    assert refused(put, guardrailInferenceConfig=gone)[0] == "ResourceNotFoundException"
    delete = refused(bedrock.delete_enforced_guardrail_configuration, configId="none")
    assert delete[0] == "ResourceNotFoundException"


def test_what_an_organisation_enforces_outlives_the_accounts_own(served, bedrock, made):
    knows(bedrock, "PutEnforcedGuardrailConfiguration")
    facts, others = served.local.state.of(AccountFacts), "arn:aws:bedrock:us-east-1:111122223333:guardrail/others123456"
    facts.enforced["us-east-1"] = (others,)
    identifier = made()
    bedrock.create_guardrail_version(guardrailIdentifier=identifier)
    wanted = {"guardrailIdentifier": identifier, "guardrailVersion": "1"}
    config = bedrock.put_enforced_guardrail_configuration(guardrailInferenceConfig=wanted)["configId"]
    assert len(facts.enforced["us-east-1"]) == 2
    bedrock.delete_enforced_guardrail_configuration(configId=config)
    assert facts.enforced["us-east-1"] == (others,)
    facts.enforced.clear()


def test_making_a_guardrail_is_a_right(served):
    nobody = served.client("bedrock", served.user("no-rails", served.allow("bedrock:ListGuardrails")))
    assert nobody.list_guardrails()["guardrails"] is not None
    assert refused(nobody.create_guardrail, **named("denied"))[0] == "AccessDeniedException"


def test_whoever_makes_a_guardrail_is_told_what_only_stands_in(made, caplog):
    made(**WORDS)
    assert not caplog.records
    entities = [{"type": kind, "action": "BLOCK"} for kind in ("EMAIL", "NAME")]
    policies = {**POLICIES, "sensitiveInformationPolicyConfig": {"piiEntitiesConfig": entities}}
    made(**policies)
    (told,) = caplog.messages
    for named_so in ("topicPolicy", "contentPolicy", "contextualGroundingPolicy", "managedWordLists", "NAME"):
        assert named_so in told
    assert "EMAIL" not in told


def test_many_at_once_make_one_guardrail_of_a_name_and_no_number_twice(bedrock):
    def create(_: int) -> str:
        try:
            return str(bedrock.create_guardrail(**named("contended"))["guardrailId"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(8)))
        (identifier,) = [one for one in outcomes if one != "ConflictException"]
        one = {"guardrailIdentifier": identifier}
        numbers = list(pool.map(lambda _: bedrock.create_guardrail_version(**one)["version"], range(8)))
    assert sorted(numbers) == [str(number) for number in range(1, 9)]
    bedrock.delete_guardrail(**one)


def test_a_reset_account_has_no_guardrails():
    with LocalBedrock(region="us-east-1") as local:
        bedrock = local.session().client("bedrock")
        bedrock.create_guardrail(**named("forgotten"))
        local.reset()
        assert bedrock.list_guardrails()["guardrails"] == []
        assert local.state.of(AccountFacts).guardrails == {}
