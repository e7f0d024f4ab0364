"""The calls of capabilities about knowledge bases, from the roles and stores under them to the answers out of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam import roles

from .setting import Call, Setting, Story, Unknown
from .stories_inference import CONFLICT, foreign, model_arn, reranking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STORIES", "storage", "vector_base"]


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
    if s.collection_arn:
        fields = {"vectorField": "vector", "textField": "text", "metadataField": "metadata"}
        store = {"collectionArn": s.collection_arn, "vectorIndexName": "pages", "fieldMapping": fields}
        return {"type": "OPENSEARCH_SERVERLESS", "opensearchServerlessConfiguration": store}
    return {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": s.index_arn}}


def _kb_provision(s: Setting) -> Story:
    documents = roles.kb_role(s.scope())
    path, _, name = s.kb_role.rpartition("/")
    role, policy = {"RoleName": name}, {"PolicyName": "read-and-index"}
    new: dict[str, Any] = {
        "Path": f"/{path}/",
        "PermissionsBoundary": s.boundary_arn,
        "Tags": [{"Key": "bedrock-gateway", "Value": "handbook"}],
    }
    tagged = {"tags": {"bedrock-gateway": "handbook"}}
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
    if s.collection:
        yield from _searched(s, s.collection)
    yield Call("iam", "DeleteRolePolicy", {**role, **policy})
    yield Call("iam", "DeleteRole", role)


def _searched(s: Setting, name: str) -> Story:
    """A collection with its policies, its index, and all of it removed."""

    def call(operation: str, **params: Any) -> Call:
        return Call("opensearchserverless", operation, params)

    about = {"ResourceType": "collection", "Resource": [f"collection/{name}"]}
    use = {"ResourceType": "index", "Resource": [f"index/{name}/pages"], "Permission": ["aoss:*"]}
    network = [{"Rules": [about], "AllowFromPublic": False, "SourceServices": ["aoss.amazonaws.com"]}]
    data = [{"Rules": [use], "Principal": [s.role_arn("prover")]}]
    kinds: tuple[tuple[str, str, Any], ...] = (
        ("Security", "encryption", {"Rules": [about], "AWSOwnedKey": True}),
        ("Security", "network", network),
        ("Access", "data", data),
    )
    for family, kind, document in kinds:
        yield call(f"Create{family}Policy", type=kind, name=name, policy=json.dumps(document))
        shown = yield call(f"Get{family}Policy", type=kind, name=name)
    version = shown["accessPolicyDetail"]["policyVersion"]
    version = "UNKNOWN123UNKNOWN123" if isinstance(version, Unknown) else version
    yield call("UpdateAccessPolicy", type="data", name=name, policyVersion=version, policy=json.dumps(data))
    tags = [{"key": "bedrock-gateway", "value": s.mark}]
    made = yield call("CreateCollection", name=name, type="VECTORSEARCH", tags=tags)
    found = made["createCollectionDetail"]["id"]
    identifier = f"{name}-id" if isinstance(found, Unknown) else str(found)
    yield call("BatchGetCollection", names=[name])
    yield call("ListTagsForResource", resourceArn=s.arn("aoss", f"collection/{identifier}"))
    yield call("CreateIndex", id=identifier, indexName="pages", indexSchema={"mappings": {"properties": {}}})
    yield call("GetIndex", id=identifier, indexName="pages")
    yield call("DeleteCollection", id=identifier)
    for family, kind, _ in reversed(kinds):
        yield call(f"Delete{family}Policy", type=kind, name=name)


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


def _kb_documents_direct(s: Setting) -> Story:
    source = {"knowledgeBaseId": str(s.knowledge_base), "dataSourceId": s.data_source}
    where = {"uri": f"s3://{s.document_bucket}/{s.prefix}rules.txt"}
    content = {"dataSourceType": "S3", "s3": {"s3Location": where}}
    # What is asked about elsewhere stays in the index.
    other = {"dataSourceType": "S3", "s3": {"uri": f"s3://{s.document_bucket}/{s.prefix}nothing.txt"}}
    yield Call("bedrock-agent", "IngestKnowledgeBaseDocuments", {**source, "documents": [{"content": content}]})
    yield Call("bedrock-agent", "GetKnowledgeBaseDocuments", {**source, "documentIdentifiers": [other]})
    yield Call("bedrock-agent", "ListKnowledgeBaseDocuments", source)
    yield Call("bedrock-agent", "DeleteKnowledgeBaseDocuments", {**source, "documentIdentifiers": [other]})


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
    document = {"dataSourceType": "S3", "s3": {"uri": f"s3://{s.document_bucket}/{s.prefix}rules.txt"}}
    yield Call("bedrock-agent", "GetKnowledgeBaseDocuments", {**source, "documentIdentifiers": [document]})
    yield Call("bedrock-agent", "ListKnowledgeBaseDocuments", source)
    arn = s.arn("bedrock", f"knowledge-base/{s.knowledge_base}")
    yield Call("bedrock-agent", "ListTagsForResource", {"resourceArn": arn})


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
            search = {"rerankingConfiguration": reranking(model_arn(s, s.reranker))}
            base["retrievalConfiguration"] = {"vectorSearchConfiguration": search}
        configuration = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base}
        asked = {"input": {"text": "How many days of leave?"}, "retrieveAndGenerateConfiguration": configuration}
        yield Call("bedrock-agent-runtime", operation, asked, unserved=foreign(s))

    return story


def _rag_document(s: Setting) -> Story:
    uri = f"s3://{s.document_bucket}/{s.prefix}rules.txt"
    given: dict[str, Any] = {"modelArn": model_arn(s), "sources": [{"sourceType": "S3", "s3Location": {"uri": uri}}]}
    if s.guardrail:
        named = dict(zip(("guardrailId", "guardrailVersion"), s.guardrail, strict=True))
        given["generationConfiguration"] = {"guardrailConfiguration": named}
    configuration = {"type": "EXTERNAL_SOURCES", "externalSourcesConfiguration": given}
    asked = {"input": {"text": "How many days of leave?"}, "retrieveAndGenerateConfiguration": configuration}
    for operation in ("RetrieveAndGenerate", "RetrieveAndGenerateStream"):
        yield Call("bedrock-agent-runtime", operation, asked, unserved=foreign(s))


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "kb-provision": _kb_provision,
    "kb-create": _kb_create,
    "kb-documents": _kb_documents,
    "kb-ingest": _kb_ingest,
    "kb-documents-direct": _kb_documents_direct,
    "kb-read": _kb_read,
    "retrieve": _retrieve,
    "rag-document": _rag_document,
    "rag": _rag("RetrieveAndGenerate"),
    "rag-stream": _rag("RetrieveAndGenerateStream"),
}
