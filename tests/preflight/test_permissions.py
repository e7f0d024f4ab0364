"""What IAM says of whoever calls models: the simulator, ways up, the guardrail, what is not used.

Expected results from the reference's catalogue. Every row changes one thing of an account in which everything passes or does
not apply, and names all results that change.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import ThrottledError
from bedrock_gateway.iam.actions import action
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.globs import is_wild
from bedrock_gateway.preflight.catalogue import IAM_ACTIONS
from bedrock_gateway.preflight.checks.escalation import WAYS_UP, find_ways
from bedrock_gateway.preflight.checks.permissions import Self
from bedrock_gateway.preflight.checks.simulation import FORBIDDEN
from bedrock_gateway.preflight.holdings import Held
from bedrock_gateway.preflight.simulator import MOST_ACTIONS, MOST_RESOURCES, Wanted, calls_of, region_of
from tests.capabilities.test_drift import every_option

from .stepped import (
    ACCOUNT,
    GROUP,
    MODEL,
    NOW,
    PROFILE,
    REGION,
    config,
    denied,
    drive,
    golden,
    last_used,
    missing,
    simulator,
)
from .test_checks import check, who

DESTINATION = "us-east-2"
PROFILE_ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.{MODEL}"
INVOKE, STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"


def model_in(region: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{MODEL}"


DECLARED = config(
    principals={
        "caller": {
            "capabilities": ["converse", "converse-stream", "preflight-deep"],
            "models": [f"us.{MODEL}"],
            "require_guardrail": True,
        }
    }
)


def policies(*more: dict[str, Any]) -> dict[str, Any]:
    """The app's role has what is generated for it, and *more*; other roles are as they were."""
    usual = golden()["GetRolePolicy"]
    generated = generate(DECLARED.principals["caller"].capabilities, DECLARED.scope("caller")).policy.dump()
    own = {"Version": "2012-10-17", "Statement": [*generated["Statement"], *more]}
    return {"GetRolePolicy": lambda asked: {"PolicyDocument": own} if asked["RoleName"] == "app" else usual(asked)}


def allow(*actions: str, resource: str = "*", **changes: Any) -> dict[str, Any]:
    return policies({"Effect": "Allow", "Action": list(actions), "Resource": resource} | changes)


def calling() -> dict[str, Any]:
    """An account in which everything passes for who calls models under the generated policy."""
    models = [{"modelArn": model_in(one)} for one in (REGION, DESTINATION, "us-west-2")]
    return golden() | policies() | {"GetInferenceProfile": {**PROFILE, "models": models}}


def simulated(judge: Any) -> dict[str, Any]:
    return {"SimulatePrincipalPolicy": simulator(judge)}


def where(
    decision: str = "implicitDeny", *, do: str | None = None, on: str | None = None, key: str = "", **said: Any
) -> dict[str, Any]:
    """A simulator that says *decision* of one action, one resource, or in one Region, and else as usual."""

    def judge(action: str, resource: str, context: dict[str, Any]) -> dict[str, Any] | None:
        asked = do in {None, action} and on in {None, resource}
        in_region = key in {"", *context.get("aws:RequestedRegion", ())}
        return {"EvalDecision": decision, **said} if asked and in_region else None

    return simulated(judge)


BY_ORGANIZATION = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
BY_BOUNDARY = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"
BUCKET_ARN = "arn:aws:s3:::example-logs"
UNGUARDED = {"Sid": "Free", "Effect": "Allow", "Action": [INVOKE, STREAM]}
PASSES = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/admin"}


def through(**condition: str) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {key.replace("__", ":"): value for key, value in condition.items()}}}


# What is changed → every result that changes.
CALLERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("the profile is not allowed", where(do=INVOKE, on=PROFILE_ARN), {"MOD-05": "fail"}),
    ("the profile is not allowed for streams", where(do=STREAM, on=PROFILE_ARN), {"MOD-05": "fail"}),
    ("the model is not allowed here", where(do=INVOKE, on=model_in(REGION)), {"MOD-05": "fail"}),
    ("the model is not allowed where AWS may run it", where(do=INVOKE, on=model_in(DESTINATION)),
        {"MOD-05": "fail", "REG-08": "fail"}),
    ("a service control policy closes a Region", where("explicitDeny", key=DESTINATION, **BY_ORGANIZATION), {"REG-08": "fail"}),
    ("a service control policy forbids the model", where("explicitDeny", do=INVOKE, **BY_ORGANIZATION),
        {"MOD-05": "fail", "REG-08": "fail"}),
    ("the boundary does not allow models", where(do=INVOKE, **BY_BOUNDARY), {"MOD-05": "fail", "REG-08": "fail"}),
    ("a statement denies models", where("explicitDeny", do=INVOKE), {"MOD-05": "fail", "REG-08": "fail"}),
    ("models only from some addresses", where(do=INVOKE, MissingContextValues=["aws:SourceIp"]),
        {"MOD-05": "unknown", "REG-08": "unknown"}),
    ("models only through a VPC endpoint", where("explicitDeny", do=INVOKE, MissingContextValues=["aws:SourceVpce"]),
        {"MOD-05": "unknown", "REG-08": "unknown"}),
    ("models only through another profile", where(do=INVOKE, MissingContextValues=["bedrock:PromptRouterArn"]),
        {"MOD-05": "fail", "REG-08": "fail"}),
    ("AWS runs the profile in one more Region", {"GetInferenceProfile": {**PROFILE, "models": [
        {"modelArn": model_in(one)} for one in (REGION, DESTINATION, "us-west-1")]}, **where(on=model_in("us-west-1"))},
        {"REG-08": "fail"}),
    ("AWS runs the profile anywhere, and that is closed", {"GetInferenceProfile": {**PROFILE, "models": [
        {"modelArn": model_in("")}]}, **where("explicitDeny", key="unspecified", **BY_ORGANIZATION)}, {"REG-08": "fail"}),
    ("AWS runs the profile here alone", {"GetInferenceProfile": {**PROFILE, "models": [{"modelArn": model_in(REGION)}]}},
        {"REG-08": "not_applicable"}),
    ("a read is not granted", where(do="iam:GetAccountSummary"), {"IAM-04": "fail"}),
    ("a read under an ARN is not granted", where(do="logs:DescribeLogStreams", on=GROUP_ARN), {"IAM-04": "fail"}),
    ("the boundary does not allow a read", where(do="cloudwatch:GetMetricData", **BY_BOUNDARY), {"IAM-04": "fail"}),
    ("a service control policy forbids a read", where("explicitDeny", do="cloudwatch:GetMetricData", **BY_ORGANIZATION),
        {"IAM-04": "fail"}),
    ("reads of roles are granted on some", where(do="iam:GetRole"), {"IAM-04": "warn"}),
    ("reads of alarms are granted on some", where(do="cloudwatch:DescribeAlarms"), {"IAM-04": "warn"}),
    ("reads of roles are denied", where("explicitDeny", do="iam:GetRole"), {"IAM-04": "fail"}),
    ("the guardrail is not granted", where(do="bedrock:GetGuardrail"), {"IAM-04": "fail"}),
    ("only the bucket's policy can allow it", where(do="s3:GetBucketPolicy", on=BUCKET_ARN), {"IAM-04": "warn"}),
    ("a statement denies the bucket", where("explicitDeny", do="s3:GetBucketPolicy", on=BUCKET_ARN), {"IAM-04": "fail"}),
    ("a read with MFA only", where("explicitDeny", do="iam:GetAccountSummary", MissingContextValues=["aws:MultiFactorAuthPresent"]),
        {"IAM-04": "unknown"}),
    ("a read of what carries a tag", where(do="logs:DescribeLogStreams", MissingContextValues=["aws:ResourceTag/team"]),
        {"IAM-04": "unknown"}),
    *((f"it may {name}", where("allowed", do=f"{service}:{name}"), {"IAM-05": "fail"}) for service, name in (
        ("bedrock", "DeleteModelInvocationLoggingConfiguration"), ("bedrock", "PutModelInvocationLoggingConfiguration"),
        ("bedrock", "CallWithBearerToken"), ("bedrock", "DeleteGuardrail"), ("bedrock-mantle", "CreateInference"),
        ("bedrock", "PutAccountDataRetention"), ("iam", "CreateAccessKey"), ("iam", "CreateServiceSpecificCredential"),
        ("iam", "PutRolePolicy"), ("iam", "CreatePolicyVersion"))),
    ("it may make keys from some addresses", where(do="iam:CreateAccessKey", MissingContextValues=["aws:SourceIp"]),
        {"IAM-05": "unknown"}),
    ("it may change logging, but the organisation forbids it", where("explicitDeny",
        do="bedrock:PutModelInvocationLoggingConfiguration", MissingContextValues=["aws:SourceIp"], **BY_ORGANIZATION), {}),
    ("the simulator answers in pages", {"SimulatePrincipalPolicy": simulator(pages=3)}, {}),
    ("a denial is on the last page", {"SimulatePrincipalPolicy": simulator(
        lambda action, *_: {"EvalDecision": "explicitDeny"} if action == "iam:SimulatePrincipalPolicy" else None, 2)},
        {"IAM-04": "fail"}),
    ("the simulator is throttled", {"SimulatePrincipalPolicy": ThrottledError(
        "slow", operation="x", code="Throttling", status=400)},
        dict.fromkeys(("MOD-05", "REG-08", "IAM-04", "IAM-05"), "unknown")),
    ("the simulator says a word that nobody knows", where("allowedOnTuesdays"),
        dict.fromkeys(("MOD-05", "REG-08", "IAM-04", "IAM-05"), "unknown")),
    ("the simulator does not answer for what was asked", {"SimulatePrincipalPolicy": {"EvaluationResults": []}},
        dict.fromkeys(("MOD-05", "REG-08", "IAM-04", "IAM-05"), "unknown")),
    ("the profile is gone", {"GetInferenceProfile": missing("GetInferenceProfile")},
        {"MOD-04": "fail", "REG-08": "not_applicable"}),
    ("models without the guardrail", policies(UNGUARDED | {"Resource": [PROFILE_ARN, "arn:aws:bedrock:*::foundation-model/*"]}),
        {"GOV-05": "warn"}),
    ("the profile alone without the guardrail", policies(UNGUARDED | {"Resource": PROFILE_ARN}), {}),
    ("models with any guardrail", policies(UNGUARDED | {"Resource": [PROFILE_ARN, "arn:aws:bedrock:*::foundation-model/*"],
        "Condition": {"Null": {"bedrock:GuardrailIdentifier": "false"}}}), {"GOV-05": "warn"}),
    ("models without the guardrail, but denied", policies(UNGUARDED | {
        "Resource": [PROFILE_ARN, "arn:aws:bedrock:*::foundation-model/*"]}, {"Effect": "Deny", "Action": "bedrock:InvokeModel*",
        "Resource": "*", "Condition": {"StringNotLike": {"bedrock:GuardrailIdentifier": "arn:aws:bedrock:*:*:guardrail/abcdefghij12*"}}}),
        {}),
    ("keys of every user, all of which are denied", policies(
        {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:CreateAccessKey", "Resource": "arn:aws:iam::*:user/*"}), {}),
    ("keys of every user, one of whom is not denied", policies(
        {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:CreateAccessKey", "NotResource": f"arn:aws:iam::{ACCOUNT}:user/admin"}),
        {"IAM-03": "fail"}),
    ("every policy of a role but one may be rewritten", policies(
        {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": f"arn:aws:iam::{ACCOUNT}:*"},
        {"Effect": "Deny", "Action": "iam:PutRolePolicy", "Resource": f"arn:aws:iam::{ACCOUNT}:role/app"}), {"IAM-03": "fail"}),
    ("rights of IAM in this account, all of which are denied", policies(
        {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": f"arn:aws:iam::{ACCOUNT}:*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": f"arn:aws:iam::{ACCOUNT}:role/*"}), {}),
    ("its own policy may be rewritten", allow("iam:PutRolePolicy", resource=f"arn:aws:iam::{ACCOUNT}:role/app"), {"IAM-03": "fail"}),
    ("a new version of a policy", allow("iam:CreatePolicyVersion", resource=f"arn:aws:iam::{ACCOUNT}:policy/*"), {"IAM-03": "fail"}),
    ("keys of one user", allow("iam:CreateAccessKey", resource=f"arn:aws:iam::{ACCOUNT}:user/admin"), {"IAM-03": "fail"}),
    ("everything of IAM but a name", policies({"Effect": "Allow", "NotAction": "iam:CreateUser", "Resource": "*"}),
        {"IAM-02": "fail", "IAM-03": "fail", "IAM-07": "fail", "GOV-05": "warn", "LOG-19": "fail"}),
    ("a role passed to functions that it makes and calls", policies(
        PASSES | through(iam__PassedToService="lambda.amazonaws.com"),
        {"Effect": "Allow", "Action": ["lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"}),
        {"IAM-03": "fail", "IAM-07": "pass"}),
    ("a role passed to functions, which it cannot call", policies(
        PASSES | through(iam__PassedToService="lambda.amazonaws.com"),
        {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*"}), {"IAM-07": "pass"}),
    ("functions made and called, a role passed to Bedrock alone", policies(
        PASSES | through(iam__PassedToService="bedrock.amazonaws.com"),
        {"Effect": "Allow", "Action": ["lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"}), {"IAM-07": "pass"}),
    ("a code interpreter with a role", policies(PASSES, {"Effect": "Allow", "Action": "bedrock-agentcore:*", "Resource": "*"}),
        {"IAM-03": "fail", "IAM-07": "warn"}),
    ("roles written, but bounded", allow("iam:PutRolePolicy", "iam:AttachRolePolicy",
        **through(iam__PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/boundary")), {}),
    ("rights of IAM that the boundary caps", policies({"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "*"}) | {
        "GetPolicyVersion": {"PolicyVersion": {"Document": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}}}}, {}),
    ("a service not used for long", {"GetServiceLastAccessedDetails": last_used(bedrock=2, s3=61)}, {"IAM-08": "warn"}),
    ("a service never used", {"GetServiceLastAccessedDetails": last_used(bedrock=2, logs=None)}, {"IAM-08": "warn"}),
    ("a service just used", {"GetServiceLastAccessedDetails": last_used(bedrock=59)}, {}),
    ("a service never used by a new role", {"GetServiceLastAccessedDetails": last_used(logs=None), "GetRole": lambda asked:
        {"Role": golden()["GetRole"](asked)["Role"] | {"CreateDate": NOW - timedelta(days=1)}}}, {}),
    ("a report that is never made", {"GetServiceLastAccessedDetails": {"JobStatus": "IN_PROGRESS"}}, {"IAM-08": "unknown"}),
    ("a report that failed", {"GetServiceLastAccessedDetails": {"JobStatus": "FAILED", "Error": {"Code": "Failure", "Message": ""}}},
        {"IAM-08": "unknown"}),
]  # fmt: skip


def run(change: dict[str, Any] | None = None) -> Any:
    return drive(calling() | (change or {}), principal="caller", declared=DECLARED)


GOLDEN, ASKED = run()


def test_everything_passes_or_does_not_apply_for_who_calls_models_under_its_policy():
    assert {one.id: one.summary for one in GOLDEN.results if one.status not in {"pass", "not_applicable"}} == {}
    passed = {one.id for one in GOLDEN.results if one.status == "pass"}
    assert {"REG-08", "MOD-05", "GOV-05", "IAM-03", "IAM-04", "IAM-05", "IAM-08"} <= passed


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in CALLERS], ids=[row[0] for row in CALLERS])
def test_one_fault_of_who_calls_models_changes_exactly_what_it_should(change, expected):
    check(run(change)[0], GOLDEN, expected)


def test_the_simulator_is_asked_for_exactly_what_the_capabilities_need_and_little_besides():
    calls = [one.params for one in ASKED if one.operation == "SimulatePrincipalPolicy"]
    assert {one["PolicySourceArn"] for one in calls} == {f"arn:aws:iam::{ACCOUNT}:role/app"}
    assert len(calls) <= 16, len(calls)
    grants = generate(DECLARED.principals["caller"].capabilities, DECLARED.scope("caller")).grants
    wanted = {(one.leg.action, one.arn) for one in grants if one.leg.confidence in {"H", "M"}}
    asked = {(action, arn) for one in calls for action in one["ActionNames"] for arn in one["ResourceArns"]}
    assert wanted <= asked
    assert not [name for name, _ in asked if action(name) is None or is_wild(name)], (
        "AWS takes exact names of real actions"
    )


def test_each_destination_is_asked_in_the_name_of_its_region_and_through_the_profile():
    found = {}
    for one in ASKED:
        if one.operation != "SimulatePrincipalPolicy":
            continue
        context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in one.params["ContextEntries"]}
        if model_in(DESTINATION) in one.params["ResourceArns"]:
            assert context["bedrock:InferenceProfileArn"] == [PROFILE_ARN]
            assert context["bedrock:GuardrailIdentifier"] == [
                f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abcdefghij12:3"
            ]
            found[context["aws:RequestedRegion"][0]] = one.params["ActionNames"]
    assert found == {REGION: [INVOKE, STREAM], DESTINATION: [INVOKE, STREAM]}


def test_a_denied_destination_names_it_and_what_denies_it():
    report, _ = run(where("explicitDeny", key=DESTINATION, **BY_ORGANIZATION))
    [found] = report.failed
    assert f"{INVOKE} on {model_in(DESTINATION)}" in found.summary
    assert "a service control policy denies it" in found.summary
    assert "organisation" in found.fix.text
    report, _ = run(where(do=INVOKE, on=PROFILE_ARN))
    [found] = report.failed
    assert found.summary == f"{INVOKE} on {PROFILE_ARN}: no policy of it allows it"
    assert found.fix.command == "bedrock-gateway policy --principal caller"


def test_the_path_of_a_role_is_kept_though_the_session_does_not_tell_it():
    arn = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/app"
    _, sent = run({"GetRole": lambda asked: {"Role": golden()["GetRole"](asked)["Role"] | (
        {"Arn": arn} if asked["RoleName"] == "app" else {})}})  # fmt: skip
    assert {one.params["PolicySourceArn"] for one in sent if one.operation == "SimulatePrincipalPolicy"} == {arn}
    assert [one.params for one in sent if one.operation == "GenerateServiceLastAccessedDetails"] == [{"Arn": arn}]


def test_calls_keep_to_their_size_and_lose_nothing():
    wanted = [
        Wanted(f"s3:Get{number}", f"arn:aws:s3:::example/{at}")
        for number in range(MOST_ACTIONS + 1)
        for at in range(MOST_RESOURCES + 1)
    ]
    calls = calls_of(f"arn:aws:iam::{ACCOUNT}:role/app", wanted)
    assert all(len(one["ActionNames"]) <= MOST_ACTIONS and len(one["ResourceArns"]) <= MOST_RESOURCES for one in calls)
    pairs = [(action, arn) for one in calls for action in one["ActionNames"] for arn in one["ResourceArns"]]
    assert sorted(pairs) == sorted((one.action, one.resource) for one in wanted)


def test_a_report_of_iam_is_asked_for_again_until_it_is_made():
    answers = iter([{"JobStatus": "IN_PROGRESS"}, {"JobStatus": "IN_PROGRESS"}, last_used(bedrock=99)])
    report, sent = run({"GetServiceLastAccessedDetails": lambda _asked: next(answers)})
    assert [one.operation for one in sent].count("GetServiceLastAccessedDetails") == 3
    assert [one.status for one in report.results if one.id == "IAM-08"] == ["warn"]


def test_a_report_of_iam_is_read_page_by_page():
    whole = last_used(bedrock=1, s3=400)
    first, second = ([one] for one in whole["ServicesLastAccessed"])
    pages = {None: whole | {"ServicesLastAccessed": first, "IsTruncated": True, "Marker": "m"},
             "m": whole | {"ServicesLastAccessed": second}}  # fmt: skip
    report, _ = run({"GetServiceLastAccessedDetails": lambda asked: pages[asked.get("Marker")]})
    assert "s3" in next(one.summary for one in report.warned if one.id == "IAM-08")


@pytest.mark.parametrize(
    "operation", ["SimulatePrincipalPolicy", "GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"]
)
def test_what_is_denied_is_unknown_and_named(operation):
    report, _ = run({operation: denied(operation)})
    assert not report.failed
    assert {one.fix.iam_action for one in report.unknown} == {f"iam:{operation}"}
    expected = {"REG-08", "MOD-05", "IAM-04", "IAM-05"} if operation.startswith("Simulate") else {"IAM-08"}
    assert {one.id for one in report.unknown} == expected


def test_by_awss_own_reference_every_action_of_the_preflight_reads():
    levels = {name: action(name).access_level for name in IAM_ACTIONS.values() if name}
    assert {name: level for name, level in levels.items() if level not in {"Read", "List"}} == {}


def test_every_forbidden_action_is_one_of_awss_and_changes_or_opens_something():
    for resource, names in FORBIDDEN.items():
        for name in names:
            row = action(name)
            assert row is not None, name
            assert bool(row.arns) == (resource != "*"), name
            assert row.access_level not in {"Read", "List"} or "BearerToken" in name, name


GIVING_RIGHTS = {"principal-provision", "group-members"}


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_generated_policy_holds_a_way_up_but_where_that_is_what_it_is_for(capability):
    made = generate([capability], every_option(capability))
    needed = frozenset((one.leg.action, one.arn) for one in made.grants)
    me = Self(
        "role", "app", f"arn:aws:iam::{ACCOUNT}:role/app", (Held("own", False, Policy.parse(made.policy.dump())),)
    )
    assert find_ways(me, REGION, needed) == []
    if capability not in GIVING_RIGHTS:
        assert find_ways(me, REGION) == []


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_generated_policy_allows_what_is_forbidden(capability):
    made = generate([capability], every_option(capability))
    needed = {(one.leg.action, one.arn) for one in made.grants}
    layers = Layers(identity=[Policy.parse(made.policy.dump())])
    names = {"P": "aws", "R": REGION, "A": ACCOUNT}
    for template, actions in FORBIDDEN.items():
        for name in actions:
            resource = template.format_map(names)
            asked = AccessRequest(name, resource, {"aws:RequestedRegion": REGION, "aws:SecureTransport": "true"})
            assert not evaluate(asked, layers).allowed or (name, resource) in needed, name


@pytest.mark.parametrize("way", WAYS_UP, ids=lambda way: way.name)
def test_each_way_up_is_found_with_all_of_its_actions_and_with_none_of_them_less(way):
    def status_of(names: tuple[str, ...]) -> str:
        found = policies(
            {"Effect": "Allow", "Action": list(names), "Resource": "*"}
            if names
            else UNGUARDED | {"Resource": PROFILE_ARN}
        )
        return next(one.status for one in run(found)[0].results if one.id == "IAM-03")

    assert status_of(way.actions) == "fail"
    for left_out in way.actions:
        assert status_of(tuple(one for one in way.actions if one != left_out)) == "pass", left_out


def test_who_iam_has_no_policies_of_is_not_simulated():
    report, sent = run(who(f"arn:aws:sts::{ACCOUNT}:federated-user/a"))
    assert not [one for one in sent if one.operation == "SimulatePrincipalPolicy"]
    assert {one.status for one in report.results if one.id in {"MOD-05", "IAM-04", "IAM-05", "REG-08"}} == {
        "not_applicable"
    }


AUDITED = config(
    principals={
        "caller": {
            **DECLARED.principals["caller"].model_dump(exclude_defaults=True),
            "capabilities": ["converse", "converse-stream"],
            "identity": {"kind": "role", "name": "caller", "trust": [{"kind": "ec2"}]},
        },
        "gone": {"capabilities": ["converse"], "models": [MODEL], "identity": {"kind": "user"}},
        "people": {"capabilities": ["converse"], "models": [MODEL], "identity": {"kind": "group", "name": "people"}},
        "auditor": {"capabilities": ["preflight-deep"]},
    }
)
CALLERS_ARN = f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/caller"


def audited(refused: Any = lambda _asked: False) -> Any:
    """An auditor looks; *refused*: which questions about the caller its simulator denies."""
    usual = simulator()

    def simulate(asked: dict[str, Any]) -> Any:
        deny = asked["PolicySourceArn"] == CALLERS_ARN and refused(asked)
        return simulator(lambda *_: {"EvalDecision": "implicitDeny"})(asked) if deny else usual(asked)

    def role(asked: dict[str, Any]) -> Any:
        return {"Role": {"Arn": CALLERS_ARN}} if asked["RoleName"] == "caller" else golden()["GetRole"](asked)

    replies = calling() | {"GetRole": role, "GetUser": missing("GetUser"), "SimulatePrincipalPolicy": simulate}
    return drive(replies, declared=AUDITED)


def test_an_auditor_finds_what_another_principal_lacks():
    report, sent = audited()
    asked = {one.params["PolicySourceArn"] for one in sent if one.operation == "SimulatePrincipalPolicy"}
    assert asked == {f"arn:aws:iam::{ACCOUNT}:role/app", CALLERS_ARN}
    simulating = {"MOD-05", "REG-08", "IAM-04", "IAM-05"}
    assert {one.status for one in report.results if one.id in simulating} == {"pass"}
    report, _ = audited(lambda asked: INVOKE in asked["ActionNames"])
    failed = {one.id: one for one in report.failed}
    assert set(failed) == {"MOD-05", "REG-08"}
    assert failed["MOD-05"].summary.startswith("caller: bedrock:InvokeModel on ")
    assert failed["MOD-05"].fix.command == "bedrock-gateway policy --principal caller"


def test_a_denied_simulation_of_another_principal_is_unknown_and_named():
    replies = calling() | {
        "GetRole": lambda asked: denied("GetRole") if asked["RoleName"] == "caller" else golden()["GetRole"](asked)
    }
    report, _ = drive(replies, declared=AUDITED)
    assert {one.id for one in report.unknown} == {"MOD-05", "REG-08", "IAM-04", "IAM-05"}
    assert {one.fix.iam_action for one in report.unknown} == {"iam:GetRole"}


@pytest.mark.parametrize(
    ("partition", "region", "of_iam"),
    [("aws", "eu-west-1", "us-east-1"), ("aws-us-gov", "us-gov-east-1", "us-gov-west-1")],
)
def test_iam_is_asked_about_in_the_one_region_that_it_has_in_its_partition(partition, region, of_iam):
    arn = f"arn:{partition}:iam::{ACCOUNT}:role/app"

    def bound_to(only: str) -> Self:
        condition = {"StringEquals": {"aws:RequestedRegion": only}}
        rights = {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "*", "Condition": condition}
        return Self(
            "role", "app", arn, (Held("x", False, Policy.parse({"Version": "2012-10-17", "Statement": rights})),)
        )

    assert [way.name for way in find_ways(bound_to(of_iam), region)] == ["PutRolePolicy"]
    assert find_ways(bound_to(region), region) == []
    assert region_of("iam:PutRolePolicy", arn, partition, region) == of_iam
    assert region_of("bedrock:InvokeModel", "*", partition, region) == region
