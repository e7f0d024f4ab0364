"""A source of credentials that hangs: the preflight ends in time, says so, and nothing is waited for afterwards."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from bedrock_gateway import GatewayConfig
from bedrock_gateway.errors import PreflightFailedError

from .conftest import BASE

pytestmark = pytest.mark.full  # a quarter of a minute of waiting
DEADLINE_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
"""Long for a busy machine, and less than the process and the role below take. That ``timeout`` is said is what shows
that nothing was waited for: botocore gives up on the metadata service after eight seconds, and would say otherwise."""
HANGS = [sys.executable, "-c", "import time; time.sleep(45)"]


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No credentials, and nothing of this machine's in the chain."""
    import os

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture
def silent():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(params=["metadata service", "process", "role to be assumed"])
def hanging(request, nowhere, silent, monkeypatch):
    """Each source that asks somebody else."""
    if request.param == "metadata service":
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{silent}/")
    elif request.param == "process":
        quoted = " ".join(f'"{one}"' for one in HANGS)
        (nowhere / "AWS_CONFIG_FILE").write_text(f"[default]\ncredential_process = {quoted}\n")
    else:
        (nowhere / "AWS_CONFIG_FILE").write_text(
            "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
            "[default]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = base\n"
        )
        # The client that assumes the role is botocore's own: where it goes, the environment says, and we refuse that.
        pytest.importorskip("botocore")
        _send_sts_to(silent, monkeypatch)
    return request.param


def _send_sts_to(url, monkeypatch):
    """Let the STS client of the chain, which is none of ours, find nobody who answers."""
    import botocore.session

    create = botocore.session.Session.create_client

    def redirected(self, service_name, *args, **kwargs):
        if service_name == "sts" and "endpoint_url" not in kwargs:
            kwargs["endpoint_url"] = url
        return create(self, service_name, *args, **kwargs)

    monkeypatch.setattr(botocore.session.Session, "create_client", redirected)


def configured(silent, **preflight):
    return GatewayConfig(**BASE | {"endpoint": silent, "preflight": preflight})


NOT_HERE = "a process that is no longer awaited is left to the collector: below, in a program of its own"


def left_behind():
    return [one for one in threading.enumerate() if one.name.startswith("bedrock-gateway-")]


def test_the_preflight_ends_in_time_and_says_what_hangs(both, hanging, silent):
    if hanging != "metadata service" and both.is_async:
        pytest.skip(NOT_HERE)
    reports = []

    async def body():
        async with both.gateway(configured(silent), principal="operator", observers=()) as gateway:
            reports.append(await gateway.preflight(deadline_seconds=DEADLINE_SECONDS))

    began = time.monotonic()
    both.run(body)
    assert time.monotonic() - began < PATIENCE_SECONDS
    [report] = reports
    found = {one.id: one for one in report.results}
    assert report.exit_code() == 3
    assert not report.failed
    assert (found["ID-01"].status, found["ID-01"].error_code) == ("unknown", "timeout")
    assert "credentials were not read in time" in found["ID-01"].summary
    assert (found["LOG-01"].status, found["LOG-01"].error_code) == ("unknown", "timeout")
    assert found["ENV-03"].status == "pass"
    assert all(one.daemon for one in left_behind())


def test_enforced_it_lets_no_call_pass_and_holds_none_up(both, hanging, silent):
    if hanging != "metadata service" and both.is_async:
        pytest.skip(NOT_HERE)

    async def body():
        config = configured(silent, mode="enforce", deadline_seconds=DEADLINE_SECONDS)
        async with both.gateway(config, principal="app", observers=()) as gateway:
            for _ in range(5):
                with pytest.raises(PreflightFailedError, match="LOG-01: could not be decided"):
                    await gateway.converse("Hello")

    before = len(left_behind())
    began = time.monotonic()
    both.run(body)
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert len(left_behind()) <= before + 4  # five calls, one look: the facts, and two questions


def test_credentials_that_come_late_are_used_by_the_next_preflight(both, nowhere, faults):
    """What hung is not started a second time: the next look waits for the first one's client."""
    from . import server

    faults.answer(server.reply({}))
    gate = nowhere / "gate"
    code = (
        "import json, os, sys, time\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'AKIAIOSFODNN7EXAMPLE',"
        " 'SecretAccessKey': 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'}))\n"
    )
    (nowhere / "give.py").write_text(code)
    given = f'"{sys.executable}" "{nowhere}/give.py" "{gate}"'
    (nowhere / "AWS_CONFIG_FILE").write_text(f"[default]\ncredential_process = {given}\n")

    async def body():
        async with both.gateway(configured(faults.endpoint), principal="operator", observers=()) as gateway:
            first = await gateway.preflight(deadline_seconds=DEADLINE_SECONDS)
            gate.write_text("")
            second = await gateway.preflight(deadline_seconds=30)
        one, two = (next(one for one in each.results if one.id == "ID-01") for each in (first, second))
        assert (one.status, one.error_code) == ("unknown", "timeout")
        assert two.status == "pass", two.summary

    both.run(body)


def test_a_call_whose_client_is_still_being_built_when_the_gateway_is_closed_is_told_so(nowhere, silent, monkeypatch):
    pytest.importorskip("aiobotocore")
    from bedrock_gateway import AsyncGateway, ConfigError

    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{silent}/")

    async def body():
        gateway = AsyncGateway(configured(silent), principal="app", observers=())
        call = asyncio.ensure_future(gateway.converse("Hello"))
        while not gateway._perform._clients:  # noqa: ASYNC110 - the loop is ours alone, and nothing tells
            await asyncio.sleep(0)
        await gateway.close()
        with pytest.raises(ConfigError, match="closed while a client was being built"):
            await call

    began = time.monotonic()
    asyncio.run(body())
    assert time.monotonic() - began < PATIENCE_SECONDS


ASYNC = """
import asyncio, json, sys, threading
from bedrock_gateway import AsyncGateway, GatewayConfig

async def main():
    config = GatewayConfig(**json.load(sys.stdin))
    async with AsyncGateway(config, principal="operator", observers=()) as gateway:
        report = await gateway.preflight(deadline_seconds=0.5)
    found = {one.id: one.error_code for one in report.results}
    print(report.exit_code(), found["ID-01"], found["LOG-01"])

asyncio.run(main())
print([one.name for one in threading.enumerate() if not one.daemon])
"""


def test_an_async_program_ends_although_its_process_of_credentials_does_not(nowhere, silent):
    pytest.importorskip("aiobotocore")
    started = nowhere / "started"
    code = f"import time; open({str(started)!r}, 'a').write('x'); time.sleep(60)"
    (nowhere / "AWS_CONFIG_FILE").write_text(f'[default]\ncredential_process = "{sys.executable}" -c "{code}"\n')
    declared = json.dumps(configured(silent).model_dump(mode="json"))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", ASYNC], input=declared, stdout=subprocess.PIPE, text=True, check=True, timeout=50
    )
    assert time.monotonic() - began < 40  # the process takes sixty seconds
    assert done.stdout.splitlines() == ["3 timeout timeout", "['MainThread']"]
    # One that was given up, one that the clients being built still wait for: not one for each of them.
    assert len(started.read_text() if started.exists() else "") <= 2
