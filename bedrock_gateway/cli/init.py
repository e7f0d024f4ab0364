"""`bedrock-gateway init`: write a commented gateway.toml that loads as it stands."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import note
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse

__all__ = ["TEMPLATE", "add_parser", "run", "write_new"]

TEMPLATE = """\
# Who may call which models and knowledge bases of Amazon Bedrock, where. Every value below is an example: replace it.
# The client refuses what is not declared here; `bedrock-gateway policy` grants the same; `preflight` checks the same.

format = 1
application = "helpdesk"              # appears in logs

[env.prod]                            # one table an environment; several: choose with --env or BEDROCKGW_ENV
account = "111122223333"              # 12 digits, in quotes
region = "us-east-2"                  # leave it out to take --region, AWS_REGION or the profile's

# For a local Bedrock (`bedrock-gateway local --port 4566`):
# [env.laptop]
# account = "123456789012"
# region = "us-east-1"
# local = true
# endpoint = "http://127.0.0.1:4566"

[principals.app]                      # what the running application may do
capabilities = ["converse", "converse-stream", "rag", "preflight-minimal"]
models = ["us.anthropic.claude-sonnet-4-5-20250929-v1:0"]
knowledge_bases = ["handbook"]        # names of [knowledge_base.NAME] below

[principals.operator]                 # what sets things up; never the same principal
capabilities = ["logging-admin", "kb-provision", "kb-create", "kb-documents", "kb-ingest", "preflight-standard"]

[logging]                             # where invocation logs must go: what the preflight must find
log_group = "/bedrock/invocations"
role = "AmazonBedrockGateway-logging"
modalities = ["text"]                 # text, image, embedding, video, audio

[knowledge_base.handbook]
embedding_model = "amazon.titan-embed-text-v2:0"
store = "s3-vectors"

# Any table may be repeated for one environment: merged over the table above, key by key; arrays are replaced.
[env.prod.logging]
bucket = "example-bedrock-logs-111122223333-us-east-2"

# [env.prod.guardrail]                # carried by every call
# id = "abcdefghij12"
# version = "3"

[env.prod.knowledge_base.handbook]    # what AWS assigns belongs to an environment
id = "KB12345678"

[[env.prod.knowledge_base.handbook.source]]
type = "s3"
bucket = "example-handbook-111122223333-us-east-2"

# [preflight]                         # whether a preflight must have passed before a model is called; these are the defaults
# mode = "off"                        # "enforce": no logging, no invoke; "warn": events alone
# deadline_seconds = 3                # how long the first call waits for it
# recheck_seconds = 900
# grace_seconds = 900                 # how long a pass holds where AWS throttles or is silent
# on_drift = "alert"                  # "refuse": no more calls once what was there is gone
# share = false                       # true: the processes of a host tell each other what passed, for ten minutes

# [reliability]                       # what calls do when something is not as it should be; these are the defaults
# max_connections = 100               # to each service
# output_retries = 0                  # how often an answer that does not fit `output` is shown to the model again: a billed call
#
# [reliability.deadlines]
# connect_seconds = 5
# first_byte_seconds = 60             # of a unary call, the whole generation
# idle_seconds = 30                   # between two events of a stream
# total_seconds = 600                 # every attempt, every wait, the whole stream
#
# [reliability.retries]
# attempts = 4                        # requests of one call to one model, the first included
# not_ready_attempts = 6              # while the model is being loaded
# budget_tokens = 500                 # what retries to one model may cost before successes have to earn them back
# transient_cost = 14
# throttled_cost = 5
# success_refill = 1
#
# [reliability.breaker]               # half of 40 requests within 30 s failed: nothing is sent to the model for 10 s
# window_seconds = 30
# minimum_requests = 40
# failure_ratio = 0.5
# open_seconds = 10
"""


def write_new(path: Path, text: str, *, replace: bool = False) -> None:
    """Write *text* to *path*, all of it or nothing, readable by everybody.

    Raises:
        ConfigError: the file exists and *replace* is not set, or it cannot be written.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        if replace:
            Path(temporary).replace(path)
        else:
            # A link fails where the name is taken; a check before a rename would race.
            path.hardlink_to(temporary)
    except FileExistsError:
        raise ConfigError(f"{path} exists; --force replaces it") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or type(error).__name__}") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    summary = "write a commented gateway.toml"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "init", help=summary, description=f"{summary}.".capitalize()
    )
    parser.add_argument("path", nargs="?", default="gateway.toml", metavar="PATH", help="default: ./gateway.toml")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file; say on stderr what to do next."""
    path = Path(args.path)
    write_new(path, TEMPLATE, replace=args.force)
    note(f"wrote {path}: replace its example values, then `bedrock-gateway policy --principal app --config {path}`")
    return 0
