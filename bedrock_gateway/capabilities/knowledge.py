"""Rows: knowledge bases, from the roles and stores under them to the answers out of them."""

from __future__ import annotations

from bedrock_gateway.capabilities.table import Capability, Condition, Confidence, Leg, Operation, Resend, Resource

_PASS_KB_ROLE = Leg(
    "iam:PassRole",
    "knowledge-base-role",
    source="User Guide: kb-managed-prereqs",
    condition="passed-to-bedrock",
    why="The service takes over the role; AWS's action table lists no dependent action, the call is denied without it.",
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


# AWS gives these actions the key `iam:PermissionsBoundary`; what only reads or removes the role needs no bound.
_GRANTING = frozenset({"CreateRole", "PutRolePolicy", "DeleteRolePolicy"})


def _role(name: str) -> Operation:
    bound: Condition | None = "bounded" if name in _GRANTING else None
    return _one(name, "iam", f"iam:{name}", "provisioned-role", condition=bound)


def _vectors(name: str, resource: Resource) -> Operation:
    return _one(name, "s3vectors", f"s3vectors:{name}", resource)


ROWS = (
    Capability(
        "kb-provision",
        "Make and remove the service role and the S3 Vectors store of a knowledge base.",
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
        ),
        "Whoever may make the role and write its policy can also take it over: within its permissions boundary, no more.",
    ),
    Capability(
        "kb-create",
        "Make, change and remove knowledge bases and their data sources.",
        "administration",
        (
            _agent("CreateKnowledgeBase", "*", token="clientToken", also=(_PASS_KB_ROLE,)),
            _agent("GetKnowledgeBase"),
            _agent("UpdateKnowledgeBase", also=(_PASS_KB_ROLE,)),
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
            _one("PutObject", "s3", "s3:PutObject", "document-object"),
            _one("GetObject", "s3", "s3:GetObject", "document-object"),
            _one("DeleteObject", "s3", "s3:DeleteObject", "document-object"),
            _one("ListObjectsV2", "s3", "s3:ListBucket", "document-bucket", condition="document-prefix"),
        ),
    ),
    Capability(
        "kb-ingest",
        "Start, follow and stop ingestion jobs.",
        "administration",
        (
            _agent("StartIngestionJob", token="clientToken"),
            _agent("GetIngestionJob"),
            _agent("ListIngestionJobs"),
            _agent("StopIngestionJob"),
        ),
        "Ingestion jobs have no ARN of their own: the knowledge base is their resource.",
    ),
    Capability(
        "retrieve",
        "Find passages in a knowledge base.",
        "runtime",
        (_one("Retrieve", "bedrock-agent-runtime", "bedrock:Retrieve", "knowledge-base"),),
    ),
    Capability(
        "rag",
        "Answer a question from a knowledge base, with citations.",
        "runtime",
        (
            _one(
                "RetrieveAndGenerate",
                "bedrock-agent-runtime",
                "bedrock:RetrieveAndGenerate",
                "*",
                "billed",
                also=(
                    Leg(
                        "bedrock:Retrieve",
                        "knowledge-base",
                        "M",
                        "User Guide: kb-permissions",
                        why="It is what scopes the call to one knowledge base.",
                    ),
                    Leg(
                        "bedrock:InvokeModel",
                        "model",
                        "M",
                        "User Guide: kb-permissions, rerank-prereq",
                        why="The service generates with the caller's rights.",
                    ),
                    Leg(
                        "bedrock:GetInferenceProfile",
                        "profile",
                        "?",
                        "User Guide: inference-prereq, which does not name this operation",
                        why="AWS lists it as needed to run inference through a profile; public samples omit it.",
                    ),
                    Leg(
                        "bedrock:ApplyGuardrail",
                        "guardrail",
                        "M",
                        "User Guide: guardrails-permissions",
                        only_with="guardrail",
                    ),
                ),
            ),
        ),
        "The principal can also retrieve from the knowledge base and invoke its model directly.",
    ),
)
