"""Rows: the models and profiles, the guardrail, the knowledge bases."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import GUIDE
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["MODELS"]

_MODEL = ("bedrock:GetFoundationModel",)
_PROFILE = ("bedrock:GetInferenceProfile",)
_GUARDRAIL = ("bedrock:GetGuardrail",)
_BASE = ("bedrock-agent:GetKnowledgeBase",)
_JOBS = ("bedrock-agent:ListDataSources", "bedrock-agent:ListIngestionJobs")
_PROFILES = f"{GUIDE}inference-profiles-support.html"
_ACCESS = f"{GUIDE}model-access.html"
_RAILS = f"{GUIDE}guardrails-components.html"
_ROLE = f"{GUIDE}kb-permissions.html"
_SYNC = f"{GUIDE}kb-data-source-sync-ingest.html"

MODELS: tuple[Row, ...] = (
    Row("MOD-01", "critical", "Models exist in the Region", "standard", "fail: not found",
        "Declare a model this Region has.", _MODEL, ("ID-01",), f"{GUIDE}models-supported.html"),
    Row("MOD-02", "high", "Models stay", "standard",
        "fail: end of life within 14 days; warn: legacy, or within 90 days; unknown: botocore shows no dates",
        "Move to a newer model.", _MODEL, ("ID-01",), f"{GUIDE}model-lifecycle.html"),
    Row("MOD-03", "critical", "Models can be called as declared", "standard",
        "fail: a bare id of a model without on-demand throughput", "Declare an inference profile.",
        _MODEL, ("ID-01",), _PROFILES),
    Row("MOD-04", "critical", "Inference profiles are active", "standard",
        "fail: not found, not active, of another type, or not for this Region",
        "Declare a profile of this Region.", _PROFILE, ("ID-01",), _PROFILES),
    Row("MOD-06", "critical", "The account may use the models", "standard",
        "fail: not authorised, not entitled, not in this Region, or an agreement in error; "
        "warn: pending, or no agreement yet: the first call subscribes if it may (not verified against AWS)",
        "See `bedrock-gateway policy generate model-access`.",
        ("bedrock:GetFoundationModelAvailability",), ("ID-01",), _ACCESS),
    Row("MOD-07", "high", "Anthropic's use-case form", "deep", "fail: a model of Anthropic is declared, and it was not sent",
        "Submit it: `aws bedrock put-use-case-for-model-access`.",
        ("bedrock:GetUseCaseForModelAccess",), ("ID-01",), _ACCESS),
    Row("MOD-08", "medium", "Models can stream", "standard", "fail: a stream is declared, and the model cannot",
        "Declare another model, or no stream.", _MODEL, ("ID-01",), f"{GUIDE}models-supported.html"),
    Row("MOD-09", "low", "Model versions are pinned", "minimal", "warn: an id without version",
        "Declare the full id, version included."),
    Row("MOD-10", "medium", "Model ids are well formed", "minimal", "fail: not an id or ARN that Bedrock takes",
        "Correct the id."),
    Row("REG-07", "high", "Profiles keep to the residency", "standard",
        "fail: AWS may run one in a Region that `residency` does not list",
        "Declare a profile that stays within it, or a model of this Region.", _PROFILE, ("ID-01",), _PROFILES),
    Row("GOV-01", "critical", "The guardrail is ready", "standard",
        "fail: not found, no such version, or not ready; warn: DRAFT", "Correct [guardrail].", _GUARDRAIL, ("ID-01",), _RAILS),
    Row("GOV-02", "high", "The guardrail guards", "standard",
        "warn: prompt attacks are not filtered at HIGH, sensitive information is not looked for, or answers from knowledge "
        "bases are not checked for grounding and relevance",
        "Add the policy to the guardrail, and make a new version of it.", _GUARDRAIL, ("GOV-01",), _RAILS),
    Row("GOV-03", "medium", "Enforced guardrails are declared", "deep",
        "warn: the account enforces one that the configuration does not name",
        "Name it.", ("bedrock:ListEnforcedGuardrailsConfiguration",), ("ID-01",),
        f"{GUIDE}guardrails-enforcements.html"),
    Row("GOV-04", "critical", "What is said stays", "standard",
        "fail: AWS may review what is said to models, or share it with their makers, and `allowed_data_retention` of "
        "[preflight] does not say so; unknown: botocore cannot ask",
        "Set another mode of data retention.", ("bedrock:GetAccountDataRetention",), ("ID-01",), f"{GUIDE}data-retention.html"),
    Row("GOV-06", "medium", "Where the guardrail runs", "standard",
        "warn: across Regions without being declared so, or although a residency is declared",
        "Declare its profile, or use a guardrail of this Region alone.", _GUARDRAIL, ("GOV-01",),
        f"{GUIDE}guardrails-cross-region.html"),
    Row("KB-01", "critical", "Knowledge bases are active", "standard",
        "fail: missing, failed or being deleted; warn: being made or changed",
        "See the reasons AWS gives.", _BASE, ("ID-01",), f"{GUIDE}knowledge-base.html"),
    Row("KB-02", "high", "Data sources are available", "standard",
        "fail: one failed, or could not be deleted; warn: one is not available yet, or there is none",
        "Make it again: `bedrock-gateway kb resume NAME`.", ("bedrock-agent:ListDataSources",), ("KB-01",), _SYNC),
    Row("KB-03", "high", "Ingested", "standard",
        "fail: the last ingestion failed; warn: never, still running, or more than 30 days ago",
        "Ingest again.", _JOBS, ("KB-01",), _SYNC),
    Row("KB-04", "medium", "Documents that failed", "standard", "fail: more than 5 %; warn: any",
        "See the reasons of the job.", _JOBS, ("KB-01",), _SYNC),
    Row("KB-05", "critical", "The embedding model", "standard",
        "fail: of another Region; warn: other than declared; a change means embedding everything again",
        "Make a knowledge base with the right model.", _BASE, ("KB-01",), f"{GUIDE}knowledge-base.html"),
    Row("KB-06", "critical", "Bedrock may assume the role", "standard",
        "fail: the role is gone, or does not trust Bedrock for this knowledge base; warn: it trusts others besides",
        "Correct the trust policy.", (*_BASE, "iam:GetRole"), ("KB-01",), _ROLE),
    Row("KB-07", "critical", "The store is of this Region and account", "standard", "fail: it is not",
        "Make a knowledge base over a store of this Region.", _BASE, ("KB-01",), f"{GUIDE}knowledge-base-setup.html"),
    Row("KB-08", "medium", "Keys of your own", "standard",
        "warn: what Bedrock keeps of a data source while it reads, or of a knowledge base that AWS manages, is encrypted with "
        "AWS's own key",
        "Make the data source again with a key: what encrypts it cannot be added later.",
        (*_BASE, "bedrock-agent:ListDataSources", "bedrock-agent:GetDataSource"), ("KB-01",),
        f"{GUIDE}encryption-kb.html"),
    Row("KB-09", "high", "Models that answer", "standard",
        "fail: RetrieveAndGenerate refuses one: it does not answer text with text, or has no on-demand throughput",
        "Declare another model.", _MODEL, ("ID-01",), f"{GUIDE}knowledge-base-supported.html"),
    Row("KB-10", "medium", "No creation is half finished", "minimal",
        "warn: a manifest beside gateway.toml says that a knowledge base of this account and Region is not complete; "
        "unknown: one cannot be read", "Go on with it, or delete what was made."),
)  # fmt: skip
