"""`setup logging` and `setup undo`: invocation logging with everything it needs, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import gateway_of, state_folder
from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.cli.setup.showing import add_export, as_text, plan_lines, print_export, refuse_apply_with_export

if TYPE_CHECKING:
    import argparse

    from bedrock_gateway.setup.logging import Applied, LoggingPlan, UndoPlan

__all__ = ["add_forms", "run", "run_undo"]

FOUND = 1


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add both forms."""
    parser = forms.add_parser(
        "logging", help="log group, role, bucket and the logging configuration, as [logging] declares them"
    )
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    parser.add_argument("--apply", action="store_true", help="do it; without, the plan is printed and nothing changed")
    parser.add_argument(
        "--replace", action="store_true", help="take over what somebody else's logging configuration or bucket uses"
    )
    parser.add_argument(
        "--create-boundary",
        action="store_true",
        help="make the permissions boundary of the role too, which takes an administrator",
    )
    add_export(parser)
    parser.set_defaults(run=run)
    parser = forms.add_parser("undo", help="take the last `setup logging --apply` back; logs stay")
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    parser.add_argument("--apply", action="store_true", help="do it; without, it is printed what would be done")
    parser.add_argument(
        "--replace", action="store_true", help="even where somebody else changed the logging configuration since"
    )
    parser.set_defaults(run=run_undo)


def run(args: argparse.Namespace) -> int:
    """Print the plan or the template, or apply; 1 where something is refused or the preflight finds something.

    Raises:
        ConfigError: the configuration or the options do not permit it.
    """
    from bedrock_gateway.setup import logging

    refuse_apply_with_export(args)
    options = {"replace": args.replace, "create_boundary": args.create_boundary}
    if args.export:
        plan = logging.desired(load_config(args), principal=args.principal, create_boundary=args.create_boundary)
        return print_export(plan.resources, args.export, plan.notes)
    with gateway_of(args) as gateway:
        if args.apply:
            return _print_applied(logging.apply(gateway, folder=state_folder(args), **options), args.output)
        return _print_plan(logging.plan(gateway, folder=state_folder(args), **options), args.output)


def _print_plan(plan: LoggingPlan, output: str) -> int:
    if output == "json":
        emit_json(plan.to_dict())
    else:
        title = f"Invocation logging of account {plan.account} in {plan.region}"
        emit(as_text(plan_lines(title, plan.changes, plan.notes)))
    return FOUND if plan.refused else 0


def _print_applied(applied: Applied, output: str) -> int:
    from bedrock_gateway.preflight import render

    if output == "json":
        emit_json({"plan": applied.plan.to_dict(), "preflight": applied.report.to_dict()})
    else:
        done = [f"{one.action}d {one.resource.kind} {one.resource.name}" for one in applied.plan.pending]
        emit(as_text([*(done or ["nothing to do"]), *(f"note: {one}" for one in applied.plan.notes), ""]))
        emit(render.as_text(applied.report))
    code: int = applied.report.exit_code("fail")
    return code


def run_undo(args: argparse.Namespace) -> int:
    """Print what taking back would do, or do it; 1 where somebody else changed the configuration since."""
    from bedrock_gateway.setup import logging

    folder = state_folder(args)
    with gateway_of(args) as gateway:
        if not args.apply:
            return _print_undo(logging.plan_undo(gateway, folder=folder, replace=args.replace), args.output)
        undone = logging.undo(gateway, folder=folder, replace=args.replace)
    if args.output == "json":
        emit_json(undone.plan.to_dict())
    else:
        lines = [f"{_DONE[one.action]} {one.resource.kind} {one.resource.name}" for one in undone.plan.pending]
        emit(as_text([*(lines or ["nothing was left of it"]), *(f"kept {one}" for one in undone.kept)]))
    return 0


_DONE = {"create": "made", "update": "put back", "delete": "removed"}


def _print_undo(plan: UndoPlan, output: str) -> int:
    if output == "json":
        emit_json(plan.to_dict())
    else:
        title = f"Taking back the set-up of {plan.at}, account {plan.account} in {plan.region}"
        emit(as_text(plan_lines(title, plan.changes)))
    return FOUND if plan.refused else 0
