"""The kinds of model ids, Regions and options that a policy is proven for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .setting import Setting

__all__ = [
    "KEY",
    "KINDS",
    "MODEL_CAPABILITIES",
    "OPTIONS",
    "REFUSED",
    "SHORT",
    "UNDOCUMENTED",
    "Kind",
    "Option",
    "elsewhere",
    "matrix",
]

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
RERANKER = "cohere.rerank-v3-5:0"
ID = "abc123def456"
ACCOUNT = "123456789012"

CALLS = ("invoke", "invoke-stream", "converse", "converse-stream", "embed")
ANSWERS = ("rag", "rag-stream", "rag-document")
READS = ("preflight-standard", "preflight-deep")
MODEL_CAPABILITIES = (*CALLS, "count-tokens", "rerank", "batch", *ANSWERS, "model-catalog", *READS)
"""Those whose policy depends on the kind of model id."""

_US = ("us-east-1", "us-east-2", "us-west-2")
_EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
_APAC = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2")


@dataclass(frozen=True)
class Kind:
    """One kind of model id, in one source Region."""

    model: str
    region: str = "us-east-1"
    reach: tuple[str, ...] = ()
    """Where a call of the profile from here may run, source included; ``""`` is the ARN without a Region. Written down
    by hand and held against the Bedrock User Guide, inference-profiles-support: a third statement, beside the
    generator's data and the local Bedrock's. That page lists no GovCloud profile."""
    behind: tuple[str, ...] = ()
    partition: str = "aws"

    def applied(self, s: Setting, capability: str = "") -> Setting:
        """*s* with this kind of model, one that does what *capability* asks of it where there is one of the kind."""

        def fitting(model: str) -> str:
            for chat, other in _FITTING.get(capability, {}).items():
                if model.endswith(chat) and (model, self.region) not in _NONE_FITS.get(capability, ()):
                    return model.replace(chat, other)
            return model

        # A preflight looks at the key of what logs are written to, and there has to be one.
        key = s.arn("kms", KEY.rpartition(":")[2]) if capability in READS else None
        return replace(s, model=fitting(self.model), behind=tuple(map(fitting, self.behind)), logging_key=key)

    @property
    def group(self) -> str:
        """What the id is, whatever its Region."""
        return next((text for part, text in _GROUPS.items() if part in self.model), "on-demand")


_FITTING: Mapping[str, Mapping[str, str]] = {
    "embed": {NOVA: TITAN, SONNET: "cohere.embed-v4:0"},
    "rerank": {NOVA: RERANKER},
}
_NONE_FITS: Mapping[str, frozenset[tuple[str, str]]] = {
    "embed": frozenset(
        {
            (f"apac.{NOVA}", "ap-south-1"),
            (f"jp.{SONNET}", "ap-northeast-1"),
            (f"au.{SONNET}", "ap-southeast-2"),
            (f"us-gov.{SONNET}", "us-gov-west-1"),
        }
    ),
    "rerank": frozenset({(NOVA, "eu-west-2"), (f"apac.{NOVA}", "ap-south-1")}),
}
"""(model, Region) of which AWS offers no embedding model or reranker: there the chat model stands for one."""

_GROUPS: Mapping[str, str] = {
    ":application-inference-profile/": "application profile",
    ":provisioned-model/": "provisioned",
    ":imported-model/": "imported",
    ":custom-model/": "custom",
    ":custom-model-deployment/": "deployment",
    ":default-prompt-router/": "default prompt router",
    ":prompt-router/": "prompt router",
    ":endpoint/": "marketplace endpoint",
    "us-gov.": "geo profile",
    "global.": "global profile",
    **dict.fromkeys(("us.", "eu.", "apac.", "jp.", "au."), "geo profile"),
}


def _mine(kind: str, name: str = ID) -> str:
    return f"arn:aws:bedrock:us-east-1:{ACCOUNT}:{kind}/{name}"


_APPLICATION = _mine("application-inference-profile")
"""Stands for the ARN that AWS assigns."""

KINDS: Mapping[str, Kind] = {
    "on-demand us-east-1": Kind(NOVA),
    "on-demand eu-west-2": Kind(NOVA, "eu-west-2"),
    "us. us-east-1": Kind(f"us.{SONNET}", "us-east-1", _US),
    "us. us-east-2": Kind(f"us.{SONNET}", "us-east-2", _US),
    "us. us-west-2": Kind(f"us.{SONNET}", "us-west-2", _US),
    "eu. eu-central-1": Kind(f"eu.{SONNET}", "eu-central-1", _EU),
    "eu. eu-west-2": Kind(f"eu.{SONNET}", "eu-west-2", (*_EU, "eu-west-2")),
    "apac. ap-south-1": Kind(f"apac.{NOVA}", "ap-south-1", _APAC),
    "jp. ap-northeast-1": Kind(f"jp.{SONNET}", "ap-northeast-1", ("ap-northeast-1", "ap-northeast-3")),
    "au. ap-southeast-2": Kind(f"au.{SONNET}", "ap-southeast-2", ("ap-southeast-2", "ap-southeast-4")),
    "global. us-east-1": Kind(f"global.{SONNET}", "us-east-1", ("us-east-1", "")),
    "global. eu-west-1": Kind(f"global.{SONNET}", "eu-west-1", ("eu-west-1", "")),
    "application profile of a model": Kind(_APPLICATION, behind=(NOVA,)),
    "application profile of us.": Kind(_APPLICATION, "us-east-1", _US, (f"us.{SONNET}",)),
    "application profile of global.": Kind(_APPLICATION, "us-east-1", ("us-east-1", ""), (f"global.{SONNET}",)),
    "provisioned": Kind(_mine("provisioned-model")),
    "imported": Kind(_mine("imported-model")),
    "deployment": Kind(_mine("custom-model-deployment")),
    "custom": Kind(_mine("custom-model", f"{NOVA}:300k/{ID}")),
    "prompt router": Kind(_mine("prompt-router"), behind=(NOVA, f"us.{SONNET}")),
    "default prompt router": Kind(_mine("default-prompt-router", "anthropic.claude:1"), behind=(f"us.{SONNET}",)),
    "marketplace endpoint": Kind(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/my-endpoint"),
    "us-gov. us-gov-west-1": Kind(
        f"us-gov.{SONNET}", "us-gov-west-1", ("us-gov-east-1", "us-gov-west-1"), partition="aws-us-gov"
    ),
}
SHORT = "us. us-east-1"
"""The one that stands for all of them in a short run."""

_UNCOUNTED = ("provisioned", "imported", "deployment", "custom", "marketplace endpoint")
_NO_JOB = (
    "provisioned", "imported", "deployment", "prompt router", "default prompt router", "marketplace endpoint",
)  # fmt: skip
REFUSED: Mapping[tuple[str, str], str] = {
    **{(capability, "custom"): "called through its throughput or deployment" for capability in (*CALLS, *ANSWERS)},
    ("rerank", "custom"): "called through its throughput or deployment",
    **{("count-tokens", kind): "AWS counts for foundation models" for kind in _UNCOUNTED},
    **{("batch", kind): "a job takes models and profiles" for kind in _NO_JOB},
}
"""(capability, kind) for which the generator makes no policy, and why."""

UNDOCUMENTED: Mapping[tuple[str, str], str] = {
    (capability, "marketplace endpoint"): "AWS documents models and profiles for this operation"
    for capability in (*ANSWERS, "rerank")
}
"""(capability, kind) that nothing documented says works: a policy is made, and is not proven."""

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:pinecone-AbCdEf"
_GUARDED = (*CALLS, *ANSWERS, "guardrail-apply", "guardrail-admin")
_GUARDRAIL = {"guardrail": ("abcdefghij12", "3")}


@dataclass(frozen=True)
class Option:
    """Something that changes what IAM must grant, and the capabilities that it changes it for."""

    values: Mapping[str, Any]
    capabilities: tuple[str, ...]
    refused: tuple[str, ...] = field(default=())


OPTIONS: Mapping[str, Option] = {
    "guardrail": Option(_GUARDRAIL, _GUARDED),
    "guardrail required": Option({**_GUARDRAIL, "require_guardrail": True}, CALLS, (*ANSWERS, "rerank")),
    "guardrail across Regions": Option({**_GUARDRAIL, "guardrail_profile": "us"}, _GUARDED),
    "guardrail under a key": Option({**_GUARDRAIL, "guardrail_key": KEY}, _GUARDED),
    "guardrail enforced": Option({"enforced_guardrail": "enforced1234"}, (*CALLS, *ANSWERS, "guardrail-admin")),
    "subscription on first use": Option({"product": "prod-abc123"}, (*CALLS, "model-access")),
    "tags": Option({"tagging": True}, ("kb-create", "batch", "guardrail-admin")),
    "reranker": Option({"reranker": RERANKER}, ("rerank", "rag", "rag-stream")),
    "key of a managed knowledge base": Option({"knowledge_base_key": KEY}, ("kb-create",)),
    "store on OpenSearch Serverless": Option({"collection": "helpdesk-handbook"}, ("kb-provision",)),
    "store outside AWS": Option({"store_secret": SECRET}, ("kb-create", "kb-ingest", "kb-documents-direct")),
    "key of the logs": Option({"logging_key": KEY}, ("logging-admin",)),
    "key of the documents": Option({"document_key": KEY}, ("kb-documents", "rag-document")),
}


def matrix(*, served: bool = False) -> list[tuple[str, str]]:
    """Every (capability, kind) that a policy is made and judged for; *served*: in a partition that can be called here."""
    return [
        (capability, kind)
        for capability in MODEL_CAPABILITIES
        for kind, one in KINDS.items()
        if (capability, kind) not in {*REFUSED, *UNDOCUMENTED} and not (served and one.partition != "aws")
    ]


def elsewhere(region: str) -> str:
    """Another Region of the partition: none that any profile here reaches from *region*."""
    if region.startswith("us-gov-"):
        return "us-gov-east-1"
    return "sa-east-1" if region != "sa-east-1" else "us-east-1"
