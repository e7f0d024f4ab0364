from __future__ import annotations

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles

SCOPE = Scope(
    region="us-east-1",
    account="111122223333",
    logging_bucket="example-logs",
    documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
)


def test_the_logging_role_writes_one_stream_and_trusts_bedrock_of_this_account_alone():
    made = roles.logging_role(SCOPE)
    (write,) = made.permissions.dump()["Statement"]
    assert write["Resource"] == (
        "arn:aws:logs:us-east-1:111122223333:log-group:/bedrock/invocations:log-stream:aws/bedrock/modelinvocations"
    )
    (trust,) = made.trust.dump()["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:us-east-1:111122223333:*"},
    }


@pytest.mark.parametrize(("prefix", "folder"), [("", ""), ("p", "p/"), ("/p/q/", "p/q/")])
def test_a_bucket_prefix_makes_no_double_slash(prefix, folder):
    scope = Scope(region="us-east-1", account="111122223333", logging_bucket="example-logs", logging_prefix=prefix)
    (write,) = roles.logging_bucket(scope).dump()["Statement"]
    assert write["Resource"] == (f"arn:aws:s3:::example-logs/{folder}AWSLogs/111122223333/BedrockModelInvocationLogs/*")


def test_the_knowledge_base_role_reads_its_source_and_uses_its_index_only():
    made = roles.kb_role(SCOPE)
    by_sid = {one["Sid"]: one for one in made.permissions.dump()["Statement"]}
    assert by_sid["ListSource"]["Condition"]["StringLike"] == {"s3:prefix": "handbook/*"}
    assert by_sid["ReadSource"]["Resource"] == "arn:aws:s3:::example-handbook/handbook/*"
    assert by_sid["ReadSource"]["Condition"] == {"StringEquals": {"aws:ResourceAccount": "111122223333"}}
    assert by_sid["UseIndex"]["Resource"].endswith(":bucket/example-vectors/index/handbook")
    assert "knowledge-base/*" in made.trust.to_json()


def test_a_role_without_what_it_works_on_is_refused():
    bare = Scope(region="us-east-1", account="111122223333")
    with pytest.raises(ConfigError, match="bucket"):
        roles.logging_bucket(bare)
    with pytest.raises(ConfigError, match="documents"):
        roles.kb_role(bare)
