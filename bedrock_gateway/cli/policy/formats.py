"""`--format json | terraform | cloudformation`: a document as it is, or in the resource that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit_json
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.export import Item

__all__ = ["add_format", "emit_items", "managed", "path_and_name"]

_FORMATS = ("json", "terraform", "cloudformation")
_LONGEST_POLICY_NAME = 128


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and ``--name``."""
    parser.add_argument(
        "--format", choices=_FORMATS, default="json", help="the document, or a resource that holds it (default: json)"
    )
    parser.add_argument("--resource-name", metavar="NAME", help="name of the policy or role in the other formats")


def emit_items(args: argparse.Namespace, document: Any, items: Sequence[Item]) -> None:
    """Print *document* or, in the other formats, *items*.

    Raises:
        ConfigError: the document is no resource of its own, so only JSON can hold it.
    """
    if args.format == "json":
        emit_json(document)
        return
    from bedrock_gateway.iam.export import FORMATS

    if not items:
        raise ConfigError(f"--format {args.format}: these are statements to add to a policy that exists; take json")
    emit_json(FORMATS[args.format](items))


def managed(name: str, policies: Sequence[Policy], *, path: str = "/") -> Iterator[Item]:
    """Return managed policies of that name, numbered where there are several."""
    from bedrock_gateway.iam.export import ManagedPolicy

    for number, policy in enumerate(policies, 1):
        ending = f"-{number}" if len(policies) > 1 else ""
        yield ManagedPolicy(f"{name[: _LONGEST_POLICY_NAME - len(ending)]}{ending}", policy, path)


def path_and_name(text: str) -> tuple[str, str]:
    """Split ``bedrock-gateway/NAME`` into IAM's path, ``/bedrock-gateway/``, and the name."""
    path, _, name = text.rpartition("/")
    return (f"/{path}/" if path else "/"), name
