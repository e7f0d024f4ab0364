"""`policy explain FILE… --action A --resource R`: is this request allowed, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.cli.policy.files import read_policy
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef
    from bedrock_gateway.iam.explain import Names

__all__ = ["add_forms", "run"]

_EPILOG = """\
FILE: identity-based policies, all of one principal. Exit codes: 0 allowed, 1 denied, 2 bad input, or a request that
cannot be judged because AWS does not document what it hangs on. Only what is named is evaluated: a layer that is not
given does not exist."""

_ARN = re.compile(r"arn:([^:]+):(iam|sts)::([0-9]{12}):(.+)", re.DOTALL)
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
# Actions for which the resource's own policy must allow even within one account.
_RESOURCE_MUST_ALLOW = ("sts:assumerole", "kms:")


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``explain``."""
    parser = forms.add_parser(
        "explain", help="whether policies allow a request, and which statement decides", epilog=_EPILOG
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="identity-based policy, or - for standard input")
    parser.add_argument("--action", required=True, metavar="A", help="bedrock:InvokeModel")
    parser.add_argument("--resource", required=True, metavar="R", help="ARN, or *")
    parser.add_argument(
        "--context", action="append", default=[], metavar="K=V", help="condition key (repeat a key for many values)"
    )
    parser.add_argument("--principal-arn", metavar="ARN", help="user, role, role session, or a service's name")
    parser.add_argument("--boundary", metavar="FILE", help="permissions boundary")
    parser.add_argument("--session", action="append", metavar="FILE", help="session policy (repeatable)")
    parser.add_argument("--resource-policy", metavar="FILE", help="policy of the resource: bucket, key, role trust")
    parser.add_argument(
        "--scp",
        action="append",
        metavar="FILE[,FILE]",
        help="service control policies of one level, from the root down (repeatable)",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the decision and why; 0 allowed, 1 denied.

    Raises:
        ConfigError: a file is no policy, an option is malformed, or the request cannot be judged.
    """
    from bedrock_gateway.iam.explain import as_text, explain

    layers, names = _layers(args)
    made = explain(_request(args), layers, names=names)
    if made.allowed is None:
        raise ConfigError(made.reason)
    if args.output == "json":
        emit_json(made.dump())
    else:
        emit(as_text(made))
    return 0 if made.allowed else 1


def _layers(args: argparse.Namespace) -> tuple[Layers, Names]:
    from bedrock_gateway.iam.evaluate import Layers

    if not args.files and not args.resource_policy:
        raise ConfigError("name a FILE, or --resource-policy")
    levels = [one.split(",") for one in args.scp or ()]
    scp = [[read_policy(name) for name in level] for level in levels]
    layers = Layers(
        identity=_read(args.files),
        resource=read_policy(args.resource_policy) if args.resource_policy else None,
        boundary=_read([args.boundary]) if args.boundary else None,
        session=_read(args.session) if args.session else None,
        scp=scp if args.scp else None,
    )
    listed = {
        "identity": args.files,
        "resource": [args.resource_policy],
        "boundary": [args.boundary],
        "session": args.session,
    }
    names: dict[tuple[str, int | None, int], str] = {}
    for layer, named in listed.items():
        names |= {(layer, None, number): name for number, name in enumerate(named or (), 1)}
    for number, level in enumerate(levels, 1):
        at = number if len(levels) > 1 else None
        names |= {("scp", at, policy): name for policy, name in enumerate(level, 1)}
    return layers, names


def _read(names: Iterable[str]) -> Sequence[Policy]:
    return tuple(read_policy(name) for name in names)


def _request(args: argparse.Namespace) -> AccessRequest:
    from bedrock_gateway.iam.evaluate import AccessRequest

    principal = _principal(args.principal_arn) if args.principal_arn else None
    context = _context(args.context)
    if principal and principal.kind == "AWS":
        given = {key.casefold() for key in context}
        known = {"aws:PrincipalArn": principal.role_arn or principal.arn, "aws:PrincipalAccount": principal.account}
        context |= {key: [value] for key, value in known.items() if key.casefold() not in given}
    owner = args.resource.split(":")[4] if args.resource.count(":") >= 5 else ""  # noqa: PLR2004 - the parts of an ARN
    return AccessRequest(
        args.action,
        args.resource,
        {key: values[0] if len(values) == 1 else values for key, values in context.items()},
        principal,
        resource_account=owner if principal and args.resource_policy and owner else None,
        resource_must_allow=bool(args.resource_policy) and args.action.casefold().startswith(_RESOURCE_MUST_ALLOW),
    )


def _context(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or ":" not in key:
            raise ConfigError(f"{word[:200]!r}: --context takes KEY=VALUE, such as aws:RequestedRegion=us-east-1")
        found.setdefault(key, []).append(value)
    return found


def _principal(text: str) -> PrincipalRef:
    from bedrock_gateway.iam.evaluate import PrincipalRef

    if _SERVICE.fullmatch(text):
        return PrincipalRef(text, kind="Service")
    found = _ARN.fullmatch(text)
    if not found:
        raise ConfigError(
            f"{text[:200]!r}: --principal-arn takes the ARN of a user, role or role session, or a service's name"
        )
    partition, _, account, name = found.groups()
    if name.startswith(("oidc-provider/", "saml-provider/")):
        return PrincipalRef(text, account, "Federated")
    kind, _, rest = name.partition("/")
    role = f"arn:{partition}:iam::{account}:role/{rest.rpartition('/')[0]}" if kind == "assumed-role" else None
    return PrincipalRef(text, account, role_arn=role)
