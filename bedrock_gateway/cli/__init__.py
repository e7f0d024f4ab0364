"""The command line: parse, call, print. No logic of its own, and no traceback at its edge.

A command is a module with ``add_parser(subparsers)``, which sets its ``run`` as the default of that name. Only the
module of the command that is asked for is imported: `bedrock-gateway policy` starts without boto3.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway import errors
from bedrock_gateway.cli.output import clean, complain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["main"]

FOUND, COULD_NOT_START, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130

COMMANDS: Mapping[str, str] = {
    "init": "write a commented gateway.toml",
    "policy": "print the least-privilege IAM policy of a principal, or of capabilities",
    "preflight": "check identity, Region, models and the invocation-logging chain",
    "doctor": "say what is installed, what it lacks, and where every setting comes from",
    "setup": "set up invocation logging, principals and model access; plan first, take back",
    "kb": "plan, create, fill, ask and remove a knowledge base",
    "local": "serve a local Bedrock with IAM enforced",
}

# The first row that fits decides. What AWS refused for a reason of the request is a finding.
_EXIT_CODES: tuple[tuple[type[errors.GatewayError], int], ...] = (
    (errors.PreflightFailedError, FOUND),
    (errors.IngestionFailedError, FOUND),
    (errors.NotOursError, FOUND),
    (errors.TransportError, UNREACHABLE),
    (errors.MalformedResponseError, UNREACHABLE),
    (errors.StreamInterruptedError, UNREACHABLE),
    (errors.ThrottledError, UNREACHABLE),
    (errors.UnavailableError, UNREACHABLE),
    (errors.ModelNotReadyError, UNREACHABLE),
    (errors.ModelTimeoutError, UNREACHABLE),
    (errors.ServiceError, FOUND),
)
_CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class _Parser(argparse.ArgumentParser):
    """Usage errors in one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}; see `{self.prog} --help`")
        raise SystemExit(COULD_NOT_START)


class _Version(argparse.Action):
    """Ask for the version only when it is wanted: reading package metadata costs more than parsing."""

    def __call__(self, *_: Any) -> NoReturn:
        from bedrock_gateway import __version__

        sys.stdout.write(f"bedrock-gateway {__version__}\n")
        raise SystemExit(0)


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """The whole parser, with the arguments of the *wanted* command only."""
    parser = _Parser(
        prog="bedrock-gateway",
        description="Call Amazon Bedrock under governance: configuration, IAM, preflight, and a local Bedrock.",
        epilog="Exit codes: 0 nothing found, 1 findings, 2 could not start, 3 AWS unreachable or throttled, 130 interrupted.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name == wanted:
            importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def _exit_code(error: errors.GatewayError) -> int:
    if isinstance(error, errors.SetupIncompleteError) and isinstance(error.__cause__, errors.GatewayError):
        return _exit_code(error.__cause__)
    if isinstance(error, errors.ServiceError) and error.code in _CREDENTIALS_REFUSED:
        return COULD_NOT_START
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), COULD_NOT_START)


def _run(argv: Sequence[str]) -> int:
    wanted = next((word for word in argv if not word.startswith("-")), None)
    args = _parser(wanted).parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    code = run(args)
    sys.stdout.flush()
    return code


def _closed_pipe() -> int:
    """Whoever read our output has left; the interpreter would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INTERRUPTED


def _failed(error: Exception) -> int:
    """Say in one line what went wrong, and return the exit code that stands for it."""
    if os.environ.get("BEDROCKGW_DEBUG_TRACEBACKS") == "1":
        raise error
    if isinstance(error, errors.GatewayError):
        complain(clean(error.message))
        return _exit_code(error)
    if isinstance(error, OSError) and error.strerror:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        return COULD_NOT_START
    complain(f"unexpected {type(error).__name__}, a fault of bedrock-gateway; BEDROCKGW_DEBUG_TRACEBACKS=1 shows where")
    return COULD_NOT_START


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; *argv* without the program's name, None: that of the process."""
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:  # noqa: BLE001 - the edge: never a traceback
        return _failed(error)
