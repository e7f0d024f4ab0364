"""A server that forks its workers once everything is imported; each calls a model once, all at the same moment.

Reads ``{"config", "principal", "credentials", "workers"}`` as JSON from standard input, prints what became of each call.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

import boto3

import bedrock_gateway.preflight.checks
import bedrock_gateway.preflight.passes
import bedrock_gateway.preflight.sharing  # noqa: F401 - imported once, for all workers
from bedrock_gateway import Gateway, GatewayConfig, GatewayError


def work(asked: dict) -> str:
    session = boto3.Session(*asked["credentials"])
    gateway = Gateway(GatewayConfig(**asked["config"]), principal=asked["principal"], session=session, observers=())
    with warnings.catch_warnings(), gateway:
        try:
            return gateway.converse("Hello").stop_reason
        except GatewayError as error:
            return f"{type(error).__name__}: {error}"


def main() -> None:
    asked = json.load(sys.stdin)
    start, let_go = os.pipe()
    out, into = os.pipe()
    children = []
    for _ in range(asked["workers"]):
        child = os.fork()
        if not child:
            os.close(let_go)
            os.read(start, 1)
            os.write(into, (work(asked)[:200].replace("\n", " ") + "\n").encode())
            os._exit(0)
        children.append(child)
    os.close(into)
    os.close(let_go)
    with os.fdopen(out) as found:
        sys.stdout.write(found.read())
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
