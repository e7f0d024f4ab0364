"""`policy role …`: the documents of what Bedrock does by itself. One row a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit_json
from bedrock_gateway.cli.policy.scope import add_scope, scope_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.document import Policy

__all__ = ["add_forms", "run"]

# What the command line calls a service document → the function that makes it, and which of its two documents.
_ROLES: Mapping[str, tuple[str, str]] = {
    "logging": ("logging_role", "permissions"),
    "logging-trust": ("logging_role", "trust"),
    "logging-bucket": ("logging_bucket", ""),
    "kb": ("kb_role", "permissions"),
    "kb-trust": ("kb_role", "trust"),
}


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``role``."""
    parser = forms.add_parser("role", help="a document of a service role")
    parser.add_argument("role", choices=tuple(_ROLES))
    add_scope(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the document of the named service role; 0.

    Raises:
        ConfigError: the options lack what the document needs, or are malformed.
    """
    emit_json(_document(args.role, scope_of(args)).dump())
    return 0


def _document(name: str, scope: Scope) -> Policy:
    from bedrock_gateway.iam import roles

    maker, part = _ROLES[name]
    made = getattr(roles, maker)(scope)
    document: Policy = getattr(made, part) if part else made
    return document
