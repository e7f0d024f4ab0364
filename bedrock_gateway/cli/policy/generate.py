"""`policy generate CAPABILITY…`: the policy of named capabilities, and what is told about any generated policy.

Warnings, and what AWS does not state but the policy assumes, go to stderr and into the file of ``--report``: one more
key inside the JSON would make IAM refuse it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import note
from bedrock_gateway.cli.policy.formats import add_format, emit_items, managed
from bedrock_gateway.cli.policy.scope import add_scope, scope_of
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.generate import Generated

__all__ = ["add_forms", "add_making", "made_of", "run", "write"]


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``generate``."""
    parser = forms.add_parser("generate", help="the policy of named capabilities")
    parser.add_argument("capabilities", nargs="+", metavar="CAPABILITY")
    add_making(parser)
    add_format(parser)
    add_scope(parser)
    parser.set_defaults(run=run)


def add_making(parser: argparse.ArgumentParser) -> None:
    """Add the options of every form that generates a policy."""
    parser.add_argument("--strict", action="store_true", help="leave out what is only assumed to be needed")
    parser.add_argument(
        "--deny", metavar="BLOCK,…", help="add Deny blocks: side-doors, unguarded, regions=R,…, tiers=T,…"
    )
    parser.add_argument("--report", metavar="FILE", help="write warnings and assumptions as JSON")
    parser.add_argument(
        "--part", type=int, metavar="N", help="print part N of the fewest managed policies that hold it all"
    )


def run(args: argparse.Namespace) -> int:
    """Print the policy of the named capabilities; 0.

    Raises:
        ConfigError: they name something that does not exist, is malformed, or is missing.
    """
    scope = scope_of(args, args.capabilities)
    return write(args, args.capabilities, scope, name="-".join(("bedrock-gateway", *args.capabilities)))


def write(args: argparse.Namespace, names: Sequence[str], scope: Scope, *, name: str) -> int:
    """Print the policy of capabilities *names* in *scope*, with its remarks on stderr; 0.

    *name* is that of the managed policy in the formats that have one; there a policy over the quota is several.
    """
    made = made_of(args, names, scope, strict=args.strict)
    for line in _remarks(made):
        note(line)
    if args.report:
        _report(Path(args.report), made)
    policy = made.policy if args.part is None else _part(made.policy, args.part)
    emit_items(args, policy.dump(), list(managed(args.resource_name or name, _parts(policy, args.format))))
    return 0


def _part(policy: Policy, number: int) -> Policy:
    parts = _split(policy)
    if not 1 <= number <= len(parts):
        raise ConfigError(f"--part {number}: there {'is 1 part' if len(parts) == 1 else f'are {len(parts)} parts'}")
    return parts[number - 1]


def _parts(policy: Policy, form: str) -> Sequence[Policy]:
    return (policy,) if form == "json" else _split(policy)


def _split(policy: Policy) -> Sequence[Policy]:
    from bedrock_gateway.iam.document import PolicyError
    from bedrock_gateway.iam.quotas import split

    try:
        return split(policy)
    except PolicyError as error:
        raise ConfigError(str(error)) from None


def made_of(args: argparse.Namespace, names: Sequence[str], scope: Scope, *, strict: bool) -> Generated:
    """Return the policy of capabilities *names* in *scope*, with the Deny blocks that *args* ask for."""
    from bedrock_gateway.iam.generate import generate

    made = generate(names, scope, strict=strict)
    if args.deny is None:
        return made
    from bedrock_gateway.iam.deny import denied, parse_blocks

    return replace(made, policy=denied(made.policy, parse_blocks(args.deny), names, scope))


def _remarks(made: Generated) -> list[str]:
    from bedrock_gateway.iam.quotas import advice

    lines = [f"warning: {text}" for text in (*made.warnings, *advice(made.policy))]
    # One line an action and reason: a profile's legs are many ARNs of one uncertainty.
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for one in made.assumptions:
        grouped.setdefault((one.confidence, one.action, one.why), []).append(one.resource)
    for (confidence, action, why), arns in grouped.items():
        more = f" and {len(arns) - 1} more" if len(arns) > 1 else ""
        lines.append(f"assumed ({confidence}): {action} on {arns[0]}{more}: {why}")
    return lines


def _report(path: Path, made: Generated) -> None:
    from bedrock_gateway.iam.quotas import advice

    found = {
        "size": made.policy.size,
        "quotas": advice(made.policy),
        "warnings": list(made.warnings),
        "assumptions": [asdict(one) for one in made.assumptions],
    }
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
