"""Generated trust documents over HTTP: STS of the local Bedrock, with IAM enforced, lets in exactly whom they name.

What STS does without a signature (SAML, OIDC) has no policy decision here; `test_trust` holds those by evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.trust import trust
from bedrock_gateway.local import LocalBedrock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Policy

ACCOUNT, REGION = "123456789012", "us-east-1"
SCOPE = Scope(
    region=REGION,
    account=ACCOUNT,
    documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
)
ALICE, BOB = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("alice", "bob"))
CODE = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/alice", "TokenCode": "123456"}
RED = [{"Key": "team", "Value": "red"}]
ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


class Account:
    """Two users who may ask to assume any role, and an administrator."""

    def __init__(self, endpoint: str, root: boto3.Session) -> None:
        self.endpoint, self.root = endpoint, root
        self.people = {name: self._person(name) for name in ("alice", "bob")}

    def client(self, service: str, who: boto3.Session | None = None) -> Any:
        return (who or self.root).client(service, region_name=REGION, endpoint_url=self.endpoint, config=ONCE)

    def _person(self, name: str) -> boto3.Session:
        iam = self.client("iam")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    def role(self, name: str, **given: Any) -> str:
        document = trust("account", given, SCOPE).policy
        made = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document.to_json())
        return str(made["Role"]["Arn"])

    def assumes(self, who: str, arn: str, **params: Any) -> bool:
        sts = self.client("sts", self.people[who])
        try:
            return bool(sts.assume_role(RoleArn=arn, RoleSessionName="session", **params)["Credentials"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with LocalBedrock(region=REGION, account=ACCOUNT, pace_seconds=0) as local, local.serve() as server:
        yield Account(server.endpoint, boto3.Session(*local.root_credentials, region_name=REGION))
        local.reset()


def test_a_named_user_is_let_in_and_another_is_not(account: Account) -> None:
    arn = account.role("named", principal=ALICE)
    assert account.assumes("alice", arn)
    assert not account.assumes("bob", arn)


def test_the_external_id_must_be_sent_and_be_the_one(account: Account) -> None:
    arn = account.role("external", principal=ALICE, **{"external-id": "from-us-4711"})
    assert account.assumes("alice", arn, ExternalId="from-us-4711")
    assert not account.assumes("alice", arn, ExternalId="from-us-4712")
    assert not account.assumes("alice", arn, ExternalId="FROM-US-4711")
    assert not account.assumes("alice", arn)


@pytest.mark.parametrize("given", [{"mfa": "true"}, {"mfa-age": "3600"}], ids=str)
def test_a_role_that_demands_mfa_is_closed_to_long_term_keys_without_a_code(
    account: Account, given: dict[str, str]
) -> None:
    arn = account.role(f"mfa-{next(iter(given))}", principal=ALICE, **given)
    assert account.assumes("alice", arn, **CODE)
    assert not account.assumes("alice", arn)
    assert not account.assumes("bob", arn, **CODE)


def test_session_tags_are_those_that_are_named_and_the_demanded_one_must_come(account: Account) -> None:
    arn = account.role("tagged", principal=ALICE, tag=["team=red", "cost"])
    assert account.assumes("alice", arn, Tags=RED)
    assert account.assumes("alice", arn, Tags=[*RED, {"Key": "cost", "Value": "1"}])
    assert not account.assumes("alice", arn, Tags=[{"Key": "team", "Value": "blue"}])
    assert not account.assumes("alice", arn, Tags=[*RED, {"Key": "admin", "Value": "yes"}])
    assert not account.assumes("alice", arn)


def test_without_named_tags_nobody_passes_any(account: Account) -> None:
    arn = account.role("untagged", principal=ALICE)
    assert not account.assumes("alice", arn, Tags=RED)


def create(account: Account, document: Policy) -> str | None:
    """Make a knowledge base with a role whose trust is *document*; the message of AWS's refusal, or None."""
    iam, vectors = account.client("iam"), account.client("s3vectors")
    name = "AmazonBedrockGateway-kb"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document.to_json())["Role"]["Arn"]
    permissions = roles.kb_role(SCOPE).permissions.to_json()
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=permissions)
    vectors.create_vector_bucket(vectorBucketName="example-vectors")
    # botocore before 1.41 does not show the ARN that CreateIndex answers with.
    index = f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/example-vectors/index/handbook"
    vectors.create_index(
        vectorBucketName="example-vectors",
        indexName="handbook",
        dataType="float32",
        dimension=1024,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
    )
    try:
        account.client("bedrock-agent").create_knowledge_base(
            name="handbook",
            roleArn=role,
            knowledgeBaseConfiguration={
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {
                    "embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
                },
            },
            storageConfiguration={"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index}},
        )
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    finally:
        vectors.delete_index(vectorBucketName="example-vectors", indexName="handbook")
        vectors.delete_vector_bucket(vectorBucketName="example-vectors")
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        iam.delete_role(RoleName=name)
    return None


def test_bedrock_takes_over_the_role_of_a_knowledge_base_and_no_other_kind_of_role(account: Account) -> None:
    elsewhere, another = Scope(region="us-west-2", account=ACCOUNT), Scope(region=REGION, account="111122223333")
    others = [trust(kind, {}, SCOPE).policy for kind in ("batch", "ecs-task", "lambda")]
    for document in (
        *others,
        trust("knowledge-base", {}, elsewhere).policy,
        trust("knowledge-base", {}, another).policy,
    ):
        assert "unable to assume the given role" in str(create(account, document))
    assert create(account, roles.kb_role(SCOPE).trust) is None
