"""`policy principals-boundary`: what caps the roles and users that `setup principal` makes; an administrator makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import note
from bedrock_gateway.cli.policy.formats import add_format, emit_items, managed, path_and_name

if TYPE_CHECKING:
    import argparse

__all__ = ["add_forms", "run"]


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the form."""
    from bedrock_gateway._config.identity import PRINCIPALS_BOUNDARY

    parser = forms.add_parser(
        "principals-boundary", help="the permissions boundary of the principals that a configuration has made"
    )
    parser.add_argument(
        "--boundary", default=PRINCIPALS_BOUNDARY, metavar="POLICY", help="which, with its path (default: %(default)s)"
    )
    add_options(parser, "config", "env", "region", "profile")
    add_format(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the boundary; 0.

    Raises:
        ConfigError: no principal names it, or it is larger than a managed policy may be.
    """
    from bedrock_gateway.setup.principals.desired import boundary_of

    document = boundary_of(load_config(args), args.boundary)
    note(f"note: an administrator makes it as the managed policy {args.boundary}, and nobody else may change it")
    path, name = path_and_name(args.boundary)
    emit_items(args, document.dump(), list(managed(args.resource_name or name, (document,), path=path)))
    return 0
