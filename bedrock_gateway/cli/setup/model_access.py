"""`setup model-access`: what the declared models still need before they can be called, and what of it set-up can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import gateway_of, state_folder
from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.cli.setup.showing import add_export, as_text, plan_lines, print_export, refuse_apply_with_export
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from bedrock_gateway.setup.model_access import AccessPlan, Applied

__all__ = ["add_forms", "run"]

FOUND = 1
_MOST_BYTES = 64 * 1024
_EPILOG = """The file of --use-case is JSON: companyName, companyWebsite, intendedUsers ("0" internal, "1" external, "2" both),
industryOption, otherIndustryOption, useCases. It can be submitted once."""


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the form."""
    parser = forms.add_parser(
        "model-access", help="agreements of the declared models, and Anthropic's use-case form", epilog=_EPILOG
    )
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="only this declared model (repeatable)"
    )
    parser.add_argument("--use-case", metavar="FILE", help="Anthropic's use-case form, submitted with --apply")
    parser.add_argument("--apply", action="store_true", help="do it; without, the plan is printed and nothing changed")
    parser.add_argument(
        "--undo", action="store_true", help="show, or with --apply end, the agreements that the last --apply accepted"
    )
    add_export(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan or the template, apply, or end agreements; 1 where a declared model cannot be called yet.

    Raises:
        ConfigError: the configuration, the form or the options do not permit it.
    """
    from bedrock_gateway.setup import model_access

    if args.undo and (args.model or args.use_case or args.export):
        raise ConfigError(
            "--undo ends every agreement that the last --apply accepted, and submits and prints nothing else: leave out --model,"
            " --use-case and --export"
        )
    refuse_apply_with_export(args)
    form = _form(args.use_case)
    what: dict[str, Any] = {"models": tuple(args.model), "form": form}
    if args.export:
        return print_export(model_access.resources(load_config(args), **what), args.export)
    with gateway_of(args) as gateway:
        if args.undo:
            ended = model_access.undo(gateway, folder=state_folder(args), dry_run=not args.apply)
            return _print_undo(args, ended)
        if args.apply:
            return _print_applied(model_access.apply(gateway, folder=state_folder(args), **what), args.output)
        return _print_plan(model_access.plan(gateway, **what), args.output)


def _form(path: str | None) -> dict[str, str] | None:
    from bedrock_gateway.setup.model_access import form_of

    if path is None:
        return None
    with Path(path).open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None
    return form_of(text, path)


def _print_plan(plan: AccessPlan, output: str) -> int:
    from bedrock_gateway.setup.model_access import OBSOLETE

    if output == "json":
        emit_json(plan.to_dict())
    else:
        title = f"Access to models of account {plan.account} in {plan.region}"
        lines = [*plan_lines(title, plan.changes, plan.notes), *(f"blocked: {one}" for one in plan.blocked), ""]
        lines += ["Older guides say, and it is no longer so:", *(f"  {old}: {now}" for old, now in OBSOLETE.items())]
        emit(as_text(lines))
    return FOUND if plan.blocked else 0


def _print_applied(applied: Applied, output: str) -> int:
    plan = applied.plan
    if output == "json":
        emit_json({"made": list(applied.made), "plan": plan.to_dict()})
    else:
        lines = [*(applied.made or ["nothing to do"]), *(f"note: {one}" for one in plan.notes)]
        emit(as_text([*lines, *(f"blocked: {one}" for one in plan.blocked)]))
    return FOUND if plan.blocked else 0


def _print_undo(args: argparse.Namespace, models: tuple[str, ...]) -> int:
    if args.output == "json":
        emit_json({"ended" if args.apply else "would_end": list(models)})
    else:
        end = [] if args.apply else ["nothing was changed: --apply does it"]
        word = "ended" if args.apply else "would end"
        emit(as_text([*(f"{word} the agreement of {one}" for one in models), *end]))
    return 0
