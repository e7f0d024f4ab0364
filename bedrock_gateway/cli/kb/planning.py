"""`kb plan`: every resource and every policy that `kb create` will make, before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import add_common
from bedrock_gateway.cli.options import load_config
from bedrock_gateway.cli.output import emit, emit_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from bedrock_gateway.setup.knowledge import Plan

__all__ = ["add_forms", "as_text", "run"]


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the form."""
    parser = forms.add_parser("plan", help="print every resource and policy that will be made; nothing is sent")
    add_common(parser)
    parser.add_argument("--create-role", action="store_true", help="plan to make the service role too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan; 0.

    Raises:
        ConfigError: the configuration does not hold what AWS can take.
    """
    from bedrock_gateway.setup.knowledge import plan

    planned = plan(load_config(args), args.name, principal=args.principal, create_role=args.create_role)
    if args.output == "json":
        emit_json(planned.to_dict())
    else:
        emit(as_text(planned))
    return 0


def as_text(planned: Plan) -> str:
    """Return the plan for people."""
    return "\n".join(_lines(planned))


def _document(value: Any) -> str:
    return json.dumps(value, indent=2)


def _lines(planned: Plan) -> Iterator[str]:
    blueprint = planned.blueprint
    yield f"Knowledge base {blueprint.name} in account {blueprint.account}, {blueprint.region}"
    yield ""
    for one in planned.resources:
        yield f"{'make' if one.made else 'use '}  {one.kind:<15} {one.name}" + (f"  ({one.note})" if one.note else "")
    yield ""
    yield "Cannot be changed afterwards (a change is a replacement):"
    yield from (f"  {one}" for one in planned.immutable)
    cost = "not known" if planned.floor_usd_a_month is None else f"{planned.floor_usd_a_month:.2f} USD a month"
    yield f"Costs while nobody uses it: {cost} ({planned.floor})"
    yield ""
    yield f"Whoever creates it needs: {', '.join(planned.capabilities)}"
    if planned.missing:
        yield f"  the principal lacks: {', '.join(planned.missing)}"
    if planned.creator is not None:
        yield _document(planned.creator.policy.dump())
    yield ""
    yield f"Service role {blueprint.role_arn}, within the boundary {planned.boundary}"
    yield "  trust:"
    yield _document(planned.role.trust.dump())
    yield "  permissions:"
    yield _document(planned.role.permissions.dump())
    if planned.boundary_policy is not None:
        yield ""
        yield f"The boundary {planned.boundary} of every service role here, which an administrator makes once:"
        yield _document(planned.boundary_policy.dump())
    for kind, document in planned.store_policies.items():
        yield ""
        yield f"The collection's {kind}:"
        yield _document(document)
    for bucket, policy in planned.bucket_policies.items():
        yield ""
        yield f"Bucket {bucket} belongs to another account; its owner adds this to its bucket policy:"
        yield _document(policy.dump())
    for key, policy in planned.key_policies.items():
        yield ""
        yield f"Key {key} belongs to another account; its owner adds this to its key policy:"
        yield _document(policy.dump())
    for warning in planned.warnings:
        yield f"note: {warning}"
