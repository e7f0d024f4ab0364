"""Rows: knowledge bases, from the roles and stores under them to the answers out of them."""

from __future__ import annotations

from dataclasses import replace

from bedrock_gateway.capabilities.legs import ENDPOINT, GUARDED, PROFILES, RERANKED, STREAMED_ENDPOINT, tagged
from bedrock_gateway.capabilities.search import SEARCH
from bedrock_gateway.capabilities.table import (
    Capability,
    Condition,
    Confidence,
    Leg,
    Operation,
    Option,
    Resend,
    Resource,
)

_PASS_KB_ROLE = Leg(
    "iam:PassRole",
    "knowledge-base-role",
    source="User Guide: kb-managed-prereqs",
    condition="passed-to-bedrock",
    why="The service takes over the role; AWS's action table lists no dependent action, the call is denied without it.",
)


_THIRD_PARTY = Leg(
    "bedrock:AssociateThirdPartyKnowledgeBase",
    "*",
    source="service authorization reference, API operations",
    condition="third-party-secret",
    only_with="third_party_secrets",
    why="A store that a secret opens is another's: joining it, changing it and filling it are asked for.",
)
_ON_CREATION = (
    tagged("new-knowledge-base"),
    _THIRD_PARTY,
    *(
        Leg(
            f"kms:{name}",
            "knowledge-base-key",
            "L",
            "User Guide: encryption-kb; kb-managed-prereqs gives it to the service role instead",
            condition="via-bedrock",
            only_with="knowledge_base_key",
            why="Two pages of AWS disagree on who uses the key of a managed knowledge base: its creator or its role.",
        )
        for name in ("CreateGrant", "Decrypt", "GenerateDataKey")
    ),
)


def _document_key(action: str) -> tuple[Leg, ...]:
    return (
        Leg(
            action,
            "document-key",
            source="Amazon S3 User Guide: UsingKMSEncryption",
            condition="via-s3",
            only_with="document_keys",
            why="S3 uses the key of an encrypted bucket in the caller's name.",
        ),
    )


def _one(
    name: str,
    service: str,
    action: str,
    resource: Resource,
    resend: Resend = "free",
    *,
    token: str | None = None,
    confidence: Confidence = "H",
    condition: Condition | None = None,
    also: tuple[Leg, ...] = (),
) -> Operation:
    """Return an operation whose own leg is one action on one kind of resource."""
    leg = Leg(action, resource, confidence, condition=condition)
    return Operation(name, service, resend, (leg, *also), token=token)


def _agent(
    name: str, resource: Resource = "knowledge-base", *, token: str | None = None, also: tuple[Leg, ...] = ()
) -> Operation:
    """Return an operation of bedrock-agent: its IAM action has its own name, under the prefix ``bedrock``."""
    return _one(
        name, "bedrock-agent", f"bedrock:{name}", resource, "token" if token else "free", token=token, also=also
    )


def _direct(name: str) -> Operation:
    """Return an operation that changes documents one by one: AWS asks for the right to start a job as well."""
    started = Leg(
        "bedrock:StartIngestionJob",
        "knowledge-base",
        source="User Guide: kb-direct-ingestion-prereq; service authorization reference, API operations",
        why="Changing documents directly is authorised as an ingestion, too.",
    )
    return _agent(name, token="clientToken", also=(started, _THIRD_PARTY))


# AWS gives these actions the key `iam:PermissionsBoundary`; what only reads or removes the role needs no bound.
_GRANTING = frozenset({"CreateRole", "PutRolePolicy", "DeleteRolePolicy"})


def _role(name: str) -> Operation:
    bound: Condition | None = "bounded" if name in _GRANTING else None
    also = (
        (_marked("iam:TagRole", "provisioned-role", "IAM User Guide: id_tags_roles"),) if name == "CreateRole" else ()
    )
    return _one(name, "iam", f"iam:{name}", "provisioned-role", condition=bound, also=also)


_VECTOR_TAGS = "Amazon S3 User Guide: creating-vector-buckets-with-tags"


def _marked(action: str, resource: Resource, source: str) -> Leg:
    """Return a leg of the tag by which set-up knows again what it made; no other tag may be set with it."""
    setting: Condition | None = "own-mark" if "Tag" in action and ":List" not in action else None
    return Leg(action, resource, source=source, condition=setting, why="Set-up adopts and deletes only what is tagged.")


def _vectors(name: str, resource: Resource) -> Operation:
    also = (_marked("s3vectors:TagResource", resource, _VECTOR_TAGS),) if name.startswith("Create") else ()
    made = _one(name, "s3vectors", f"s3vectors:{name}", resource, also=also)
    return replace(made, legs=_with("vector_indexes", *made.legs))


def _with(option: Option, *legs: Leg) -> tuple[Leg, ...]:
    return tuple(replace(leg, only_with=option) for leg in legs)


_VECTOR_MARKS = Operation(
    "ListTagsForResource",
    "s3vectors",
    "free",
    _with(
        "vector_indexes",
        *(
            _marked("s3vectors:ListTagsForResource", resource, "service authorization reference")
            for resource in ("vector-bucket", "vector-index")
        ),
    ),
    known_in="1.43.117",
)

_RETRIEVE = Leg(
    "bedrock:Retrieve",
    "knowledge-base",
    "M",
    "User Guide: kb-permissions",
    why="It is what scopes the call to one knowledge base.",
)
_GENERATE = Leg(
    "bedrock:InvokeModel",
    "model",
    "M",
    "User Guide: kb-permissions, rerank-prereq",
    why="The service generates with the caller's rights.",
)
_GENERATE_STREAM = tuple(
    Leg(
        action,
        "model",
        "L",
        "botocore documentation of RetrieveAndGenerateStream names bedrock:RetrieveAndGenerate alone",
        why="The service generates with the caller's rights; AWS does not say with which of the two actions.",
        one_of="generation",
    )
    for action in ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
)
_ALSO = "The principal can also retrieve from the knowledge base and invoke its model directly."


_READ_DOCUMENT = Leg(
    "s3:GetObject",
    "answer-object",
    "M",
    "User Guide: kb-permissions",
    only_with="answer_documents",
    why="The service reads the document with the caller's rights.",
)
_DECRYPT_DOCUMENT = Leg(
    "kms:Decrypt",
    "answer-key",
    "M",
    "Amazon S3 User Guide: UsingKMSEncryption",
    condition="via-s3",
    only_with="answer_keys",
    why="S3 uses the key of an encrypted object in the name of whom the service reads it for: the caller.",
)
_GIVEN = (_READ_DOCUMENT, _DECRYPT_DOCUMENT)


def _answered(*legs: Leg) -> tuple[Leg, ...]:
    """Every leg of an answer: the call itself has no resource, so what limits it are the legs below it."""
    guarded = (replace(leg, confidence="M") for leg in GUARDED)
    return (Leg("bedrock:RetrieveAndGenerate", "*"), *legs, PROFILES, *guarded)


_STREAMED = (*_GENERATE_STREAM, ENDPOINT, STREAMED_ENDPOINT)


def _answer(name: str, *legs: Leg) -> Operation:
    stream = "stream" if name.endswith("Stream") else None
    return Operation(name, "bedrock-agent-runtime", "billed", _answered(*legs), stream=stream)


ROWS = (
    Capability(
        "kb-provision",
        "Make and remove the service role and the store of a knowledge base: S3 Vectors or OpenSearch Serverless.",
        "administration",
        (
            *(
                _role(name)
                for name in (
                    "CreateRole",
                    "GetRole",
                    "PutRolePolicy",
                    "GetRolePolicy",
                    "DeleteRolePolicy",
                    "DeleteRole",
                )
            ),
            *(
                _vectors(name, "vector-bucket")
                for name in ("CreateVectorBucket", "GetVectorBucket", "DeleteVectorBucket")
            ),
            *(_vectors(name, "vector-index") for name in ("CreateIndex", "GetIndex", "DeleteIndex")),
            _VECTOR_MARKS,
            *SEARCH,
        ),
        "Whoever may make the role and write its policy can also take it over: within its permissions boundary, no more. The"
        " index operations and reading tags of OpenSearch Serverless know no resource: what limits the former is the data"
        " access policy of each collection.",
    ),
    Capability(
        "kb-create",
        "Make, change and remove knowledge bases and their data sources.",
        "administration",
        (
            _agent("CreateKnowledgeBase", "*", token="clientToken", also=(_PASS_KB_ROLE, *_ON_CREATION)),
            _agent("GetKnowledgeBase"),
            _agent("UpdateKnowledgeBase", also=(_PASS_KB_ROLE, _THIRD_PARTY)),
            _agent("DeleteKnowledgeBase"),
            _agent("ListKnowledgeBases", "*"),
            _agent("CreateDataSource", token="clientToken"),
            _agent("GetDataSource"),
            _agent("UpdateDataSource"),
            _agent("DeleteDataSource"),
            _agent("ListDataSources"),
        ),
        "Data sources have no ARN of their own: the knowledge base is their resource.",
    ),
    Capability(
        "kb-documents",
        "Write, read, list and delete the documents of one bucket and prefix.",
        "administration",
        (
            _one("PutObject", "s3", "s3:PutObject", "document-object", also=_document_key("kms:GenerateDataKey")),
            _one("GetObject", "s3", "s3:GetObject", "document-object", also=_document_key("kms:Decrypt")),
            _one("DeleteObject", "s3", "s3:DeleteObject", "document-object"),
            _one("ListObjectsV2", "s3", "s3:ListBucket", "document-bucket", condition="document-prefix"),
        ),
    ),
    Capability(
        "kb-ingest",
        "Start, follow and stop ingestion jobs.",
        "administration",
        (
            _agent("StartIngestionJob", token="clientToken", also=(_THIRD_PARTY,)),
            _agent("GetIngestionJob"),
            _agent("ListIngestionJobs"),
            _agent("StopIngestionJob"),
        ),
        "Ingestion jobs have no ARN of their own: the knowledge base is their resource.",
    ),
    Capability(
        "kb-documents-direct",
        "Give documents to a knowledge base one by one, look at them and take them away, without an ingestion job.",
        "administration",
        (
            _direct("IngestKnowledgeBaseDocuments"),
            _direct("DeleteKnowledgeBaseDocuments"),
            _agent("GetKnowledgeBaseDocuments"),
            _agent("ListKnowledgeBaseDocuments"),
        ),
        "Documents have no ARN of their own: the knowledge base is their resource. Whoever may do this may also start its "
        "ingestion jobs.",
    ),
    Capability(
        "kb-read",
        "Look at knowledge bases, their data sources, ingestion jobs and documents.",
        "read",
        (
            _agent("ListKnowledgeBases", "*"),
            *(
                _agent(name)
                for name in (
                    "GetKnowledgeBase",
                    "GetDataSource",
                    "ListDataSources",
                    "GetIngestionJob",
                    "ListIngestionJobs",
                    "GetKnowledgeBaseDocuments",
                    "ListKnowledgeBaseDocuments",
                    "ListTagsForResource",
                )
            ),
        ),
        "Data sources, jobs and documents have no ARN of their own: the knowledge base is their resource.",
    ),
    Capability(
        "retrieve",
        "Find passages in a knowledge base.",
        "runtime",
        (_one("Retrieve", "bedrock-agent-runtime", "bedrock:Retrieve", "knowledge-base"),),
        "Passages are put in order by a reranker with the knowledge base's role, not with the caller's rights.",
    ),
    Capability(
        "rag-document",
        "Answer a question from one document: given with it, or an object of S3; at once or as a stream.",
        "runtime",
        (
            _answer("RetrieveAndGenerate", *_GIVEN, _GENERATE, ENDPOINT),
            _answer("RetrieveAndGenerateStream", *_GIVEN, *_STREAMED),
        ),
        "The principal can also read those objects and invoke its model directly, and ask about any document that it has.",
    ),
    Capability(
        "rag",
        "Answer a question from a knowledge base, with citations.",
        "runtime",
        (_answer("RetrieveAndGenerate", _RETRIEVE, _GENERATE, *RERANKED, ENDPOINT),),
        _ALSO,
    ),
    Capability(
        "rag-stream",
        "Answer a question from a knowledge base and read the answer as it is made.",
        "runtime",
        (_answer("RetrieveAndGenerateStream", _RETRIEVE, *_STREAMED, *RERANKED),),
        f"{_ALSO} RetrieveAndGenerate and its stream are one IAM action: the policy of this one permits both.",
    ),
)
