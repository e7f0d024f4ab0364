"""Calls that a capability does not cover: the same operations on something else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .setting import Call, Setting, calls_of
from .stories import STORIES, model_arn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["strangers"]

GLOBAL_SERVICES = frozenset({"iam", "sts", "s3"})
"""Their resources have no Region, so no policy can tell one from another."""

EVERYWHERE: Mapping[str, frozenset[str]] = {
    "preflight-deep": frozenset({"DescribeLogGroups", "GetTrailStatus", "GetEventSelectors"}),
}
"""What a capability reads in other Regions on purpose: a log group that is missing here, a trail that is kept there."""

_ROLES = frozenset({"CreateRole", "GetRole", "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "DeleteRole"})
_INDEXES = frozenset({"CreateIndex", "GetIndex", "DeleteIndex"})
_VECTORS = _INDEXES | {"ListTagsForResource", "CreateVectorBucket", "GetVectorBucket", "DeleteVectorBucket"}
_COLLECTION = frozenset(
    {f"{verb}{family}Policy" for verb in ("Create", "Get", "Delete") for family in ("Security", "Access")}
    | {"UpdateAccessPolicy", "CreateCollection", "BatchGetCollection", "DeleteCollection", "CreateIndex", "GetIndex"}
)
_LOGGING_ROLE = frozenset(
    {"CreateRole", "GetRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "GetRolePolicy"}
    | {"ListRolePolicies", "DeleteRolePolicy", "DeleteRole"}
)
OTHER_KEY = "00000000-12ab-34cd-56ef-1234567890ab"
_LOGGING_BUCKET = frozenset(
    {f"{verb}BucketPolicy" for verb in ("Get", "Put", "Delete")}
    | {f"{verb}{what}" for verb in ("Get", "Put") for what in ("BucketOwnershipControls", "PublicAccessBlock")}
    | {"GetBucketLocation", "CreateBucket", "GetBucketEncryption", "PutBucketEncryption"}
)
_READ_ROLE = frozenset({"GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"})
_PRINCIPAL_ROLE = frozenset(
    {"CreateRole", "GetRole", "AttachRolePolicy", "ListAttachedRolePolicies", "DeleteRole"}
    | {"UpdateAssumeRolePolicy", "DetachRolePolicy"}
)
_PRINCIPAL_GROUP = frozenset(
    {f"{verb}GroupPolicy" for verb in ("Attach", "Detach")} | {f"{verb}Group" for verb in ("Create", "Get", "Delete")}
) | {"AddUserToGroup", "RemoveUserFromGroup", "ListAttachedGroupPolicies"}
_PRINCIPAL_INSTANCE = frozenset(f"{verb}InstanceProfile" for verb in ("Create", "Get", "Delete")) | {
    "AddRoleToInstanceProfile",
    "RemoveRoleFromInstanceProfile",
}
_PRINCIPAL_USER = frozenset(f"{verb}User" for verb in ("Create", "Get", "Delete")) | {
    "ListAccessKeys",
    "CreateAccessKey",
    "DeleteAccessKey",
}
_PRINCIPAL_POLICY = frozenset(f"{verb}Policy{end}" for verb in ("Create", "Delete") for end in ("", "Version")) | {
    "GetPolicy",
    "GetPolicyVersion",
    "ListPolicyVersions",
}
_BASE = frozenset(
    {"GetKnowledgeBase", "UpdateKnowledgeBase", "DeleteKnowledgeBase", "CreateDataSource", "GetDataSource"}
    | {"UpdateDataSource", "DeleteDataSource", "ListDataSources"}
)
_DOCUMENTS = frozenset({"PutObject", "GetObject", "ListObjectsV2", "DeleteObject"})
_PASSING = frozenset({"CreateKnowledgeBase", "UpdateKnowledgeBase"})
_ANSWERS = frozenset({"RetrieveAndGenerate", "RetrieveAndGenerateStream"})
_DIRECT = frozenset(f"{verb}KnowledgeBaseDocuments" for verb in ("Ingest", "Get", "List", "Delete"))
_READ_BASE = frozenset(
    {"GetKnowledgeBase", "ListDataSources", "GetDataSource", "ListIngestionJobs", "GetIngestionJob"}
    | {"GetKnowledgeBaseDocuments", "ListKnowledgeBaseDocuments", "ListTagsForResource"}
)
_LOOKED_AT = frozenset({"GetKnowledgeBase", "ListDataSources", "GetDataSource", "ListIngestionJobs"})
_JOBS = frozenset({"StartIngestionJob", "GetIngestionJob", "ListIngestionJobs", "StopIngestionJob"})
_MODEL_CALLS = {
    "invoke": frozenset({"InvokeModel"}),
    "invoke-stream": frozenset({"InvokeModelWithResponseStream"}),
    "converse": frozenset({"Converse"}),
    "converse-stream": frozenset({"ConverseStream"}),
    "rag": frozenset({"RetrieveAndGenerate"}),
    "rag-document": frozenset({"RetrieveAndGenerate", "RetrieveAndGenerateStream"}),
    "rag-stream": frozenset({"RetrieveAndGenerateStream"}),
    "embed": frozenset({"InvokeModel"}),
    "rerank": frozenset({"Rerank"}),
    "count-tokens": frozenset({"CountTokens"}),
    "batch": frozenset({"CreateModelInvocationJob"}),
}
BOUND = frozenset({"invoke", "invoke-stream", "converse", "converse-stream", "embed", "rag", "rag-stream"})
"""Those whose grants on models hold only through the profile or the router; AWS has no key for that in other actions."""
_ONE_GUARDRAIL = frozenset({"UpdateGuardrail", "CreateGuardrailVersion", "GetGuardrail", "DeleteGuardrail"})


@dataclass(frozen=True)
class Other:
    """One thing that is another one, and the operations of each capability that are about it."""

    name: str
    change: Callable[[Setting], Setting]
    bears_on: Mapping[str, frozenset[str]]
    named: str | None = None
    """Field of the setting without which nothing is named that another one could be told from."""
    service: str | None = None
    """Whose operations those are, where another service has some of the same name."""


def _changed(name: str, bears_on: Mapping[str, frozenset[str]], **values: Any) -> Other:
    return Other(name, lambda s: replace(s, **values), bears_on)


OTHERS = (
    _changed(
        "another model",
        _MODEL_CALLS
        | dict.fromkeys(("preflight-standard", "preflight-deep", "model-catalog"), frozenset({"GetFoundationModel"})),
        model="amazon.nova-micro-v1:0",
        behind=(),
        reranker=None,
    ),
    Other(
        "another guardrail",
        lambda s: replace(s, guardrail=("otherrail123", "3")),
        {"guardrail-apply": frozenset({"ApplyGuardrail"}), "guardrail-admin": _ONE_GUARDRAIL}
        | dict.fromkeys(("preflight-standard", "preflight-deep"), frozenset({"GetGuardrail"})),
        "guardrail",
    ),
    _changed(
        "another role of jobs", {"batch": frozenset({"CreateModelInvocationJob"})}, batch_role="bedrock-gateway/other"
    ),
    _changed(
        "another knowledge base",
        {
            "kb-create": _BASE,
            "kb-ingest": _JOBS,
            "kb-documents-direct": _DIRECT,
            "retrieve": frozenset({"Retrieve"}),
            "rag": frozenset({"RetrieveAndGenerate"}),
            "rag-stream": frozenset({"RetrieveAndGenerateStream"}),
            "kb-read": _READ_BASE,
            **dict.fromkeys(("preflight-standard", "preflight-deep"), _LOOKED_AT),
        },
        knowledge_base="OTHER12345",
    ),
    _changed(
        "another role",
        {"kb-provision": _ROLES, "kb-create": _PASSING},
        kb_role="bedrock-gateway/AmazonBedrockGateway-kb-other",
    ),
    _changed(
        "a role of the same name under another path",
        {"kb-create": _PASSING},
        kb_role="other/AmazonBedrockGateway-kb-handbook",
    ),
    _changed(
        "another logging role",
        {
            "logging-admin": _LOGGING_ROLE | {"PutModelInvocationLoggingConfiguration"},
            "preflight-standard": _READ_ROLE,
        },
        logging_role="AmazonBedrockGateway-other",
    ),
    _changed(
        "another boundary",
        {"kb-provision": frozenset({"CreateRole"}), "logging-admin": frozenset({"CreateRole"})},
        boundary="other/boundary",
    ),
    _changed(
        "another log group",
        {
            "logging-admin": frozenset({"CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy"}),
            "preflight-canary": frozenset({"FilterLogEvents"}),
        },
        log_group="/other",
    ),
    _changed(
        "another bucket for logs",
        {"logging-admin": _LOGGING_BUCKET, "preflight-canary": frozenset({"ListObjectsV2"})}
        | dict.fromkeys(
            ("preflight-standard", "preflight-deep"),
            frozenset(
                {"GetBucketPolicy", "GetBucketOwnershipControls", "GetPublicAccessBlock", "GetBucketEncryption"}
                | {"GetBucketVersioning", "GetObjectLockConfiguration", "GetBucketLifecycleConfiguration"}
            ),
        ),
        logging_bucket="example-other",
    ),
    Other(
        "another key of the logs",
        lambda s: replace(s, logging_key=s.arn("kms", f"key/{OTHER_KEY}")),
        {"logging-admin": frozenset({"GetKeyPolicy", "PutKeyPolicy"})},
        "logging_key",
        "kms",
    ),
    _changed(
        "another bucket of documents",
        {"kb-documents": _DOCUMENTS, "rag-document": _ANSWERS},
        document_bucket="example-other",
    ),
    _changed("another prefix", {"kb-documents": _DOCUMENTS, "rag-document": _ANSWERS}, prefix="other/"),
    Other(
        "another collection",
        lambda s: replace(s, collection="other-collection", mark="helpdesk/other"),
        {"kb-provision": _COLLECTION},
        "collection",
        "opensearchserverless",
    ),
    Other(
        "another mark",
        lambda s: replace(s, mark="helpdesk/other"),
        {"kb-provision": frozenset({"CreateCollection"})},
        "collection",
    ),
    Other(
        "another vector bucket",
        lambda s: replace(s, vector_bucket="example-other"),
        {"kb-provision": _VECTORS},
        service="s3vectors",
    ),
    Other(
        "another vector index",
        lambda s: replace(s, vector_index="other"),
        {"kb-provision": _INDEXES},
        service="s3vectors",
    ),
    _changed(
        "another principal's role",
        {"principal-provision": _PRINCIPAL_ROLE | _PRINCIPAL_POLICY},
        principal_role="bedrock-gateway/AmazonBedrockGateway-principal-other",
    ),
    _changed(
        "another principal's instance profile",
        {"principal-provision": _PRINCIPAL_INSTANCE},
        principal_instance="bedrock-gateway/AmazonBedrockGateway-principal-other",
    ),
    _changed(
        "another principal's group",
        {"principal-provision": _PRINCIPAL_GROUP | _PRINCIPAL_POLICY, "group-members": _PRINCIPAL_GROUP},
        principal_group="bedrock-gateway/AmazonBedrockGateway-principal-others",
    ),
    _changed(
        "another principal's user",
        {"principal-provision": _PRINCIPAL_USER, "access-keys": _PRINCIPAL_USER},
        principal_user="bedrock-gateway/eve",
    ),
    _changed(
        "another boundary of principals",
        {"principal-provision": frozenset({"CreateRole", "CreateUser", "GetPolicy", "GetPolicyVersion"})},
        principal_boundary="other/boundary",
    ),
    _changed(
        "another account",
        {
            "kb-create": _PASSING,
            "logging-admin": frozenset({"PutModelInvocationLoggingConfiguration"}),
            "batch": frozenset({"CreateModelInvocationJob"}),
        },
        account="111122223333",
    ),
)


def strangers(
    capability: str, s: Setting, *, region: str, destinations: tuple[str, ...] = ()
) -> Iterator[tuple[str, Call]]:
    """What the policy of *capability* in *s* must not permit: what is other about it, and the call.

    *region* is another Region; *destinations* are those of the setting's profile, where it has one.
    """
    story = STORIES[capability]
    own = calls_of(story(s))
    for other in OTHERS:
        about = other.bears_on.get(capability, frozenset())
        if other.named and getattr(s, other.named) is None:
            continue
        for call in calls_of(story(other.change(s))):
            if call.operation in about and other.service in {None, call.service} and call not in own:
                yield other.name, call
    key = s.logging_key and s.logging_key.replace(f":{s.region}:", f":{region}:")
    away = replace(s, region=region, model=s.model.replace(f":{s.region}:", f":{region}:"), logging_key=key)
    for call in calls_of(story(away)):
        if call.service not in GLOBAL_SERVICES and call.operation not in EVERYWHERE.get(capability, ()):
            yield f"another Region, {region}", replace(call, region=region)
    if capability in BOUND:
        for name, call in _other_ways(capability, s, destinations):
            if call.operation in _MODEL_CALLS[capability]:
                yield name, call
    if s.require_guardrail:
        for name, guardrail in (("no guardrail", None), ("another version", ((s.guardrail or ("", ""))[0], "DRAFT"))):
            for call in calls_of(story(replace(s, guardrail=guardrail))):
                yield name, call


def _other_ways(capability: str, s: Setting, destinations: tuple[str, ...]) -> Iterator[tuple[str, Call]]:
    story = STORIES[capability]
    for name, model in _models(s, destinations):
        yield from ((name, call) for call in calls_of(story(replace(s, model=model, behind=()))))
    for region in destinations:
        for model in s.foundation_models:
            for call in calls_of(story(replace(s, region=region, model=model, behind=()))):
                yield f"its model in {region} without the profile", replace(call, region=region)


def _models(s: Setting, destinations: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Other ways to the same models: without what leads to them, through another profile, and that of another account."""
    plain = s.model in s.foundation_models
    for name in s.foundation_models:
        if not plain and name not in s.behind:
            yield "its model without the profile", name
        for geography in ("us", "eu", "apac", "global"):
            if f"{geography}.{name}" not in {s.model, *s.behind}:
                yield f"its model through {geography}.", f"{geography}.{name}"
        for one in destinations:
            if one != s.region:
                yield f"its model by an ARN of {one}", model_arn(s, name, one)
    if not plain:
        # A router picks by itself: what is behind it is not granted by itself.
        yield from (("what is behind it, without it", one) for one in s.behind)
        arn = s.model if s.model.startswith("arn:") else model_arn(s)
        yield "the same of another account", arn.replace(s.account, "111122223333")
        if s.model.startswith("arn:"):
            yield "another of its kind", s.model[:-1] + ("8" if s.model.endswith("9") else "9")
