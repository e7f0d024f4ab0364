"""The preflight under exactly its own generated policy finds out everything: no check ends unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.generate import generate

from .stories import logging_config

if TYPE_CHECKING:
    from .account import Account
    from .setting import Setting

MODEL = "us.amazon.nova-lite-v1:0"


def role_of(account: Account, s: Setting) -> str:
    """The knowledge base is root's, under a role of its own; where there is none yet, the setting's."""
    if s.knowledge_base is None:
        return s.kb_role
    agent = account.client("bedrock-agent", s.region, who="root")
    arn = agent.get_knowledge_base(knowledgeBaseId=s.knowledge_base)["knowledgeBase"]["roleArn"]
    return str(arn.partition(":role/")[2])


def config(account: Account, s: Setting, **changes: Any) -> GatewayConfig:
    base = {
        "id": s.knowledge_base,
        "role": role_of(account, s),
        "embedding_model": s.embedding_model,
        "store": "s3-vectors",
        "vector_bucket": s.vector_bucket,
        "vector_index": s.vector_index,
        "source": [{"type": "s3", "bucket": s.document_bucket, "prefix": s.prefix}],
    }
    values: dict[str, Any] = {
        "application": "proof",
        "account": s.account,
        "region": s.region,
        "local": True,
        "endpoint": account.endpoint,
        "principals": {
            "minimal": {
                "capabilities": ["converse", "retrieve", "preflight-minimal"],
                "models": [MODEL],
                "knowledge_bases": ["handbook"],
            },
            "standard": {"capabilities": ["preflight-standard"]},
            "deep": {"capabilities": ["preflight-deep"]},
        },
        "knowledge_bases": {"handbook": base},
        "logging": {"log_group": s.log_group, "role": s.logging_role, "bucket": s.logging_bucket},
    }
    return GatewayConfig(**(values | changes))


def preflight(account: Account, config: GatewayConfig, name: str) -> Any:
    with Gateway(config, principal=name, session=account.prover, observers=()) as gateway:
        return gateway.preflight()


def unaskable(account: Account) -> set[str]:
    """Checks whose operation the installed botocore does not have."""
    known = account.client("bedrock", who="root").meta.service_model.operation_names
    asking = {"GOV-03": "ListEnforcedGuardrailsConfiguration", "GOV-04": "GetAccountDataRetention"}
    return {check for check, operation in asking.items() if operation not in known}


@pytest.mark.parametrize("name", ["minimal", "standard"])
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_nothing_is_unknown_under_exactly_the_generated_policy(account: Account, name: str, region: str) -> None:
    s = account.setting(region)
    declared = config(account, s)
    account.client("s3", region, who="root").put_bucket_policy(
        Bucket=s.logging_bucket, Policy=roles.logging_bucket(declared.scope(name)).to_json()
    )
    account.client("bedrock", region, who="root").put_model_invocation_logging_configuration(
        loggingConfig=logging_config(s)
    )
    account.grant(generate(declared.principals[name].capabilities, declared.scope(name)).policy.dump())
    report = preflight(account, declared, name)
    assert {one.id for one in report.unknown} <= unaskable(account), [(one.id, one.summary) for one in report.unknown]
    assert not report.failed, [(one.id, one.summary) for one in report.failed]
    assert {one.id for one in report.results} >= ({"LOG-08", "MOD-04"} if name == "standard" else {"REG-05", "LOG-04"})


LOCALLY_UNKNOWN = {"LOG-14", "LOG-15"}
"""Nothing was called, so nothing was delivered."""


def test_the_deep_level_reads_everything_under_exactly_its_policy(account: Account) -> None:
    s = account.setting("us-east-1")
    declared = config(account, s)
    account.grant(generate(["preflight-deep"], declared.scope("deep")).policy.dump())
    report = preflight(account, declared, "deep")
    unknown = LOCALLY_UNKNOWN | unaskable(account)
    assert {one.id for one in report.unknown} <= unknown, [(one.id, one.summary) for one in report.unknown]
    assert not [one for one in report.unknown if one.fix and one.fix.iam_action]
    assert report.level == "deep"


def test_a_refused_look_at_a_bucket_still_names_its_region_and_nobody_is_refused_one_that_is_not_there(
    account: Account,
) -> None:
    s = account.setting("us-west-2")
    account.grant({"Version": "2012-10-17", "Statement": []})
    s3 = account.client("s3", "us-west-2")
    with pytest.raises(ClientError) as refused:
        s3.head_bucket(Bucket=s.document_bucket)
    answer = refused.value.response["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["HTTPHeaders"]["x-amz-bucket-region"]) == (403, "us-west-2")
    with pytest.raises(ClientError) as absent:
        s3.head_bucket(Bucket="example-absent")
    assert absent.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError) as hidden:
        s3.get_bucket_location(Bucket=s.document_bucket)
    assert "x-amz-bucket-region" not in hidden.value.response["ResponseMetadata"]["HTTPHeaders"]
