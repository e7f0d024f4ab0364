"""Refuse to start where invocation logging is not set up."""

import sys

from bedrock_gateway import Gateway, PreflightFailedError

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    try:
        gateway.preflight().raise_for_status()
    except PreflightFailedError as error:
        for result in error.report.failed:
            print(result.id, result.summary, file=sys.stderr)
        sys.exit(1)
    print("ready")
