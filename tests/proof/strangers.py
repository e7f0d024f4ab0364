"""Calls that a capability does not cover: the same operations on something else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .setting import Call, Setting, calls_of
from .stories import STORIES, bare, model_arn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["strangers"]

GLOBAL_SERVICES = frozenset({"iam", "sts", "s3"})
"""Their resources have no Region, so no policy can tell one from another."""

_ROLES = frozenset({"CreateRole", "GetRole", "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "DeleteRole"})
_INDEXES = frozenset({"CreateIndex", "GetIndex", "DeleteIndex"})
_VECTORS = _INDEXES | {"CreateVectorBucket", "GetVectorBucket", "DeleteVectorBucket"}
_LOGGING_ROLE = frozenset({"CreateRole", "GetRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "GetRolePolicy"})
_READ_ROLE = frozenset({"GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"})
_BASE = frozenset(
    {"GetKnowledgeBase", "UpdateKnowledgeBase", "DeleteKnowledgeBase", "CreateDataSource", "GetDataSource"}
    | {"UpdateDataSource", "DeleteDataSource", "ListDataSources"}
)
_DOCUMENTS = frozenset({"PutObject", "GetObject", "ListObjectsV2", "DeleteObject"})
_PASSING = frozenset({"CreateKnowledgeBase", "UpdateKnowledgeBase"})
_JOBS = frozenset({"StartIngestionJob", "GetIngestionJob", "ListIngestionJobs", "StopIngestionJob"})
_MODEL_CALLS = {
    "invoke": frozenset({"InvokeModel"}),
    "invoke-stream": frozenset({"InvokeModelWithResponseStream"}),
    "converse": frozenset({"Converse"}),
    "converse-stream": frozenset({"ConverseStream"}),
    "rag": frozenset({"RetrieveAndGenerate"}),
}


@dataclass(frozen=True)
class Other:
    """One thing that is another one, and the operations of each capability that are about it."""

    name: str
    change: Callable[[Setting], Setting]
    bears_on: Mapping[str, frozenset[str]]


def _changed(name: str, bears_on: Mapping[str, frozenset[str]], **values: str) -> Other:
    return Other(name, lambda s: replace(s, **values), bears_on)


OTHERS = (
    _changed(
        "another model",
        _MODEL_CALLS | {"preflight-standard": frozenset({"GetFoundationModel"})},
        model="amazon.nova-micro-v1:0",
    ),
    _changed(
        "another knowledge base",
        {
            "kb-create": _BASE,
            "kb-ingest": _JOBS,
            "retrieve": frozenset({"Retrieve"}),
            "rag": frozenset({"RetrieveAndGenerate"}),
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
        "another log group", {"logging-admin": frozenset({"CreateLogGroup", "PutRetentionPolicy"})}, log_group="/other"
    ),
    _changed(
        "another bucket for logs",
        {"logging-admin": frozenset({"GetBucketPolicy", "PutBucketPolicy"})},
        logging_bucket="example-other",
    ),
    _changed("another bucket of documents", {"kb-documents": _DOCUMENTS}, document_bucket="example-other"),
    _changed("another prefix", {"kb-documents": _DOCUMENTS}, prefix="other/"),
    _changed("another vector bucket", {"kb-provision": _VECTORS}, vector_bucket="example-other"),
    _changed("another vector index", {"kb-provision": _INDEXES}, vector_index="other"),
    _changed(
        "another account",
        {"kb-create": _PASSING, "logging-admin": frozenset({"PutModelInvocationLoggingConfiguration"})},
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
    for other in OTHERS:
        about = other.bears_on.get(capability, frozenset())
        for call in calls_of(story(other.change(s))):
            if call.operation in about:
                yield other.name, call
    for call in calls_of(story(replace(s, region=region))):
        if call.service not in GLOBAL_SERVICES:
            yield f"another Region, {region}", replace(call, region=region)
    if capability in _MODEL_CALLS:
        for name, model in _models(s, destinations):
            yield name, next(iter(calls_of(story(replace(s, model=model)))))
        for one in destinations:
            for call in calls_of(story(replace(s, region=one, model=bare(s.model)))):
                yield f"its model in {one} without the profile", replace(call, region=one)


def _models(s: Setting, destinations: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Other ways to the same model: without its profile, through another, and that of another account."""
    if s.model.startswith("arn:"):
        return
    name = bare(s.model)
    if name != s.model:
        yield "its model without the profile", name
        foreign = replace(s, account="111122223333")
        yield "the profile of another account", model_arn(foreign)
    for geography in ("us", "eu", "apac", "global"):
        if f"{geography}.{name}" != s.model:
            yield f"its model through {geography}.", f"{geography}.{name}"
    for one in destinations:
        if one != s.region:
            yield f"its model by an ARN of {one}", model_arn(s, name, one)
