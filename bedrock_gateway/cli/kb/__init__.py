"""`bedrock-gateway kb`: plan, create, look at, fill, ask, go on with and remove a knowledge base of gateway.toml.

A form is a module with ``add_forms(forms)``, which sets its ``run`` as the default of that name; `FORMS` is the table.
The result alone goes to stdout; progress goes to stderr, and moves only on a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb import asking, making, planning

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["FORMS", "add_parser"]

FORMS: Sequence[ModuleType] = (planning, making, asking)
"""In the order of the help text."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its forms."""
    parser = subparsers.add_parser(
        "kb",
        help="plan, create, fill, ask and remove a knowledge base",
        description="Work on a knowledge base of gateway.toml. `plan` changes nothing; nothing is made without `create`.",
        epilog="Exit codes: 0 done, 1 AWS refused or an ingestion failed, 2 could not start, 3 AWS unreachable or throttled.",
    )
    forms = parser.add_subparsers(title="forms", metavar="FORM", required=True)
    for module in FORMS:
        module.add_forms(forms)
