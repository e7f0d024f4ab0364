"""`bedrock-gateway policy`: write IAM documents of least privilege, and examine documents that exist.

A form is a module with ``add_forms(forms)``, which sets its ``run`` as the default of that name; `FORMS` is the table.
Without a form the policy of a principal is printed. The result alone goes to stdout, everything else to stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.policy import compare, documents, explain, generate, lint, principal, principals_boundary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["FORMS", "add_parser"]

FORMS: Sequence[ModuleType] = (generate, documents, principals_boundary, lint, explain, compare)
"""In the order of the help text."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its forms."""
    parser = subparsers.add_parser(
        "policy",
        help="print the least-privilege IAM policy of a principal, or of capabilities",
        description="Print the policy of a principal of gateway.toml; the forms below need no configuration.",
    )
    principal.add_arguments(parser)
    forms = parser.add_subparsers(title="forms", metavar="FORM")
    for module in FORMS:
        module.add_forms(forms)
