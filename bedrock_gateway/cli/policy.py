"""`bedrock-gateway policy`: the least-privilege policy of a principal, of named capabilities, or of a service role.

The JSON alone goes to stdout. Warnings, and what AWS does not state but the policy assumes, go to stderr and into the
file of ``--report``: one more key inside the JSON would make IAM refuse it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities import Scope, capability
from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit_json, note
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.generate import Generated

__all__ = ["add_parser", "run"]

DEFAULT_KB_ROLE = "bedrock-gateway/AmazonBedrockGateway-kb"
DEFAULT_LOGGING_ROLE = "AmazonBedrockGateway-logging"

# IAM's quota for the inline policies of one role, counted without whitespace; a managed policy holds 6,144.
_INLINE_QUOTA = 10_240

_SCOPE: Mapping[str, Mapping[str, Any]] = {
    "--region": {"required": True, "metavar": "R", "help": "Region from which the calls are made"},
    "--account": {"required": True, "metavar": "A", "help": "account id, 12 digits"},
    "--model": {"action": "append", "default": [], "metavar": "ID", "help": "model or profile id (repeatable)"},
    "--destinations": {"default": "", "metavar": "R,R", "help": "where a profile runs that our data lacks"},
    "--kb": {"action": "append", "default": [], "metavar": "ID", "help": "knowledge base id (repeatable)"},
    "--kb-role": {"action": "append", "metavar": "ROLE", "help": f"its service role (default: {DEFAULT_KB_ROLE})"},
    "--logging-role": {"default": DEFAULT_LOGGING_ROLE, "metavar": "ROLE", "help": "default: %(default)s"},
    "--log-group": {"default": "/bedrock/invocations", "metavar": "G", "help": "default: %(default)s"},
    "--bucket": {"metavar": "B", "help": "bucket of the invocation logs or, for kb-documents alone, of the documents"},
    "--prefix": {"default": "", "metavar": "P", "help": "prefix in that bucket"},
    "--documents": {"action": "append", "default": [], "metavar": "B[/P]", "help": "bucket and prefix of documents"},
    "--vector-index": {"action": "append", "default": [], "metavar": "B/I", "help": "S3 Vectors bucket and index"},
    "--embedding-model": {"action": "append", "default": [], "metavar": "ID", "help": "embedding model of a kb role"},
    "--guardrail": {"metavar": "ID[:V]", "help": "guardrail that the calls carry"},
}


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its forms."""
    parser = subparsers.add_parser(
        "policy",
        help="print the least-privilege IAM policy of a principal, or of capabilities",
        description="Print the policy of a principal of gateway.toml; `generate` and `role` need no configuration.",
    )
    add_options(parser, "config", "env", "principal", "region", "profile")
    _add_making(parser)
    parser.set_defaults(run=run, form="principal")
    forms = parser.add_subparsers(title="without a configuration", metavar="FORM")

    generate = forms.add_parser("generate", help="the policy of named capabilities")
    generate.add_argument("capabilities", nargs="+", metavar="CAPABILITY")
    _add_making(generate)
    generate.set_defaults(form="generate")

    role = forms.add_parser("role", help="a document of a service role")
    role.add_argument("role", choices=tuple(_ROLES))
    role.set_defaults(form="role")
    for form in (generate, role):
        for name, about in _SCOPE.items():
            form.add_argument(name, **about)


def _add_making(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="leave out what is only assumed to be needed")
    parser.add_argument("--report", metavar="FILE", help="write warnings and assumptions as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the document that *args* ask for; 0.

    Raises:
        ConfigError: they name something that does not exist, is malformed, or is missing.
    """
    if args.form == "role":
        emit_json(_role_document(args.role, _scope(args, ())).dump())
        return 0
    from bedrock_gateway.iam.generate import generate

    names, scope = _asked(args)
    made = generate(names, scope, strict=args.strict)
    for line in _remarks(made):
        note(line)
    if args.report:
        _report(Path(args.report), made)
    emit_json(made.policy.dump())
    return 0


def _asked(args: argparse.Namespace) -> tuple[tuple[str, ...], Scope]:
    if args.form == "generate":
        return tuple(args.capabilities), _scope(args, args.capabilities)
    config = load_config(args)
    return tuple(config.principal(args.principal).capabilities), config.scope(args.principal)


def _partition(region: str) -> str:
    return {"us-gov": "aws-us-gov", "cn": "aws-cn"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def _scope(args: argparse.Namespace, names: tuple[str, ...] | list[str]) -> Scope:
    for name in names:
        capability(name)
    documents = [_split(text, "--documents") for text in args.documents]
    bucket, prefix = args.bucket, args.prefix
    # One --bucket cannot say which of two it means; alone, the capability tells.
    if bucket and "kb-documents" in names and not documents:
        if "logging-admin" in names:
            raise ConfigError("--bucket names the bucket of the logs here; name that of the documents with --documents")
        documents, bucket, prefix = [(bucket, prefix)], None, ""
    return Scope(
        region=args.region,
        account=args.account,
        partition=_partition(args.region),
        models=tuple(dict.fromkeys(args.model)),
        knowledge_bases=tuple(dict.fromkeys(args.kb)),
        knowledge_base_roles=tuple(args.kb_role or (DEFAULT_KB_ROLE,)),
        logging_role=args.logging_role,
        log_group=args.log_group,
        logging_bucket=bucket,
        logging_prefix=prefix,
        documents=tuple(documents),
        vector_indexes=tuple(_split(text, "--vector-index", needs_both=True) for text in args.vector_index),
        embedding_models=tuple(dict.fromkeys(args.embedding_model)),
        guardrail=_guardrail(args.guardrail),
        extra_destinations=tuple(one.strip() for one in args.destinations.split(",") if one.strip()),
    )


def _split(text: str, option: str, *, needs_both: bool = False) -> tuple[str, str]:
    first, _, second = text.partition("/")
    if not first or (needs_both and not second):
        raise ConfigError(f"{text[:200]!r}: {option} takes BUCKET/{'INDEX' if needs_both else 'PREFIX'}")
    return first, second


def _guardrail(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    name, _, version = text.partition(":")
    return name, version or "DRAFT"


def _remarks(made: Generated) -> list[str]:
    lines = [f"warning: {text}" for text in made.warnings]
    if made.policy.size > _INLINE_QUOTA:
        lines.append(
            f"warning: {made.policy.size} characters are over IAM's {_INLINE_QUOTA} for inline policies of a role"
        )
    lines += [f"assumed ({one.confidence}): {one.action} on {one.resource}: {one.why}" for one in made.assumptions]
    return lines


def _report(path: Path, made: Generated) -> None:
    found = {
        "size": made.policy.size,
        "warnings": list(made.warnings),
        "assumptions": [asdict(one) for one in made.assumptions],
    }
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _role_document(name: str, scope: Scope) -> Policy:
    from bedrock_gateway.iam import roles

    maker, part = _ROLES[name]
    made = getattr(roles, maker)(scope)
    document: Policy = getattr(made, part) if part else made
    return document


# What the command line calls a service document → the function that makes it, and which of its two documents.
_ROLES: Mapping[str, tuple[str, str]] = {
    "logging": ("logging_role", "permissions"),
    "logging-trust": ("logging_role", "trust"),
    "logging-bucket": ("logging_bucket", ""),
    "kb": ("kb_role", "permissions"),
    "kb-trust": ("kb_role", "trust"),
}
