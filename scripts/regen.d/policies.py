"""Write policies/: one file a capability, a kind of model id and a service document, and a README that lists them.

Everything is generated for one example scope of documentation ids, so that a change of the table shows as a diff here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.capabilities.models import data_date
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.actions import data_date as reference_date
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.documents.buckets import BUCKETS
from bedrock_gateway.iam.documents.keys import KEYS
from bedrock_gateway.iam.documents.provision import PROVISION
from bedrock_gateway.iam.documents.sources import SOURCES
from bedrock_gateway.iam.documents.stores import OPTIONS, STORES
from bedrock_gateway.iam.documents.template import assemble, fill
from bedrock_gateway.iam.documents.trusts import TRUSTS
from bedrock_gateway.iam.documents.values import EXAMPLES
from bedrock_gateway.iam.generate import Generated, generate
from bedrock_gateway.iam.trust import trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.documents.template import Template

TARGET = Path(__file__).resolve().parents[2] / "policies"
EXAMPLE = Scope(
    region="us-east-1",
    account="111122223333",
    models=("us.anthropic.claude-sonnet-4-5-20250929-v1:0",),
    rerankers=("cohere.rerank-v3-5:0",),
    knowledge_bases=("KB12345678",),
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb-handbook",),
    logging_bucket="example-bedrock-logs-111122223333-us-east-1",
    documents=(("example-handbook-111122223333-us-east-1", "handbook/"),),
    vector_indexes=(("example-vectors-111122223333-us-east-1", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
    guardrail=("abcdefghij12", "3"),
    principal_roles=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_instances=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_groups=("bedrock-gateway/AmazonBedrockGateway-principal-people",),
    principal_users=("bedrock-gateway/alice",),
)
COLLECTION = "helpdesk-handbook"
SEARCHED = replace(
    EXAMPLE,
    vector_indexes=(),
    collections=((COLLECTION, "helpdesk/handbook"),),
    role_parts=(
        ("source", "s3", (("bucket", EXAMPLE.documents[0][0]), ("prefix", EXAMPLE.documents[0][1]))),
        ("store", "opensearch-serverless-by-name", (("collection", COLLECTION),)),
    ),
)
"""The same with a knowledge base on OpenSearch Serverless."""
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OWN = "arn:aws:bedrock:us-east-1:111122223333"

# What the example of a capability is about, where it is not the models above.
MODELS = {"embed": EXAMPLE.embedding_models, "model-catalog": ()}

# Each kind of model id, as `converse-stream` is granted on it: (what it is, the scope's fields).
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "on-demand": ("a model by its bare id", {"models": ("amazon.nova-lite-v1:0",)}),
    "geographic-profile": ("a cross-Region profile", {"models": (f"us.{MODEL}",)}),
    "global-profile": ("a profile that runs anywhere", {"models": (f"global.{MODEL}",)}),
    "application-profile": (
        "an application profile that was copied from a cross-Region profile",
        {"models": (f"{OWN}:application-inference-profile/abcdefghij12",), "wraps": (("", (f"us.{MODEL}",)),)},
    ),
    "provisioned": ("a provisioned throughput", {"models": (f"{OWN}:provisioned-model/abcdefghij12",)}),
    "custom-deployment": (
        "a custom model's on-demand deployment",
        {"models": (f"{OWN}:custom-model-deployment/abcdefghij12",)},
    ),
    "imported": ("an imported model", {"models": (f"{OWN}:imported-model/abcdefghij12",)}),
    "prompt-router": (
        "a router between a model and a cross-Region profile",
        {
            "models": (f"{OWN}:prompt-router/abcdefghij12",),
            "wraps": (("", ("amazon.nova-lite-v1:0", "us.amazon.nova-pro-v1:0")),),
        },
    ),
    "marketplace": (
        "an endpoint of Bedrock Marketplace",
        {"models": ("arn:aws:sagemaker:us-east-1:111122223333:endpoint/example",)},
    ),
}


def service_documents() -> dict[str, tuple[str, Policy]]:
    """Name → (what it is, document): what Bedrock itself acts under."""
    logging, kb = roles.logging_role(EXAMPLE), roles.kb_role(EXAMPLE)
    return {
        "boundary": ("what bounds every service role that a principal of ours makes", boundary(EXAMPLE)),
        "logging-bucket": ("bucket policy of the invocation logs", roles.logging_bucket(EXAMPLE)),
        "logging-role": ("role that writes invocation logs", logging.permissions),
        "logging-role.trust": ("who may take it over", logging.trust),
        "kb-role": ("role of a knowledge base with S3 sources and S3 Vectors", kb.permissions),
        "kb-role.trust": ("who may take it over", kb.trust),
        "kb-role-opensearch-serverless": (
            "role of a knowledge base with S3 sources on a collection that set-up makes",
            roles.kb_role(SEARCHED).permissions,
        ),
        "kb-provision-opensearch-serverless": (
            "`kb-provision` for a knowledge base on OpenSearch Serverless",
            generate(["kb-provision"], SEARCHED).policy,
        ),
    }


FILLED: dict[str, tuple[Mapping[str, Template], str]] = {
    "source": (SOURCES, "rights of a knowledge base's role for this data source"),
    "store": (STORES, "rights of a knowledge base's role for this vector store"),
    "option": (OPTIONS, "rights of a knowledge base's role for this besides"),
    "bucket": (BUCKETS, "bucket policy"),
    "key": (KEYS, "statements for a key policy"),
    "make": (PROVISION, "rights of whoever makes this store, beside `kb-provision`"),
    "trust": (TRUSTS, "who may assume a role"),
}
# Of values that exclude each other, and of what speaks for itself, one is enough in an example.
LEFT_OUT = {"subject-like", "secret of redshift", "secret of redshift-serverless", "mfa-age"}


def filled_documents() -> dict[str, tuple[str, Policy]]:
    """Path → (what it is, document): each kind of document that is filled in, with every value that it takes."""
    made: dict[str, tuple[str, Policy]] = {}
    for form, (templates, what) in FILLED.items():
        for name, template in templates.items():
            fields = {key: one.kind for key, one in template.fields.items()}
            given = {key: EXAMPLES[kind] for key, kind in fields.items() if not LEFT_OUT & {key, f"{key} of {name}"}}
            document = trust(name, given, EXAMPLE) if form == "trust" else assemble(fill(template, given, EXAMPLE))
            made[f"documents/{form}-{name}"] = (f"{what}: {template.summary}", document.policy)
    return made


def capability_policies() -> dict[str, Generated]:
    return {name: generate([name], replace(EXAMPLE, models=MODELS.get(name, EXAMPLE.models))) for name in CAPABILITIES}


def kind_policies() -> dict[str, Generated]:
    plain = replace(EXAMPLE, guardrail=None)
    return {name: generate(["converse-stream"], replace(plain, **fields)) for name, (_, fields) in KINDS.items()}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]
    return "\n".join(lines)


def assumed(made: Generated) -> str:
    return ", ".join(f"`{action}`" for action in dict.fromkeys(one.action for one in made.assumptions)) or "nothing"


def readme() -> str:
    capabilities = [
        (f"[{name}]({name}.json)", CAPABILITIES[name].summary, str(made.policy.size), assumed(made))
        for name, made in capability_policies().items()
    ]
    kinds = [
        (f"[{name}](models/{name}.json)", KINDS[name][0], str(made.policy.size), assumed(made))
        for name, made in kind_policies().items()
    ]
    services = [(f"[{name}]({name}.json)", what, str(made.size)) for name, (what, made) in service_documents().items()]
    filled = [(f"[{name}]({name}.json)", what, str(made.size)) for name, (what, made) in filled_documents().items()]
    return f"""\
# Policies

Generated by `scripts/regen` from `bedrock_gateway/capabilities/` for one example: account 111122223333, us-east-1,
`{EXAMPLE.models[0]}`. Do not edit: CI compares. Yours come from `bedrock-gateway policy`.

Models and Regions are those of {data_date()}, AWS's action reference is that of {reference_date()}. *Size* is counted as IAM counts it,
without whitespace; a managed policy holds 6,144. *Assumed* is what AWS does not state; `--strict` leaves it out where the call
can do without. **Not verified against AWS.**

## Capabilities

{table(("policy", "what it permits", "size", "assumed"), capabilities)}

## Kinds of model id

`converse-stream` on each kind of id that Bedrock takes.

{table(("policy", "the id names", "size", "assumed"), kinds)}

## Service documents

{table(("document", "what it is", "size"), services)}

## Documents that are filled in

What `bedrock-gateway policy role kb --source … --store … --with …`, `policy bucket`, `policy key`,
`policy store` and `policy trust` print,
with every value that each takes.

{table(("document", "what it is", "size"), filled)}
"""


def documents() -> dict[str, str]:
    """Path under policies/ → text."""
    made = {name: one.policy for name, one in capability_policies().items()}
    made |= {f"models/{name}": one.policy for name, one in kind_policies().items()}
    made |= {name: policy for name, (_, policy) in (service_documents() | filled_documents()).items()}
    return {f"{name}.json": policy.to_json(indent=2) + "\n" for name, policy in made.items()} | {"README.md": readme()}


def main(argv: list[str]) -> int:
    wanted = documents()
    found = {str(path.relative_to(TARGET)): path.read_text() for path in TARGET.rglob("*") if path.is_file()}
    if "--check" in argv:
        stale = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        for name in stale:
            print(f"out of date: policies/{name}", file=sys.stderr)
        return 1 if stale else 0
    for name in found.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, text in wanted.items():
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
