"""`bedrock-gateway local`: serve the local Bedrock until it is told to stop."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit, note
from bedrock_gateway.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Self

    from bedrock_gateway.local.instance import LocalBedrock
    from bedrock_gateway.local.server import LocalServer

__all__ = ["add_parser", "run"]

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_PORT, _LAST_PORT = 4566, 65535
_STATE = {"enforce": "ENFORCED", "report": "REPORT", "off": "OFF"}
_WARNINGS = {
    "report": "warning: IAM is not enforced: every request is served, what a policy would deny is only recorded",
    "off": "warning: IAM is off: every signed request is served, whatever policies say",
}


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "local",
        help="serve a local Bedrock with IAM enforced",
        description="Serve a stand-in for Amazon Bedrock, IAM, STS, S3 and CloudWatch Logs on this machine.",
    )
    env = os.environ.get
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=_PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--iam", choices=tuple(_STATE), default="enforce", help="default: %(default)s")
    parser.add_argument(
        "--account", default=env("BEDROCKGW_LOCAL_ACCOUNT", "123456789012"), help="default: %(default)s"
    )
    parser.add_argument(
        "--region",
        type=_region,
        default=env("AWS_REGION") or env("AWS_DEFAULT_REGION") or "us-east-1",
        help="Region of requests that name none, as those with a long-term API key do (default: %(default)s)",
    )
    parser.add_argument(
        "--embedder",
        default=env("BEDROCKGW_LOCAL_EMBEDDER", "hashing"),
        help="what makes vectors: hashing, or wordllama with the extra local-semantic (default: %(default)s)",
    )
    parser.add_argument("--root-access-key", default=env("BEDROCKGW_LOCAL_ROOT_ACCESS_KEY"), metavar="KEY")
    parser.add_argument("--root-secret-key", default=env("BEDROCKGW_LOCAL_ROOT_SECRET_KEY"), metavar="SECRET")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(text)
    return port


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(text)
    return text


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM (0) or SIGINT (130)."""
    stopped = _Stop()
    with ExitStack() as stack:
        stack.enter_context(stopped)
        local, generated = _make(args)
        server = _serve(stack, local, args.host, args.port)
        _say(local, server, generated=generated)
        return stopped.wait()


class _Stop:
    """Waits for a signal; handlers are put back at the end.

    A handler written in Python runs only once the main thread does something again, and a signal that comes just before
    it blocks, or to another thread, does not wake it. Python itself writes the signal's number to a socket at once.
    """

    _CODES: Mapping[int, int] = {signal.SIGTERM: 0, signal.SIGINT: 130}

    def __init__(self) -> None:
        import socket

        self._read, self._written = socket.socketpair()
        self._written.setblocking(False)
        self._before: dict[int, Any] = {}
        self._woken = -1

    def __enter__(self) -> Self:
        self._woken = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        for number in self._CODES:
            self._before[number] = signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken)
        self._read.close()
        self._written.close()

    def wait(self) -> int:
        """Return the exit code that the signal asks for, once it has come."""
        while True:
            code = self._CODES.get(self._read.recv(1)[0])
            if code is not None:
                return code


def _make(args: argparse.Namespace) -> tuple[LocalBedrock, bool]:
    """Return the local Bedrock, and whether its root keys were made for this run."""
    _require_extra()
    from bedrock_gateway.local.instance import LocalBedrock
    from bedrock_gateway.local.server import is_loopback

    keys = {"root_access_key": args.root_access_key, "root_secret_key": args.root_secret_key}
    given = {name: value for name, value in keys.items() if value}
    if len(given) == 1:
        raise ConfigError("--root-access-key and --root-secret-key belong together: give both or neither")
    generated = False
    if not is_loopback(args.host):
        if given:
            raise ConfigError(
                f"--host {args.host} is reachable by others: its root keys are made and printed; "
                "leave --root-access-key and --root-secret-key out"
            )
        if args.iam == "off":
            raise ConfigError(
                f"--iam off would let anybody who reaches {args.host} do anything: leave --host or --iam out"
            )
        generated = True
        given = {"root_access_key": _key_id(), "root_secret_key": secrets.token_urlsafe(30)}
    try:
        return LocalBedrock(
            account=args.account, iam=args.iam, region=args.region, embedder=args.embedder, **given
        ), generated
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _key_id() -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "AKIA" + "".join(secrets.choice(letters) for _ in range(16))


def _require_extra() -> None:
    from importlib.util import find_spec

    if not all(map(find_spec, ("moto", "numpy"))):
        raise MissingExtraError(extra="local", needed_for="the local Bedrock")


def _serve(stack: ExitStack, local: LocalBedrock, host: str, port: int) -> LocalServer:
    from bedrock_gateway.local.server import serving

    try:
        return stack.enter_context(serving(local.app, host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port (0: a free one)"
        ) from None


def _say(local: LocalBedrock, server: LocalServer, *, generated: bool) -> None:
    emit(f"ready endpoint={server.endpoint} iam={_STATE[local.iam]} account={local.account}")
    # Whoever started this waits for the line, and a pipe is buffered.
    sys.stdout.flush()
    note(f"export AWS_ENDPOINT_URL={server.endpoint}")
    note(f"export ANTHROPIC_BEDROCK_BASE_URL={server.endpoint}")
    if generated:
        key, secret = local.root_credentials
        note(f"export AWS_ACCESS_KEY_ID={key}")
        note(f"export AWS_SECRET_ACCESS_KEY={secret}")
    if local.embedder != "hashing":
        note(f"every embedding model's vectors are made by {local.embedder}")
    if local.iam in _WARNINGS:
        note(_WARNINGS[local.iam])
