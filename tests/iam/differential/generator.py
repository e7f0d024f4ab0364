"""Random requests and policy sets that often meet: small pools, and patterns made from what is asked.

Everything is drawn from one seeded `random.Random`, so that a case is its seed. A case is plain JSON, the same for both
judges: ``{"request": {...}, "layers": {"identity": [...], "boundary", "session", "resource", "scp"}}``.
"""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPERATORS", "Case", "case"]

Case = dict[str, Any]
Draw = random.Random

HOME, AWAY = "111122223333", "123456789012"

USER = {"arn": f"arn:aws:iam::{HOME}:user/team/alice", "account": HOME}
SESSION = {
    "arn": f"arn:aws:sts::{HOME}:assumed-role/app/run-1",
    "account": HOME,
    "role_arn": f"arn:aws:iam::{HOME}:role/path/app",
}
STRANGER = {"arn": f"arn:aws:iam::{AWAY}:user/bob", "account": AWAY}
SERVICE = {"arn": "bedrock.amazonaws.com", "kind": "Service"}
CALLERS = (USER, USER, SESSION, SESSION, STRANGER, SERVICE)

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
PROFILE = f"arn:aws:bedrock:us-east-1:{HOME}:inference-profile/us.amazon.nova-lite-v1:0"
ROLE = f"arn:aws:iam::{HOME}:role/path/app"
KEY = f"arn:aws:kms:us-east-1:{HOME}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ASKED = (
    ("bedrock:InvokeModel", MODEL),
    ("bedrock:InvokeModel", PROFILE),
    ("bedrock:InvokeModelWithResponseStream", MODEL),
    ("bedrock:ListFoundationModels", "*"),
    ("s3:GetObject", "arn:aws:s3:::example-bucket/home/alice/a.txt"),
    ("s3:GetObject", "arn:aws:s3:::example-bucket/logs/10:30?.txt"),
    ("s3:ListBucket", "arn:aws:s3:::example-bucket"),
    ("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{HOME}:queue-1"),
    ("logs:PutLogEvents", f"arn:aws:logs:us-east-1:{HOME}:log-group:/bedrock/app:log-stream:one"),
    ("sts:AssumeRole", ROLE),
    ("kms:Decrypt", KEY),
)

ELSEWHERE = (MODEL, "arn:aws:s3:::other-bucket/*", f"arn:aws:sqs:*:{AWAY}:*", "arn:aws:bedrock:*:*:*", "arn:aws:ec2")
TEXTS = ("red", "blue", "Red", "alice", "home/alice/", "r*", "re?", "", "red:blue", "a b")
NUMBERS = ("60", "3600", "60.0", "59.5", "-1", "100")
DATES = (
    "2026-11-24T12:00:00Z",
    "2026-11-24T13:00:00+01:00",
    "2026-11-24T12:00Z",
    "2026-11-25",
    "2026-11",
    "1795521600",
    "1800000000",
)
TRUTHS = ("true", "false", "True")
BYTES = tuple(base64.b64encode(text).decode() for text in (b"one", b"two", b"Value"))
ADDRESSES = ("203.0.113.7", "198.51.100.1", "2001:db8:1234:5678::1")
RANGES = (
    "203.0.113.0/24",
    "203.0.113.7/32",
    "203.0.113.7",
    "0.0.0.0/0",
    "2001:DB8:1234:5678::/64",
    "::/0",
    "10.0.0.0/8",
)
ARNS = (PROFILE, ROLE, USER["arn"], f"arn:aws:sns:us-east-1:{HOME}:topic", MODEL, "not an arn")

KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # kind: (condition keys, what the request has for them)
    "string": (
        ("aws:PrincipalTag/team", "aws:ResourceTag/team", "s3:prefix", "aws:RequestedRegion", "aws:username"),
        TEXTS,
    ),
    "numeric": (("aws:MultiFactorAuthAge", "s3:max-keys"), NUMBERS),
    "date": (("aws:CurrentTime", "aws:TokenIssueTime"), DATES),
    "bool": (("aws:SecureTransport", "aws:MultiFactorAuthPresent"), TRUTHS),
    "binary": (("example:digest",), BYTES),
    "ip": (("aws:SourceIp", "aws:VpcSourceIp"), ADDRESSES),
    "arn": (("aws:SourceArn", "aws:PrincipalArn", "bedrock:InferenceProfileArn"), ARNS),
}
SETS = {"aws:TagKeys": TEXTS, "aws:CalledVia": TEXTS, "logs:LogGeneratingResourceArns": ARNS}

OPERATORS: dict[str, tuple[str, ...]] = {
    "string": (
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
    ),
    "numeric": (
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ),
    "date": (
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ),
    "bool": ("Bool",),
    "binary": ("BinaryEquals",),
    "ip": ("IpAddress", "NotIpAddress"),
    "arn": ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
}
"""Every operator of IAM by the type of value it compares; `Null` beside them."""
VARIABLES = (
    "${aws:username}",
    "${AWS:UserName}",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/team, 'red'}",
    "${aws:PrincipalTag/none}",
    "${aws:PrincipalTag/none, 'red'}",
    "${aws:TagKeys}",
    "${*}",
    "${?}",
    "${$}",
)


def case(seed: int) -> Case:
    """Return the case of *seed*."""
    draw = random.Random(seed)
    action, resource = draw.choice(ASKED)
    caller = draw.choice(CALLERS)
    request = {
        "action": _cased(draw, action),
        "resource": resource,
        "context": _context(draw),
        "principal": caller,
        "resource_account": HOME if draw.random() < 0.8 else AWAY,
        "resource_must_allow": action in {"sts:AssumeRole", "kms:Decrypt"},
    }
    return {"request": request, "layers": _layers(draw, request)}


def _cased(draw: Draw, action: str) -> str:
    service, _, name = action.partition(":")
    return f"{service}:{name.lower()}" if draw.random() < 0.1 else action


def _context(draw: Draw) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    for keys, values in KEYS.values():
        for key in keys:
            if draw.random() < 0.6:
                context[key] = draw.choice(values)
    for key, values in SETS.items():
        if draw.random() < 0.5:
            context[key] = draw.sample(values, draw.randint(1, 3))
    return context


def _layers(draw: Draw, request: Case) -> Case:
    service = request["principal"].get("kind") == "Service"
    must = request["resource_must_allow"]
    layers: Case = {"identity": [] if service else _policies(draw, request, 0, 3)}
    if must or service or draw.random() < 0.5:
        layers["resource"] = _policy(draw, request, named=True)
    if not service and draw.random() < 0.4:
        layers["boundary"] = _policies(draw, request, 1, 2)
    if "role_arn" in request["principal"] and draw.random() < 0.4:
        layers["session"] = _policies(draw, request, 1, 1)
    if draw.random() < 0.4:
        layers["scp"] = [
            _policies(draw, request, 0 if draw.random() < 0.1 else 1, 2) for _ in range(draw.randint(1, 3))
        ]
    return layers


def _policies(draw: Draw, request: Case, least: int, most: int) -> list[Case]:
    return [_policy(draw, request, named=False) for _ in range(draw.randint(least, most))]


def _policy(draw: Draw, request: Case, *, named: bool) -> Case:
    policy: Case = {"Statement": [_statement(draw, request, named=named) for _ in range(draw.randint(1, 3))]}
    version = draw.choices(("2012-10-17", "2008-10-17", None), (88, 8, 4))[0]
    return {"Version": version, **policy} if version else policy


def _statement(draw: Draw, request: Case, *, named: bool) -> Case:
    statement: Case = {"Effect": draw.choices(("Allow", "Deny"), (88, 12))[0]}
    if draw.random() < 0.3:
        statement["Sid"] = f"S{draw.randrange(1000)}"
    if named:
        inverted = draw.random() < 0.12
        statement["NotPrincipal" if inverted else "Principal"] = _principal(draw, request)
    inverted = draw.random() < 0.12
    statement["NotAction" if inverted else "Action"] = _some(draw, lambda: _action(draw, request, away=inverted))
    if not named or request["action"] != "sts:AssumeRole":
        inverted = draw.random() < 0.15
        name = "NotResource" if inverted else "Resource"
        statement[name] = _some(draw, lambda: _resource(draw, request, away=inverted))
    if draw.random() < 0.4:
        statement["Condition"] = _conditions(draw, request["context"])
    return statement


def _some(draw: Draw, one: Callable[[], str]) -> str | list[str]:
    return one() if draw.random() < 0.6 else [one() for _ in range(draw.randint(1, 3))]


def _principal(draw: Draw, request: Case) -> Any:
    caller = request["principal"]
    if draw.random() < 0.25:
        return draw.choice(("*", {"AWS": "*"}))
    values = {
        "AWS": [
            caller["arn"] if "kind" not in caller else USER["arn"],
            caller.get("role_arn", ROLE),
            HOME,
            f"arn:aws:iam::{HOME}:root",
            AWAY,
            f"arn:aws:iam::{HOME}:user/other",
        ],
        "Service": ["bedrock.amazonaws.com", "lambda.amazonaws.com"],
        "Federated": ["cognito-identity.amazonaws.com"],
    }
    mine = caller.get("kind", "AWS")
    kinds = {mine if draw.random() < 0.8 else draw.choice(tuple(values)) for _ in range(draw.randint(1, 2))}
    return {kind: _some(draw, lambda kind=kind: draw.choice(values[kind])) for kind in sorted(kinds)}


def _action(draw: Draw, request: Case, *, away: bool) -> str:
    action = request["action"]
    if draw.random() < (0.7 if away else 0.15):
        return draw.choice(("iam:*", "s3:PutObject", "ec2:Run*", "bedrock:Get*", "sqs:?eceiveMessage"))
    service, _, name = action.partition(":")
    return draw.choice(
        (
            action,
            action,
            "*",
            f"{service}:*",
            f"{service}:{name[:4]}*",
            f"{service}:*{name[-4:]}",
            f"{service}:{name[:2]}?{name[3:]}",
            f"{service}:{name[0]}*{name[4:6]}*{name[-1]}",
            f"{service}:{name.upper()}",
            f"{service.upper()}:{name}",
            f"{service}:{name}?",
        )
    )


def _resource(draw: Draw, request: Case, *, away: bool) -> str:
    resource = request["resource"]
    if draw.random() < (0.6 if away else 0.15):
        return draw.choice(ELSEWHERE)
    if resource == "*" or draw.random() < 0.2:
        return "*" if draw.random() < 0.8 else MODEL
    parts = resource.split(":", 5)
    shape = draw.randrange(9)
    if shape < 2:
        return resource
    if shape == 2:
        at = draw.randrange(1, 6)
        parts[at] = "*"
    elif shape == 3:
        cut = draw.randrange(len(parts[5]))
        parts[5] = parts[5][:cut] + "*"
    elif shape == 4:
        start = draw.randrange(len(parts[5]))
        end = draw.randrange(start, len(parts[5]))
        parts[5] = f"{parts[5][:start]}*{parts[5][end:]}"
    elif shape == 5:
        at = draw.randrange(len(parts[5]))
        parts[5] = f"{parts[5][:at]}?{parts[5][at + 1 :]}"
    elif shape == 6:
        variable = draw.choice(VARIABLES)
        parts[5] = draw.choice((parts[5].replace("alice", variable), f"{parts[5]}{variable}", f"{variable}/*"))
    elif shape == 7:
        parts[3] = draw.choice(("us-*", "us-east-?", "*-1", "us-*-1", "eu-*"))
    else:
        return draw.choice((":".join(parts[:3]), ":".join(parts[:4]), f"{':'.join(parts[:3])}:*", "arn:aws:*"))
    return ":".join(parts)


def _conditions(draw: Draw, context: Case) -> Case:
    block: Case = {}
    for _ in range(draw.randint(1, 2)):
        operator, key, values = _clause(draw, context)
        block.setdefault(operator, {})[key] = values
    return block


def _clause(draw: Draw, context: Case) -> tuple[str, str, Any]:
    if draw.random() < 0.1:
        key = draw.choice([*(one for keys, _ in KEYS.values() for one in keys), *SETS])
        return "Null", key, draw.choice(("true", "false", True, False, ["true", "false"]))
    kind = draw.choices(tuple(OPERATORS), (30, 12, 12, 8, 5, 12, 18))[0]
    operator = draw.choice(OPERATORS[kind])
    if kind in {"string", "arn"} and draw.random() < 0.25:
        key = draw.choice(("logs:LogGeneratingResourceArns",) if kind == "arn" else ("aws:TagKeys", "aws:CalledVia"))
        qualifier = draw.choices(("ForAllValues:", "ForAnyValue:", ""), (46, 46, 8))[0]
    else:
        key = draw.choice(KEYS[kind][0])
        qualifier = draw.choices(("", "ForAllValues:", "ForAnyValue:"), (80, 10, 10))[0]
    suffix = "IfExists" if draw.random() < 0.2 else ""
    count = draw.choices((1, 2, 3), (65, 25, 10))[0]
    values = [_value(draw, kind, operator, context.get(key)) for _ in range(count)]
    return f"{qualifier}{operator}{suffix}", draw.choice((key, key, key.lower())), values if count > 1 else values[0]


def _value(draw: Draw, kind: str, operator: str, given: Any) -> Any:
    given = draw.choice(given) if isinstance(given, list) else given
    if kind == "ip":
        return draw.choice(RANGES)
    if given is None or draw.random() < (0.7 if kind in {"numeric", "date"} else 0.4):
        pool = {"string": TEXTS, "arn": ARNS[:-1]}.get(kind) or KEYS[kind][1]
        given = draw.choice(pool)
    if kind == "numeric" and draw.random() < 0.2:
        return draw.choice((60, 3600, 59.5))
    if kind == "bool" and draw.random() < 0.3:
        return draw.choice((True, False))
    if kind == "string":
        return _text(draw, given)
    if kind == "arn":
        return _arn(draw, given)
    return given


def _text(draw: Draw, given: str) -> str:
    shape = draw.randrange(10)
    if shape < 5:
        return given
    if shape == 5:
        return given.swapcase()
    if shape == 6:
        return f"{given[:1]}*"
    if shape == 7:
        return f"{given[:1]}?{given[2:]}"
    variable = draw.choice(VARIABLES)
    return variable if shape == 8 else f"home/{variable}/"


def _arn(draw: Draw, given: str) -> str:
    if not given.startswith("arn:"):
        return given if draw.random() < 0.2 else MODEL
    parts = given.split(":", 5)
    shape = draw.randrange(8)
    if shape in {0, 1}:
        parts[draw.randrange(1, 6)] = "*"
    elif shape == 2:
        cut = draw.randrange(len(parts[5]))
        parts[5] = parts[5][:cut] + "*"
    elif shape == 3:
        at = draw.randrange(len(parts[5]))
        parts[5] = f"{parts[5][:at]}?{parts[5][at + 1 :]}"
    elif shape == 4:
        parts[5] = draw.choice((f"{parts[5]}{draw.choice(VARIABLES)}", draw.choice(VARIABLES)))
    elif shape == 5 and draw.random() < 0.3:
        return draw.choice((":".join(parts[:4]), f"{':'.join(parts[:3])}:*"))
    return ":".join(parts)
