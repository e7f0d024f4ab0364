"""The calls that each capability is made of, in an order in which they succeed.

Written from AWS's operations. What IAM needs for them is not said here: the policy says it, and the judge.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam import roles

from .setting import Call, Setting, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STORIES", "bare", "logging_config", "model_arn", "storage", "vector_base"]

MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})
CONFLICT = frozenset({"ConflictException"})
GEOGRAPHIES = ("us-gov", "us", "eu", "apac", "jp", "au", "ca", "in", "global")


def bare(model: str) -> str:
    """The foundation model behind a profile id."""
    prefix, _, rest = model.partition(".")
    return rest if prefix in GEOGRAPHIES else model


def model_arn(s: Setting, model: str | None = None, region: str | None = None) -> str:
    """RetrieveAndGenerate takes the ARN of a model or of a profile."""
    model = model or s.model
    if model.startswith("arn:"):
        return model
    if bare(model) == model:
        return s.arn("bedrock", f"foundation-model/{model}", region=region, account="")
    return s.arn("bedrock", f"inference-profile/{model}", region=region)


def _body(model: str) -> bytes:
    name = bare(model).rpartition("/")[2]
    text = "Hello"
    if name.startswith("anthropic."):
        content: Any = {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 20,
            "messages": [{"role": "user", "content": text}],
        }
    elif name.startswith("amazon.nova"):
        content = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 20}}
    else:
        content = {"inputText": text}
    return json.dumps(content).encode()


def _guard(s: Setting, *, flat: bool) -> dict[str, Any]:
    if s.guardrail is None:
        return {}
    named = dict(zip(("guardrailIdentifier", "guardrailVersion"), s.guardrail, strict=True))
    return named if flat else {"guardrailConfig": named}


def _model_call(operation: str) -> Callable[[Setting], Story]:
    def story(s: Setting) -> Story:
        if "Converse" in operation:
            params: dict[str, Any] = {"messages": MESSAGES, **_guard(s, flat=False)}
        else:
            params = {"body": _body(s.model), **_guard(s, flat=True)}
        yield Call("bedrock-runtime", operation, {"modelId": s.model, **params}, served=s.guardrail is None)

    return story


def vector_base(s: Setting) -> dict[str, Any]:
    return {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": s.embedding_arn}}


def storage(s: Setting) -> dict[str, Any]:
    return {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": s.index_arn}}


def _kb_provision(s: Setting) -> Story:
    documents = roles.kb_role(s.scope())
    path, _, name = s.kb_role.rpartition("/")
    role, policy = {"RoleName": name}, {"PolicyName": "read-and-index"}
    new = {"Path": f"/{path}/", "PermissionsBoundary": s.boundary_arn}
    yield Call("iam", "CreateRole", {**role, **new, "AssumeRolePolicyDocument": documents.trust.to_json()})
    yield Call("iam", "GetRole", role)
    yield Call("iam", "PutRolePolicy", {**role, **policy, "PolicyDocument": documents.permissions.to_json()})
    yield Call("iam", "GetRolePolicy", {**role, **policy})
    bucket = {"vectorBucketName": s.vector_bucket}
    index = {**bucket, "indexName": s.vector_index}
    yield Call("s3vectors", "CreateVectorBucket", bucket)
    yield Call("s3vectors", "GetVectorBucket", bucket)
    yield Call(
        "s3vectors", "CreateIndex", {**index, "dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    )
    yield Call("s3vectors", "GetIndex", index)
    yield Call("s3vectors", "DeleteIndex", index)
    yield Call("s3vectors", "DeleteVectorBucket", bucket)
    yield Call("iam", "DeleteRolePolicy", {**role, **policy})
    yield Call("iam", "DeleteRole", role)


def _kb_create(s: Setting) -> Story:
    role = s.role_arn(s.kb_role)
    body = {"roleArn": role, "knowledgeBaseConfiguration": vector_base(s)}
    made = yield Call(
        "bedrock-agent",
        "CreateKnowledgeBase",
        {"name": f"made-beside-{s.knowledge_base}", "storageConfiguration": storage(s), **body},
    )
    # Where the policy names one knowledge base, that one is worked on; else the new one.
    base = {"knowledgeBaseId": s.knowledge_base or str(made["knowledgeBase"]["knowledgeBaseId"])}
    yield Call("bedrock-agent", "ListKnowledgeBases")
    yield Call("bedrock-agent", "GetKnowledgeBase", base)
    yield Call("bedrock-agent", "UpdateKnowledgeBase", {**base, "name": "renamed", **body})
    source = {
        "name": "made",
        "dataSourceConfiguration": {
            "type": "S3",
            "s3Configuration": {"bucketArn": f"arn:{s.partition}:s3:::{s.document_bucket}"},
        },
    }
    new = yield Call("bedrock-agent", "CreateDataSource", {**base, **source})
    one = {**base, "dataSourceId": str(new["dataSource"]["dataSourceId"])}
    yield Call("bedrock-agent", "GetDataSource", one)
    yield Call("bedrock-agent", "UpdateDataSource", {**one, **source, "name": "renamed"})
    yield Call("bedrock-agent", "ListDataSources", base)
    yield Call("bedrock-agent", "DeleteDataSource", one)
    yield Call("bedrock-agent", "DeleteKnowledgeBase", base)


def _kb_documents(s: Setting) -> Story:
    one = {"Bucket": s.document_bucket, "Key": f"{s.prefix}leave.txt"}
    yield Call("s3", "PutObject", {**one, "Body": b"Twenty-five days of leave."})
    yield Call("s3", "GetObject", one)
    yield Call("s3", "ListObjectsV2", {"Bucket": s.document_bucket, "Prefix": s.prefix})
    yield Call("s3", "DeleteObject", one)


def _kb_ingest(s: Setting) -> Story:
    source = {"knowledgeBaseId": str(s.knowledge_base), "dataSourceId": s.data_source}
    started = yield Call("bedrock-agent", "StartIngestionJob", source, also=CONFLICT)
    job = {**source, "ingestionJobId": str(started["ingestionJob"]["ingestionJobId"])}
    yield Call("bedrock-agent", "GetIngestionJob", job)
    yield Call("bedrock-agent", "ListIngestionJobs", source)
    yield Call("bedrock-agent", "StopIngestionJob", job, also=CONFLICT)  # it may have ended by itself


def _retrieve(s: Setting) -> Story:
    query = {"retrievalQuery": {"text": "How many days of leave?"}}
    yield Call("bedrock-agent-runtime", "Retrieve", {"knowledgeBaseId": str(s.knowledge_base), **query})


def _rag(s: Setting) -> Story:
    base: dict[str, Any] = {"knowledgeBaseId": str(s.knowledge_base), "modelArn": model_arn(s)}
    if s.guardrail:
        named = dict(zip(("guardrailId", "guardrailVersion"), s.guardrail, strict=True))
        base["generationConfiguration"] = {"guardrailConfiguration": named}
    configuration = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base}
    yield Call(
        "bedrock-agent-runtime",
        "RetrieveAndGenerate",
        {"input": {"text": "How many days of leave?"}, "retrieveAndGenerateConfiguration": configuration},
        served=s.guardrail is None,
    )


def logging_config(s: Setting) -> dict[str, Any]:
    return {
        "cloudWatchConfig": {
            "logGroupName": s.log_group,
            "roleArn": s.role_arn(s.logging_role),
            "largeDataDeliveryS3Config": {"bucketName": s.logging_bucket},
        },
        "s3Config": {"bucketName": s.logging_bucket},
        "textDataDeliveryEnabled": True,
    }


def _logging_admin(s: Setting) -> Story:
    documents, group, role = roles.logging_role(s.scope()), {"logGroupName": s.log_group}, {"RoleName": s.logging_role}
    trust, bucket = documents.trust.to_json(), {"Bucket": s.logging_bucket}
    yield Call("bedrock", "GetModelInvocationLoggingConfiguration")
    yield Call("logs", "CreateLogGroup", group)
    yield Call("logs", "PutRetentionPolicy", {**group, "retentionInDays": 30})
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    bounded = {"PermissionsBoundary": s.boundary_arn}
    yield Call("iam", "CreateRole", {**role, **bounded, "AssumeRolePolicyDocument": trust})
    yield Call("iam", "GetRole", role)
    yield Call("iam", "UpdateAssumeRolePolicy", {**role, "PolicyDocument": trust})
    policy = {**role, "PolicyName": "deliver"}
    yield Call("iam", "PutRolePolicy", {**policy, "PolicyDocument": documents.permissions.to_json()})
    yield Call("iam", "GetRolePolicy", policy)
    yield Call("s3", "PutBucketPolicy", {**bucket, "Policy": roles.logging_bucket(s.scope()).to_json()})
    yield Call("s3", "GetBucketPolicy", bucket)
    yield Call("bedrock", "PutModelInvocationLoggingConfiguration", {"loggingConfig": logging_config(s)})
    yield Call("bedrock", "DeleteModelInvocationLoggingConfiguration")


def _preflight_minimal(s: Setting) -> Story:
    yield Call("sts", "GetCallerIdentity")
    yield Call("bedrock", "GetModelInvocationLoggingConfiguration")


def _preflight_standard(s: Setting) -> Story:
    yield from _preflight_minimal(s)
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    role = {"RoleName": s.logging_role}
    yield Call("iam", "GetRole", role)
    yield Call("iam", "ListRolePolicies", role)
    yield Call("iam", "GetRolePolicy", {**role, "PolicyName": "deliver"})
    yield Call("iam", "ListAttachedRolePolicies", role)
    for owner in (s.account, "aws"):
        policy = {"PolicyArn": s.arn("iam", "policy/AmazonBedrockGatewayExtra", region="", account=owner)}
        yield Call("iam", "GetPolicy", policy, also=GONE)
        yield Call("iam", "GetPolicyVersion", {**policy, "VersionId": "v1"}, also=GONE)
    yield Call("bedrock", "GetFoundationModel", {"modelIdentifier": bare(s.model)})
    if bare(s.model) != s.model:
        yield Call("bedrock", "GetInferenceProfile", {"inferenceProfileIdentifier": s.model})


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "invoke": _model_call("InvokeModel"),
    "invoke-stream": _model_call("InvokeModelWithResponseStream"),
    "converse": _model_call("Converse"),
    "converse-stream": _model_call("ConverseStream"),
    "kb-provision": _kb_provision,
    "kb-create": _kb_create,
    "kb-documents": _kb_documents,
    "kb-ingest": _kb_ingest,
    "retrieve": _retrieve,
    "rag": _rag,
    "logging-admin": _logging_admin,
    "preflight-minimal": _preflight_minimal,
    "preflight-standard": _preflight_standard,
}
