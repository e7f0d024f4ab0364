"""`setup principal NAME`: a principal of gateway.toml as role, group or user in IAM; its plan, its making, the way back.

A long-lived key is printed to a terminal, or written to a file that only its owner can read; never to a pipe.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import gateway_of, state_folder
from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit, emit_json, note
from bedrock_gateway.cli.setup.showing import add_export, as_text, plan_lines, print_export, refuse_apply_with_export
from bedrock_gateway.errors import ConfigError, SetupIncompleteError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from bedrock_gateway.setup.principals import AccessKey, Done, PrincipalPlan

__all__ = ["add_forms", "run"]

FOUND = 1
_SECOND = "--long-lived-key-after-all"
_FLAGS: Mapping[str, str] = {
    "--apply": "do it; without, the plan is printed and nothing changed",
    "--undo": "plan, or with --apply do, the way back from the last --apply of this principal",
    "--adopt": "take over a role, user or policy of that name that is not ours, where it lets in nobody else",
    "--replace": "take it over, and write the declared trust over its own",
    "--strict": "leave out of its policies what is only assumed to be needed",
}


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the form."""
    parser = forms.add_parser(
        "principal",
        help="a principal as role, group or user, with its policies, trust and boundary",
        description="--principal is who makes it: one with principal-provision, or with group-members for users of groups.",
    )
    parser.add_argument("name", metavar="NAME", help="principal that is to be made: it has an [….identity]")
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    for flag, about in _FLAGS.items():
        parser.add_argument(flag, action="store_true", help=about)
    parser.add_argument("--access-key", metavar="USER", help="make a long-lived access key of a user of the group")
    parser.add_argument(
        _SECOND, action="store_true", dest="really", help="say a second time that --access-key is wanted"
    )
    parser.add_argument("--key-file", metavar="FILE", help="write the key there (0600), not to the terminal")
    add_export(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan or the template, apply, take back, or make a key; 1 where something is refused or left to another.

    Raises:
        ConfigError: the configuration or the options do not permit it.
    """
    from bedrock_gateway.setup import principals

    refuse_apply_with_export(args)
    if args.export:
        return print_export(principals.resources(load_config(args), args.name, strict=args.strict), args.export)
    if args.access_key is not None:
        return _key(args)
    folder = state_folder(args)
    with gateway_of(args) as gateway:
        if args.undo:
            steps, done = principals.undo(gateway, args.name, folder=folder, dry_run=not args.apply)
            return _print_undo(args, [f"{one.operation} {one.resource}" for one in steps], done)
        how = {"adopt": args.adopt, "replace": args.replace, "strict": args.strict}
        if args.apply:
            return _print_done(principals.apply(gateway, args.name, folder=folder, **how), args.output)
        return _print_plan(principals.plan(gateway, args.name, **how), args.output)


def _print_plan(plan: PrincipalPlan, output: str) -> int:
    if output == "json":
        emit_json(plan.to_dict())
    else:
        emit(as_text(list(plan_lines(f"Principal {plan.principal}", plan.changes, plan.notes))))
    return FOUND if plan.refused else 0


def _print_done(done: Done, output: str) -> int:
    if output == "json":
        emit_json({"principal": done.principal, "made": list(done.made), "left": list(done.left)})
    else:
        emit(as_text([*(done.made or ["nothing to do"]), *(f"left: {one}" for one in done.left)]))
    return FOUND if done.left else 0


def _print_undo(args: argparse.Namespace, steps: list[str], done: Done) -> int:
    if args.apply:
        return _print_done(done, args.output)
    if args.output == "json":
        emit_json({"principal": done.principal, "steps": steps, "left": list(done.left)})
    else:
        left = [f"left: {one}" for one in done.left]
        said = [*steps, "", *left, *([""] if left else []), "nothing was changed: --apply does it"]
        emit(as_text([f"Taking back principal {done.principal}", "", *said]))
    return 0


# -- access keys -----------------------------------------------------------------------------------------------------------


def _key(args: argparse.Namespace) -> int:
    """Make a key, and show it once."""
    from bedrock_gateway.setup import principals

    if not (args.apply and args.really):
        raise ConfigError(
            "a long-lived access key can be used by whoever finds it, for as long as nobody deletes it; a role needs none."
            f" To make one all the same, say so twice: --access-key {args.access_key} --apply {_SECOND}"
        )
    if args.key_file is None and not sys.stdout.isatty():
        raise ConfigError(
            "the key is shown on a terminal only: name a file with --key-file, which only its owner can read"
        )
    # Opened first: a key that cannot be kept would be lost, and would still be there.
    target = None if args.key_file is None else _new_file(Path(args.key_file))
    try:
        with gateway_of(args) as gateway:
            made: AccessKey = principals.access_key(gateway, args.name, args.access_key)
    except BaseException:
        if target is not None:
            os.close(target)
            Path(args.key_file).unlink(missing_ok=True)
        raise
    text = _as_text(made, args.output)
    if target is None:
        sys.stdout.write(text)
        note("this is the only time that the secret is shown")
        return 0
    _keep(target, text, made, args.key_file)
    note(f"wrote access key {made.id} of {made.user} to {args.key_file}, which only you can read")
    return 0


def _new_file(path: Path) -> int:
    """Return a descriptor of a new file with mode 0600; what is there is never overwritten."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; no key was made") from None


def _keep(target: int, text: str, made: AccessKey, path: str) -> None:
    """Write the key; where that fails, say which key is there that nobody has the secret of."""
    try:
        with os.fdopen(target, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise SetupIncompleteError(
            f"{path}: {error.strerror}; access key {made.id} was made all the same, and nobody has its secret: delete it:"
            f" aws iam delete-access-key --user-name {made.user} --access-key-id {made.id}",
            step="CreateAccessKey",
            exists=(f"access key {made.id}",),
            manifest=path,
        ) from error


def _as_text(made: AccessKey, output: str) -> str:
    """The key as AWS's own credentials file has it, or as JSON."""
    if output == "json":
        return json.dumps({"AccessKeyId": made.id, "SecretAccessKey": made.secret}) + "\n"
    return f"[{made.user}]\naws_access_key_id = {made.id}\naws_secret_access_key = {made.secret}\n"
