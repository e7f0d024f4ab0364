"""How long it takes to generate a policy in process, with the data files already read. Prints a table; asserts nothing.

    python benchmarks/generate.py [--seconds S]

The first row of each run is the cold one: it reads the data file of models, once in a process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.capabilities.models import _data, profiles_for
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.quotas import split

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SMALL = {"region": "us-east-1", "account": "111122223333", "models": ("amazon.nova-lite-v1:0",)}
FULL = {
    **SMALL,
    "models": (f"us.{MODEL}", f"global.{MODEL}"),
    "rerankers": ("cohere.rerank-v3-5:0",),
    "knowledge_bases": ("KB12345678",),
    "knowledge_base_roles": ("bedrock-gateway/AmazonBedrockGateway-kb",),
    "logging_bucket": "example-logs",
    "documents": (("example-handbook", "handbook/"),),
    "vector_indexes": (("example-vectors", "handbook"),),
    "guardrail": ("abcdefghij12", "3"),
}


def every_us_profile() -> tuple[str, ...]:
    return tuple(one for name in _data()["models"] for one in profiles_for(name, "us-east-1") if one.startswith("us."))


def everything() -> str:
    return generate(tuple(CAPABILITIES), Scope(**FULL)).policy.to_json()


def timed(work: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run, for *seconds*."""
    found, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or not found:
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1_000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="a case (default: %(default)s)")
    seconds = parser.parse_args().seconds
    cold = timed(lambda: generate(["converse"], Scope(**SMALL)), 0)
    print(f"{'case':44} {'median ms':>10} {'p99 ms':>10} {'runs':>8}")
    print(f"{'cold: converse, one model':44} {cold[0]:10.3f} {'':>10} {1:8}")
    large = Scope(**{**FULL, "models": every_us_profile()})
    whole = generate(["converse"], large).policy
    cases: dict[str, Callable[[], object]] = {
        "converse, one model": lambda: generate(["converse"], Scope(**SMALL)),
        "rag, two profiles": lambda: generate(["rag"], Scope(**FULL)),
        f"all {len(CAPABILITIES)} capabilities": lambda: generate(tuple(CAPABILITIES), Scope(**FULL)),
        "the same, as JSON": everything,
        f"converse, {len(large.models)} profiles": lambda: generate(["converse"], large),
        f"split of {whole.size:,} characters": lambda: split(whole),
    }
    for name, work in cases.items():
        found = sorted(timed(work, seconds))
        p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
        print(f"{name:44} {statistics.median(found):10.3f} {p99:10.3f} {len(found):8}")


if __name__ == "__main__":
    main()
