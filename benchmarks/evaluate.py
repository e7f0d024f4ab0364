"""How many requests a second the evaluator decides against a policy of 6 kB. Prints a table; asserts nothing.

    python benchmarks/evaluate.py [--seconds S]

Every request has a resource and a context of its own, so that no cache of whole answers can help; those of patterns and
of compiled policies are warm, as they are in a process that decides more than once. The cold row parses the text of a
policy that was not seen before and decides once. What is measured is CPU time: one core, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate
from bedrock_gateway.iam.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "111122223333"
QUOTA = 6144
"""Characters of a managed policy, without whitespace."""
CALLER = PrincipalRef(
    f"arn:aws:sts::{ACCOUNT}:assumed-role/app/run", ACCOUNT, role_arn=f"arn:aws:iam::{ACCOUNT}:role/app"
)


def statement(number: int, **changes: Any) -> dict[str, Any]:
    """As the generator writes them: two actions, a profile and its models in three Regions, bound to the profile."""
    model, profile = f"vendor.model-{number}-v1:0", f"us.vendor.model-{number}-v1:0"
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{profile}"
    regions = ("us-east-1", "us-east-2", "us-west-2")
    return {
        "Sid": f"Model{number}",
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        "Resource": [f"arn:aws:bedrock:{region}::foundation-model/{model}" for region in regions],
        "Condition": {
            "ArnLike": {"bedrock:InferenceProfileArn": arn},
            "StringEquals": {"aws:PrincipalTag/team": [f"team-{number}", "shared"]},
        },
    } | changes


def policy_of_six_kilobytes(**changes: Any) -> Policy:
    """As many such statements as fit."""
    statements: list[dict[str, Any]] = []
    for number in itertools.count():
        made = Policy.parse({"Version": "2012-10-17", "Statement": [*statements, statement(number, **changes)]})
        if made.size > QUOTA:
            break
        statements.append(statement(number, **changes))
    return Policy.parse({"Version": "2012-10-17", "Statement": statements})


def asked(number: int, draw: random.Random, *, region: str = "us-east-1") -> AccessRequest:
    profile = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.vendor.model-{number}-v1:0"
    context = {
        "bedrock:InferenceProfileArn": profile,
        "aws:PrincipalTag/team": "shared",
        "aws:SourceIp": f"203.0.113.{draw.randrange(256)}",
        "aws:userid": f"AROAEXAMPLE:{draw.randrange(10**9)}",
    }
    resource = f"arn:aws:bedrock:{region}::foundation-model/vendor.model-{number}-v1:0"
    return AccessRequest("bedrock:InvokeModel", resource, context, CALLER)


def wild(draw: random.Random) -> AccessRequest:
    return AccessRequest(
        "s3:GetObject", f"arn:aws:s3:::example-7/home/alice/{draw.randrange(10**9)}.txt", {"aws:username": "alice"}
    )


def rates(seconds: float) -> Iterator[tuple[str, int, float]]:
    """Name, size of the policy, decisions a second."""
    draw = random.Random(0)
    plain = policy_of_six_kilobytes()
    last = len(plain.statements) - 1
    home = policy_of_six_kilobytes(
        Action="s3:Get*",
        Resource=["arn:aws:s3:::example-*/home/${aws:username}/*", "arn:aws:s3:*:*:*-backup/*"],
        Condition={"Null": {"aws:TagKeys": "true"}},
    )
    everywhere = Layers((plain,), boundary=(plain,), session=(plain,), scp=((plain,), (plain,)))
    yield "allowed by the last statement", plain.size, rate(lambda: asked(last, draw), Layers((plain,)), seconds)
    yield "allowed by the first", plain.size, rate(lambda: asked(0, draw), Layers((plain,)), seconds)
    yield "any statement", plain.size, rate(lambda: asked(draw.randint(0, last), draw), Layers((plain,)), seconds)
    yield (
        "denied: no statement",
        plain.size,
        rate(lambda: asked(0, draw, region="eu-north-1"), Layers((plain,)), seconds),
    )
    yield "variables and stars", home.size, rate(lambda: wild(draw), Layers((home,)), seconds)
    yield "five layers of it", plain.size * 5, rate(lambda: asked(last, draw), everywhere, seconds)


def rate(make: Callable[[], AccessRequest], layers: Layers, seconds: float) -> float:
    """Decide prepared requests until the time is over; the best of five slices, for others use the machine too."""
    requests = [make() for _ in range(2000)]
    evaluate(requests[0], layers)
    best = 0.0
    for _ in range(5):
        count, started = 0, time.process_time()
        while (spent := time.process_time() - started) < seconds / 5:
            for request in requests:
                evaluate(request, layers)
            count += len(requests)
        best = max(best, count / spent)
    return best


def cold(seconds: float) -> float:
    """Policies a second that are read from text and decided once; none is seen twice."""
    draw, text = random.Random(0), policy_of_six_kilobytes().to_json()
    texts = [text.replace("vendor.", f"vendor{number}.") for number in range(300)]
    count, started = 0, time.process_time()
    for written in texts:
        evaluate(asked(0, draw), Layers((Policy.parse(written),)))
        count += 1
        if time.process_time() - started > seconds:
            break
    return count / (time.process_time() - started)


def hostile() -> Iterator[tuple[str, float]]:
    """Patterns that take a plain regular expression for ever."""
    value = "arn:aws:s3:::" + "a" * 2000
    for name, pattern in {
        "2,000 times a*": "arn:aws:s3:::" + "a*" * 2000 + "b",
        "stars in a part": "arn:aws:" + "s*" * 1000 + "3:::b",
        "one star, 3,000 times ?": "arn:aws:s3:::*" + "?" * 3000,
    }.items():
        made = Policy.parse(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": pattern}}
        )
        started = time.process_time()
        evaluate(AccessRequest("s3:GetObject", value), Layers((made,)))
        yield name, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    rows = list(rates(arguments.seconds))
    tracing = rate_of_traces(arguments.seconds)
    once, slowest = cold(arguments.seconds), list(hostile())
    if arguments.json:
        print(json.dumps({"rates": rows, "traces": tracing, "cold": once, "hostile_seconds": slowest}))
        return
    print("| request | policies, characters | decisions a second | µs each |\n| --- | ---: | ---: | ---: |")
    for name, size, per_second in rows:
        print(f"| {name} | {size:,} | {per_second:,.0f} | {1e6 / per_second:.1f} |")
    print(f"| the same, traced | {rows[0][1]:,} | {tracing:,.0f} | {1e6 / tracing:.1f} |")
    print(f"| cold: parsed, decided once | {rows[0][1]:,} | {once:,.0f} | {1e6 / once:.1f} |")
    print("\n| hostile pattern, first request | ms |\n| --- | ---: |")
    for name, spent in slowest:
        print(f"| {name} | {spent * 1000:.1f} |")


def rate_of_traces(seconds: float) -> float:
    draw, layers = random.Random(0), Layers((policy_of_six_kilobytes(),))
    requests = [asked(0, draw) for _ in range(200)]
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        for request in requests:
            trace(request, layers)
        count += len(requests)
    return count / spent


if __name__ == "__main__":
    main()
