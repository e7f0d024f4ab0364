"""`bedrock-gateway setup`: plan, apply, export and take back what an account needs.

A form is a module with ``add_forms(forms)``, which sets its ``run`` as the default of that name; `FORMS` is the table. Every
form plans by itself and changes nothing; ``--apply`` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.setup import logging, model_access, principal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["FORMS", "add_parser"]

FORMS: Sequence[ModuleType] = (logging, principal, model_access)
"""In the order of the help text."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its forms."""
    parser = subparsers.add_parser(
        "setup",
        help="set up invocation logging, principals and model access; plan first, take back",
        description="Set up what an account needs. A form prints its plan and changes nothing; --apply does it.",
        epilog="Exit codes: 0 planned or done, 1 refused or findings afterwards, 2 could not start, 3 AWS unreachable.",
    )
    forms = parser.add_subparsers(title="forms", metavar="FORM", required=True)
    for module in FORMS:
        module.add_forms(forms)
