"""`bedrock-gateway local` as a process: what it prints, how it ends, and what it refuses to start."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = [sys.executable, "-m", "bedrock_gateway", "local"]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start it and give the process with its first line, which must come by itself."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    try:
        yield process, process.stdout.readline()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run it to its refusal and return the one line that it says."""

    def run(*arguments: str) -> str:
        assert main(["local", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err

    return run


def client(ready: str, service: str):
    import boto3

    endpoint = re.search(r"endpoint=(\S+)", ready)[1]
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_says_one_line_when_ready_and_ends_at_a_signal(number, code):
    with started() as (process, ready):
        assert re.fullmatch(r"ready endpoint=http://127\.0\.0\.1:\d+ iam=ENFORCED account=123456789012\n", ready)
        assert client(ready, "sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (code, "")
    assert err.splitlines() == [
        f"export {name}={ready.split()[1].removeprefix('endpoint=')}"
        for name in ("AWS_ENDPOINT_URL", "ANTHROPIC_BEDROCK_BASE_URL")
    ]


def test_it_ends_while_somebody_is_still_connected():
    with started() as (process, ready):
        port = int(re.search(r":(\d+) ", ready)[1])
        with socket.create_connection(("127.0.0.1", port)) as open_connection:
            open_connection.sendall(b"POST / HTTP/1.1\r\n")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize(("state", "word"), [("report", "not enforced"), ("off", "IAM is off")])
def test_it_warns_where_iam_is_not_enforced(state, word):
    with started("--iam", state) as (process, ready):
        assert f"iam={state.upper()}" in ready
        process.terminate()
        assert word in process.communicate(timeout=10)[1]


def test_a_port_in_use_is_one_line_that_names_it(refused):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--port", str(port))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_reachable_from_outside_it_keeps_iam_and_makes_its_own_keys(refused):
    outside = ("--host", "0.0.0.0", "--port", "0")
    assert "--iam off" in refused(*outside, "--iam", "off")
    keys = ("--root-access-key", "AKIAI44QH8DHBEXAMPLE", "--root-secret-key", "x")
    assert "--root-access-key" in refused(*outside, *keys)
    with started("--host", "0.0.0.0") as (process, ready):
        assert ready.startswith("ready endpoint=http://0.0.0.0:")
        process.terminate()
        err = process.communicate(timeout=10)[1]
    key = re.search(r"export AWS_ACCESS_KEY_ID=(AKIA[A-Z2-7]{16})$", err, re.MULTILINE)
    assert key
    assert key[1] != "AKIAIOSFODNN7EXAMPLE"
    assert re.search(r"export AWS_SECRET_ACCESS_KEY=\S{40}$", err, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--port", "70000"), "--port"),
        (("--port", "x"), "--port"),
        (("--account", "12"), "12 digits"),
        (("--iam", "maybe"), "--iam"),
        (("--root-access-key", "AKIAI44QH8DHBEXAMPLE"), "--root-secret-key"),
        (("--host", "no.such.host.invalid", "--port", "0"), "no.such.host.invalid"),
        (("--region", "nowhere!"), "--region"),
    ],
)
def test_bad_arguments_are_one_line_that_names_them(refused, arguments, word):
    assert word in refused(*arguments)


def test_other_root_keys_and_another_account_can_be_chosen():
    keys = ("--root-access-key", "AKIAI44QH8DHBEXAMPLE", "--root-secret-key", "another")
    with started(*keys, "--account", "111122223333") as (_, ready):
        assert ready.endswith(" account=111122223333\n")
        from botocore.exceptions import ClientError

        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            client(ready, "sts").get_caller_identity()


def test_an_unknown_embedder_is_one_line_that_names_those_there_are(refused, monkeypatch):
    assert "hashing, wordllama, not 'titan'" in refused("--embedder", "titan")
    monkeypatch.setenv("BEDROCKGW_LOCAL_EMBEDDER", "titan")
    assert "hashing, wordllama, not 'titan'" in refused()


def test_wordllama_is_named_with_its_extra_or_announced(refused):
    if find_spec("wordllama") is None:
        assert "bedrock-gateway[local-semantic]" in refused("--embedder", "wordllama")
        return
    with started("--embedder", "wordllama") as (process, ready):
        assert ready.startswith("ready ")
        process.terminate()
        assert "every embedding model's vectors are made by wordllama" in process.stderr.read()
