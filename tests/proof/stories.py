"""The calls that each capability is made of, in an order in which they succeed.

Written from AWS's operations. What IAM needs for them is not said here: the policy says it, and the judge.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam import roles

from .setting import Call, Setting, Story, Unknown, bare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STORIES", "logging_config", "model_arn", "storage", "vector_base"]

MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})
USE_CASE = {
    "companyName": "Example",
    "companyWebsite": "https://example.com",
    "intendedUsers": "0",
    "industryOption": "Education",
    "otherIndustryOption": "",
    "useCases": "Answers about leave.",
}
CONFLICT = frozenset({"ConflictException"})


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


def _tags(s: Setting) -> dict[str, Any]:
    return {"tags": [{"key": "team", "value": "red"}]} if s.tagging else {}


def _foreign(s: Setting) -> bool:
    """Whether the call needs what the local Bedrock does not have: a guardrail, or a model of the account's own."""
    return s.guardrail is not None or (s.model.startswith("arn:") and not s.is_application_profile)


def _model_call(operation: str) -> Callable[[Setting], Story]:
    def story(s: Setting) -> Story:
        model = s.behind[0] if s.behind else s.model
        if "Converse" in operation:
            params: dict[str, Any] = {"messages": MESSAGES, **_guard(s, flat=False)}
        else:
            params = {"body": _body(model), **_guard(s, flat=True)}
        yield Call("bedrock-runtime", operation, {"modelId": s.model, **params}, unserved=_foreign(s))

    return story


def _embed(s: Setting) -> Story:
    cohere = any("cohere.embed" in model for model in s.foundation_models)
    body = {"texts": ["Hello"], "input_type": "search_query"} if cohere else {"inputText": "Hello"}
    params = {"modelId": s.model, "body": json.dumps(body).encode(), **_guard(s, flat=True)}
    # A chat model is no embedding model; whether IAM lets the call pass is the same question.
    embeds = any("embed" in model for model in s.foundation_models)
    yield Call("bedrock-runtime", "InvokeModel", params, unserved=not embeds or _foreign(s))


def _count_tokens(s: Setting) -> Story:
    counted = {"converse": {"messages": MESSAGES}}
    # The operation takes a model, not what leads to it.
    for model in s.foundation_models:
        yield Call("bedrock-runtime", "CountTokens", {"modelId": model, "input": counted})


def _guardrail_apply(s: Setting) -> Story:
    content = [{"text": {"text": "Hello"}}]
    identifier, version = s.guardrail or ("abcdefghij12", "3")
    named = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    yield Call("bedrock-runtime", "ApplyGuardrail", {**named, "source": "INPUT", "content": content}, unserved=True)


def _reranking(model: str) -> dict[str, Any]:
    configuration = {"modelConfiguration": {"modelArn": model}}
    return {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": configuration}


def _reranks(s: Setting) -> bool:
    """A chat model does not rerank; whether IAM lets the call pass is the same question."""
    return s.reranker is not None or (not _foreign(s) and any("rerank" in model for model in s.foundation_models))


def _rerank(s: Setting) -> Story:
    inline = {"type": "TEXT", "textDocument": {"text": "Leave is twenty-five days."}}
    yield Call(
        "bedrock-agent-runtime",
        "Rerank",
        {
            "queries": [{"type": "TEXT", "textQuery": {"text": "How many days?"}}],
            "sources": [{"type": "INLINE", "inlineDocumentSource": inline}],
            "rerankingConfiguration": _reranking(model_arn(s, s.reranker)),
        },
        unserved=not _reranks(s),
    )


def _batch(s: Setting) -> Story:
    where = {"s3Uri": f"s3://{s.document_bucket}/batch/"}
    started = yield Call(
        "bedrock",
        "CreateModelInvocationJob",
        {
            "jobName": "nightly",
            "roleArn": s.role_arn(s.batch_role),
            "modelId": s.model,
            "inputDataConfig": {"s3InputDataConfig": where},
            "outputDataConfig": {"s3OutputDataConfig": where},
            **_tags(s),
        },
    )
    job = {"jobIdentifier": s.arn("bedrock", "model-invocation-job/abcdefghij12")}
    if not isinstance(started, Unknown):
        job = {"jobIdentifier": started["jobArn"]}
    yield Call("bedrock", "GetModelInvocationJob", job)
    yield Call("bedrock", "ListModelInvocationJobs")
    yield Call("bedrock", "StopModelInvocationJob", job, also=CONFLICT)


def _kb_read(s: Setting) -> Story:
    base = {"knowledgeBaseId": str(s.knowledge_base)}
    source = {**base, "dataSourceId": s.data_source}
    yield Call("bedrock-agent", "ListKnowledgeBases")
    yield Call("bedrock-agent", "GetKnowledgeBase", base)
    yield Call("bedrock-agent", "ListDataSources", base)
    yield Call("bedrock-agent", "GetDataSource", source)
    listed = yield Call("bedrock-agent", "ListIngestionJobs", source)
    first = "UNKNOWN123" if isinstance(listed, Unknown) else listed["ingestionJobSummaries"][0]["ingestionJobId"]
    yield Call("bedrock-agent", "GetIngestionJob", {**source, "ingestionJobId": first})
    document = {"dataSourceType": "CUSTOM", "custom": {"id": "one"}}
    yield Call("bedrock-agent", "GetKnowledgeBaseDocuments", {**source, "documentIdentifiers": [document]})
    yield Call("bedrock-agent", "ListKnowledgeBaseDocuments", source)
    arn = s.arn("bedrock", f"knowledge-base/{s.knowledge_base}")
    yield Call("bedrock-agent", "ListTagsForResource", {"resourceArn": arn})


def _model_catalog(s: Setting) -> Story:
    yield Call("bedrock", "ListFoundationModels")
    yield Call("bedrock", "ListInferenceProfiles")
    yield Call("bedrock", "GetFoundationModelAvailability", {"modelId": "amazon.nova-lite-v1:0"})
    yield from _looked_at(s)


def _looked_at(s: Setting) -> Story:
    """What AWS tells of the models and profiles of the setting; of a provisioned model and its like it tells elsewhere."""
    for model in s.foundation_models:
        yield Call("bedrock", "GetFoundationModel", {"modelIdentifier": model})
    for profile in s.profiles:
        yield Call("bedrock", "GetInferenceProfile", {"inferenceProfileIdentifier": profile})


def _model_access(s: Setting) -> Story:
    model = {"modelId": s.foundation_models[0] if s.foundation_models else "cohere.rerank-v3-5:0"}
    yield Call("bedrock", "ListFoundationModelAgreementOffers", model)
    yield Call("bedrock", "PutUseCaseForModelAccess", {"formData": json.dumps(USE_CASE).encode()})
    yield Call("bedrock", "GetUseCaseForModelAccess", also=frozenset({"ResourceNotFoundException"}))
    yield Call("bedrock", "CreateFoundationModelAgreement", {**model, "offerToken": "token"})
    yield Call("bedrock", "GetFoundationModelAvailability", model)
    yield Call("bedrock", "DeleteFoundationModelAgreement", model)


def _guardrail_admin(s: Setting) -> Story:
    says = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.", "name": "house-rules"}
    across = {"crossRegionConfig": {"guardrailProfileIdentifier": f"{s.guardrail_profile}.guardrail.v1:0"}}
    made = {**says, **(across if s.guardrail_profile else {})}
    if s.guardrail_key:
        made["kmsKeyId"] = s.guardrail_key
    one = {"guardrailIdentifier": s.guardrail[0] if s.guardrail else "abcdefghij12"}
    yield Call("bedrock", "CreateGuardrail", {**made, **_tags(s)})
    yield Call("bedrock", "UpdateGuardrail", {**one, **made})
    yield Call("bedrock", "CreateGuardrailVersion", one)
    yield Call("bedrock", "GetGuardrail", one)
    yield Call("bedrock", "ListGuardrails")
    yield Call("bedrock", "ListGuardrails", one)
    yield Call("bedrock", "ListEnforcedGuardrailsConfiguration")
    if s.enforced_guardrail:
        enforced = {"guardrailIdentifier": s.enforced_guardrail, "guardrailVersion": "1"}
        yield Call("bedrock", "PutEnforcedGuardrailConfiguration", {"guardrailInferenceConfig": enforced})
        yield Call("bedrock", "DeleteEnforcedGuardrailConfiguration", {"configId": "default"})
    yield Call("bedrock", "DeleteGuardrail", one)


def vector_base(s: Setting) -> dict[str, Any]:
    if s.knowledge_base_key:
        key = {"serverSideEncryptionConfiguration": {"kmsKeyArn": s.knowledge_base_key}}
        return {"type": "MANAGED", "managedKnowledgeBaseConfiguration": {"embeddingModelType": "MANAGED", **key}}
    return {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": s.embedding_arn}}


def storage(s: Setting) -> dict[str, Any]:
    if s.store_secret:
        fields = {"textField": "text", "metadataField": "metadata"}
        store = {"connectionString": "https://example.pinecone.io", "credentialsSecretArn": s.store_secret}
        return {"type": "PINECONE", "pineconeConfiguration": {**store, "fieldMapping": fields}}
    return {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": s.index_arn}}


def _kb_provision(s: Setting) -> Story:
    documents = roles.kb_role(s.scope())
    path, _, name = s.kb_role.rpartition("/")
    role, policy = {"RoleName": name}, {"PolicyName": "read-and-index"}
    new: dict[str, Any] = {
        "Path": f"/{path}/",
        "PermissionsBoundary": s.boundary_arn,
        "Tags": [{"Key": "team", "Value": "red"}],
    }
    tagged = {"tags": {"team": "red"}}
    yield Call("iam", "CreateRole", {**role, **new, "AssumeRolePolicyDocument": documents.trust.to_json()})
    yield Call("iam", "GetRole", role)
    yield Call("iam", "PutRolePolicy", {**role, **policy, "PolicyDocument": documents.permissions.to_json()})
    yield Call("iam", "GetRolePolicy", {**role, **policy})
    bucket = {"vectorBucketName": s.vector_bucket}
    index = {**bucket, "indexName": s.vector_index}
    yield Call("s3vectors", "CreateVectorBucket", {**bucket, **tagged})
    yield Call("s3vectors", "GetVectorBucket", bucket)
    form = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    yield Call("s3vectors", "CreateIndex", {**index, **form, **tagged})
    yield Call("s3vectors", "GetIndex", index)
    for arn in (s.index_arn.partition("/index/")[0], s.index_arn):
        yield Call("s3vectors", "ListTagsForResource", {"resourceArn": arn})
    yield Call("s3vectors", "DeleteIndex", index)
    yield Call("s3vectors", "DeleteVectorBucket", bucket)
    yield Call("iam", "DeleteRolePolicy", {**role, **policy})
    yield Call("iam", "DeleteRole", role)


def _kb_create(s: Setting) -> Story:
    role = s.role_arn(s.kb_role)
    body: dict[str, Any] = {"roleArn": role, "knowledgeBaseConfiguration": vector_base(s)}
    if not s.knowledge_base_key:  # a managed one has no store of its own
        body["storageConfiguration"] = storage(s)
    made = yield Call(
        "bedrock-agent",
        "CreateKnowledgeBase",
        {"name": f"made-beside-{s.knowledge_base}", **body, **({"tags": {"team": "red"}} if s.tagging else {})},
        unserved=bool(s.knowledge_base_key or s.store_secret),
    )
    # Where the policy names one knowledge base, that one is worked on; else the new one.
    base = {"knowledgeBaseId": s.knowledge_base or str(made["knowledgeBase"]["knowledgeBaseId"])}
    yield Call("bedrock-agent", "ListKnowledgeBases")
    yield Call("bedrock-agent", "GetKnowledgeBase", base)
    yield Call(
        "bedrock-agent",
        "UpdateKnowledgeBase",
        {**base, "name": "renamed", **body},
        unserved=bool(s.knowledge_base_key or s.store_secret),
    )
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


def _rag(operation: str) -> Callable[[Setting], Story]:
    def story(s: Setting) -> Story:
        base: dict[str, Any] = {"knowledgeBaseId": str(s.knowledge_base), "modelArn": model_arn(s)}
        if s.guardrail:
            named = dict(zip(("guardrailId", "guardrailVersion"), s.guardrail, strict=True))
            base["generationConfiguration"] = {"guardrailConfiguration": named}
        if s.reranker:
            search = {"rerankingConfiguration": _reranking(model_arn(s, s.reranker))}
            base["retrievalConfiguration"] = {"vectorSearchConfiguration": search}
        configuration = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base}
        asked = {"input": {"text": "How many days of leave?"}, "retrieveAndGenerateConfiguration": configuration}
        yield Call("bedrock-agent-runtime", operation, asked, unserved=_foreign(s) or s.reranker is not None)

    return story


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
    yield from _looked_at(s)


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "invoke": _model_call("InvokeModel"),
    "invoke-stream": _model_call("InvokeModelWithResponseStream"),
    "converse": _model_call("Converse"),
    "converse-stream": _model_call("ConverseStream"),
    "count-tokens": _count_tokens,
    "guardrail-apply": _guardrail_apply,
    "embed": _embed,
    "rerank": _rerank,
    "batch": _batch,
    "kb-provision": _kb_provision,
    "kb-create": _kb_create,
    "kb-documents": _kb_documents,
    "kb-ingest": _kb_ingest,
    "kb-read": _kb_read,
    "retrieve": _retrieve,
    "rag": _rag("RetrieveAndGenerate"),
    "rag-stream": _rag("RetrieveAndGenerateStream"),
    "logging-admin": _logging_admin,
    "preflight-minimal": _preflight_minimal,
    "preflight-standard": _preflight_standard,
    "model-catalog": _model_catalog,
    "model-access": _model_access,
    "guardrail-admin": _guardrail_admin,
}
