"""How a plan of set-up is shown: one line a resource, its diff below it, what is to be known, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit, note
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bedrock_gateway.setup.export import Format
    from bedrock_gateway.setup.resource import Change, Resource

__all__ = ["add_export", "as_text", "plan_lines", "print_export", "refuse_apply_with_export"]


def plan_lines(title: str, changes: Sequence[Change], notes: Sequence[str] = ()) -> Iterator[str]:
    """Yield the plan for people."""
    yield title
    yield ""
    for one in changes:
        yield f"{one.action:<7} {one.resource.kind} {one.resource.name}" + (f"  ({one.why})" if one.why else "")
        yield from (f"    {line}" for line in one.diff.splitlines())
    yield from (one if one.startswith("warning: ") else f"note: {one}" for one in notes)
    yield ""
    if any(one.action == "refuse" for one in changes):
        yield "refused: nothing will be done while somebody else would lose something"
    elif any(one.action != "keep" for one in changes):
        yield "nothing was changed: --apply does it"
    else:
        yield "nothing to do"


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add ``--export``."""
    parser.add_argument(
        "--export",
        choices=("cloudformation", "terraform"),
        metavar="FORMAT",
        help="print the same resources as a template instead, for an account that has none of them; nothing is sent",
    )


def refuse_apply_with_export(args: argparse.Namespace) -> None:
    """Whoever asks for both would take exit code 0 for an account that is set up.

    Raises:
        ConfigError: ``--export`` together with ``--apply``.
    """
    if args.export and args.apply:
        raise ConfigError("--export prints a template and sends nothing: leave out --apply")


def print_export(resources: Sequence[Resource], form: Format, notes: Sequence[str] = ()) -> int:
    """Print the template to stdout, and to stderr what it cannot hold and the *notes* of its plan; 0."""
    from bedrock_gateway.setup.export import export, left_out

    emit(export(resources, form))
    for one in (*left_out(resources, form), *notes):
        note(f"note: {one}")
    return 0


def as_text(lines: Iterator[str] | Sequence[Any]) -> str:
    """Return lines as one text."""
    return "\n".join(map(str, lines))
