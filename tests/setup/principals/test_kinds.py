"""A principal of every kind is made by a maker with exactly its policy, and then used: lets in whom it names, calls its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bedrock_gateway._config.identity import TrustConfig
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.documents.trusts import TRUSTS
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate

from .conftest import ACCOUNT, MODEL, OTHER_MODEL, REGION, document

if TYPE_CHECKING:
    from .conftest import Account

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

OTHER_ACCOUNT = "111122223333"
# The cases are of the other account: the two change places.
CASES = (Path(__file__).parents[2] / "cases" / "trust" / "kinds.json").read_text()
CASES = OTHER_ACCOUNT.join(part.replace(OTHER_ACCOUNT, ACCOUNT) for part in CASES.split(ACCOUNT))
OF_SERVICES = {"logging", "knowledge-base", "batch"}
"""Trusts of Bedrock's own roles, which are no principal of a configuration."""
KINDS = [case for case in json.loads(CASES) if case["kind"] not in OF_SERVICES]


def refused(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] in {"AccessDenied", "AccessDeniedException"}, error
    return str(error["Message"])


def uses(account: Account, session: boto3.Session) -> None:
    """The one model can be called, and another cannot; nor can anything else be done."""
    runtime = account.client(session, "bedrock-runtime")
    said = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    assert runtime.converse(modelId=MODEL, **said)["output"]["message"]["content"][0]["text"]
    assert "bedrock:InvokeModel" in refused(runtime.converse, modelId=OTHER_MODEL, **said)
    refused(account.client(session, "iam").list_roles)
    refused(account.client(session, "bedrock").delete_model_invocation_logging_configuration)


def test_a_role_is_assumed_by_whom_it_names_and_used(account: Account) -> None:
    account.apply("app")
    role = f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/AmazonBedrockGateway-principal-app"
    uses(account, account.become(role))
    account.iam.create_user(UserName="eve")
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    account.iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document(allow))
    sts = account.client(account.keys_of("eve"), "sts")
    assert "sts:AssumeRole" in refused(sts.assume_role, RoleArn=role, RoleSessionName="session")


def test_a_role_with_mfa_in_its_trust_is_assumed_with_a_code_only(account: Account) -> None:
    text = account.text.replace('user/person"] }]', 'user/person"], mfa = true, mfa_age = 3600 }]')
    assert text != account.text
    account.apply("app", text=text)
    role = "bedrock-gateway/AmazonBedrockGateway-principal-app"
    sts = account.client(account.person, "sts")
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    assert "sts:AssumeRole" in refused(sts.assume_role, RoleArn=arn, RoleSessionName="session")
    uses(account, account.become(role, SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/person", TokenCode="123456"))


def test_users_have_what_their_group_has_and_nothing_of_their_own(account: Account) -> None:
    account.apply("people")
    early = account.keys_of("alice")
    refused(account.client(early, "bedrock-runtime").converse, modelId=MODEL, messages=[])
    account.apply("people", "members")
    for user in ("alice", "bob"):
        uses(account, account.keys_of(user))
        assert account.iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []
        assert account.iam.list_user_policies(UserName=user)["PolicyNames"] == []


def test_one_user_is_a_group_of_one(account: Account) -> None:
    account.apply("robot")
    account.apply("robot", "members")
    uses(account, account.keys_of("AmazonBedrockGateway-principal-robot"))


def of_case(case: dict[str, Any]) -> str:
    """The identity in TOML, from the values that `policy trust` is given."""
    words = {key.replace("-", "_"): value for key, value in case["given"].items()}
    fields = TrustConfig.model_fields
    made = {
        key: value == "true"
        if key == "mfa"
        else int(value)
        if key == "mfa_age"
        else [value]
        if str(fields[key].annotation).startswith("tuple") and isinstance(value, str)
        else value
        for key, value in words.items()
    }
    values = "".join(f"{key} = {json.dumps(value)}\n" for key, value in made.items())
    return f'kind = "{case["kind"]}"\n{values}'


def lets_in(trust: Policy, case: dict[str, Any], variant: dict[str, Any], role: str) -> bool:
    context = {**case["context"], **variant.get("context", {})}
    request = AccessRequest(
        variant.get("action", case["action"]),
        role,
        {key: value for key, value in context.items() if value is not None},
        PrincipalRef(**variant.get("who", case["who"])),
        ACCOUNT,
        resource_must_allow=True,
    )
    anything = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    return evaluate(request, Layers((anything,), trust)).allowed


def test_every_kind_of_trust_is_put_on_a_role_that_lets_in_whom_it_names_and_is_used(account: Account) -> None:
    """Services and providers assume no role by a signed call: the trust that IAM has is evaluated, the session issued."""
    text = account.text
    for number, case in enumerate(KINDS):
        text += (
            f'\n[principals.of{number}]\ncapabilities = ["converse"]\nmodels = ["{MODEL}"]\n'
            f'identity.kind = "role"\n[[principals.of{number}.identity.trust]]\n{of_case(case)}'
        )
    account.grant("maker", account.config(text))
    gateway = account.gateway("maker", text=text)
    directory = account.local._gate.directory
    for number, case in enumerate(KINDS):
        account.apply(f"of{number}", gateway=gateway)
        name = f"AmazonBedrockGateway-principal-of{number}"
        role = account.iam.get_role(RoleName=name)["Role"]
        trust = Policy.parse(json.dumps(role["AssumeRolePolicyDocument"]))
        assert lets_in(trust, case, {}, role["Arn"]), case["kind"]
        for variant in case["denied"]:
            assert not lets_in(trust, case, variant, role["Arn"]), f"{case['kind']}: {variant['says']}"
        given = directory.issue(directory.role_principal(role["Arn"], "session"), seconds=900, mfa=False)
        uses(
            account,
            boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION),
        )


def test_the_configuration_knows_every_kind_of_trust_and_every_value_of_one() -> None:
    kinds = set(TrustConfig.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]
    assert kinds == set(TRUSTS) - OF_SERVICES == {case["kind"] for case in KINDS}
    values = {key.replace("-", "_") for kind in kinds for key in TRUSTS[kind].fields}
    assert values == set(TrustConfig.model_fields) - {"kind"}
