from __future__ import annotations

from dataclasses import replace

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate

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


# -- knowledge bases of other parts, and batch -------------------------------------------------------------------------

BARE = Scope(region="us-east-1", account="111122223333")
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:example-AbCdEf"
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
PINECONE = ("pinecone", {"secret": SECRET})


def allows(policy, action, resource, **context):
    return evaluate(AccessRequest(action, resource, context), Layers((policy,))).allowed


def model(name, region="us-east-1"):
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def test_a_role_may_embed_with_its_model_and_with_no_other():
    made = roles.kb_role(BARE, roles.KnowledgeBaseParts([("web", {})], [PINECONE], embedding_models=[TITAN]))
    assert allows(made.permissions, "bedrock:InvokeModel", model(TITAN))
    assert not allows(made.permissions, "bedrock:InvokeModel", model("amazon.titan-embed-text-v1"))
    assert not allows(made.permissions, "bedrock:InvokeModelWithResponseStream", model(TITAN))


def test_a_model_that_parses_through_a_profile_is_bound_to_it_in_each_of_its_regions():
    options = [("parse-model", {"model": "us.amazon.nova-lite-v1:0"})]
    parts = roles.KnowledgeBaseParts([("web", {})], [PINECONE], options, [TITAN])
    policy = roles.kb_role(BARE, parts).permissions
    assert allows(policy, "bedrock:InvokeModel", PROFILE)
    assert allows(policy, "bedrock:GetInferenceProfile", PROFILE)
    for region in ("us-east-1", "us-east-2", "us-west-2"):
        nova = model("amazon.nova-lite-v1:0", region)
        assert allows(policy, "bedrock:InvokeModel", nova, **{"bedrock:InferenceProfileArn": PROFILE})
        assert not allows(policy, "bedrock:InvokeModel", nova)
    strict = roles.KnowledgeBaseParts([("web", {})], [PINECONE], options, [TITAN], strict=True)
    assert not roles.kb_role(BARE, strict).assumptions


def test_reranking_within_retrieve_is_on_the_role():
    parts = roles.KnowledgeBaseParts(
        [("web", {})], [PINECONE], [("rerank", {"model": "cohere.rerank-v3-5:0"})], [TITAN]
    )
    policy = roles.kb_role(BARE, parts).permissions
    assert allows(policy, "bedrock:Rerank", "*")
    assert allows(policy, "bedrock:InvokeModel", model("cohere.rerank-v3-5:0"))


def test_tables_need_neither_embeddings_nor_a_vector_store():
    tables = roles.KnowledgeBaseParts([("redshift", {"cluster": "sales", "database": "dev"})])
    made = roles.kb_role(BARE, tables)
    assert not allows(made.permissions, "bedrock:InvokeModel", model(TITAN))
    assert any("IAMR" in note for note in made.notes)
    kendra = ("kendra", {"index": "12345678-1234-1234-1234-123456789012"})
    assert roles.kb_role(BARE, roles.KnowledgeBaseParts([("web", {})], [kendra])).permissions


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (roles.KnowledgeBaseParts([], [PINECONE], embedding_models=[TITAN]), "needs documents"),
        (roles.KnowledgeBaseParts([("web", {})], [], embedding_models=[TITAN]), "needs vector indexes"),
        (roles.KnowledgeBaseParts([("web", {})], [PINECONE]), "needs embedding models"),
        (roles.KnowledgeBaseParts([("wbe", {})], [PINECONE], embedding_models=[TITAN]), "did you mean 'web'"),
        (roles.KnowledgeBaseParts([("web", {})], [("pinecone", {})], embedding_models=[TITAN]), "needs secret="),
        (roles.KnowledgeBaseParts([("web", {})], [PINECONE], [("rerank", {})], [TITAN]), "rerank takes model=ID"),
        (roles.KnowledgeBaseParts([("web", {})], [PINECONE], [("rreank", {})], [TITAN]), "did you mean 'rerank'"),
    ],
    ids=str,
)
def test_an_incomplete_knowledge_base_is_refused(parts, says):
    with pytest.raises(ConfigError, match=says):
        roles.kb_role(BARE, parts)


def test_the_trust_narrows_to_the_knowledge_base_once_it_has_an_id():
    one = Scope(region="us-east-1", account="111122223333", knowledge_bases=("KB12345678",))
    parts = roles.KnowledgeBaseParts([("web", {})], [PINECONE], embedding_models=[TITAN])
    assert "knowledge-base/KB12345678" in roles.kb_role(one, parts).trust.to_json()
    assert "knowledge-base/*" in roles.kb_role(BARE, parts).trust.to_json()


BATCH = {"input": "example-in", "output": "example-out", "input-prefix": "jobs/", "output-prefix": "done/"}


def test_a_batch_role_reads_its_input_and_writes_its_output():
    made = roles.batch_role(BARE, BATCH)
    mine = {"aws:ResourceAccount": "111122223333"}
    assert allows(made.permissions, "s3:GetObject", "arn:aws:s3:::example-in/jobs/a", **mine)
    assert allows(made.permissions, "s3:PutObject", "arn:aws:s3:::example-out/done/a", **mine)
    for action, resource in (
        ("s3:PutObject", "arn:aws:s3:::example-in/jobs/a"),
        ("s3:GetObject", "arn:aws:s3:::example-out/done/a"),
        ("s3:GetObject", "arn:aws:s3:::example-in/other/a"),
        ("s3:DeleteObject", "arn:aws:s3:::example-out/done/a"),
        ("bedrock:InvokeModel", model(TITAN)),
    ):
        assert not allows(made.permissions, action, resource, **mine)
    assert not allows(made.permissions, "s3:GetObject", "arn:aws:s3:::example-in/jobs/a")
    assert "model-invocation-job/*" in made.trust.to_json()


def test_a_batch_role_invokes_the_model_only_where_it_is_called_through_a_profile():
    through = Scope(region="us-east-1", account="111122223333", models=("us.amazon.nova-lite-v1:0",))
    policy = roles.batch_role(through, BATCH).permissions
    nova = model("amazon.nova-lite-v1:0", "us-west-2")
    assert allows(policy, "bedrock:InvokeModel", nova, **{"bedrock:InferenceProfileArn": PROFILE})
    assert not allows(policy, "bedrock:InvokeModel", nova)
    plain = Scope(region="us-east-1", account="111122223333", models=("amazon.nova-lite-v1:0",))
    assert roles.batch_role(plain, BATCH).permissions == roles.batch_role(BARE, BATCH).permissions


def test_keys_of_a_batch_role_are_assumed():
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    made = roles.batch_role(BARE, {**BATCH, "input-key": key, "output-key": key})
    assert {one.confidence for one in made.assumptions} == {"L"}
    assert allows(made.permissions, "kms:Decrypt", key, **{"kms:ViaService": "s3.us-east-1.amazonaws.com"})
    assert not roles.batch_role(BARE, {**BATCH, "input-key": key}, strict=True).assumptions


def test_a_collection_that_is_still_to_be_made_is_named_in_the_role():
    scope = replace(SCOPE, vector_indexes=(), collections=(("helpdesk-handbook", "helpdesk/handbook"),))
    statements = roles.kb_role(scope).permissions.dump()["Statement"]
    (use,) = [one for one in statements if one["Action"] == "aoss:APIAccessAll"]
    assert use["Condition"] == {"StringEquals": {"aoss:collection": "helpdesk-handbook"}}
    assert not any("s3vectors" in str(one) for one in statements)
