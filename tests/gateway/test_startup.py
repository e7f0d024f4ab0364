"""A gateway that checks by itself before its first call to a model, with both drivers, against the local Bedrock."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bedrock_gateway.errors import PreflightFailedError

MODEL = "us.amazon.nova-lite-v1:0"
LOGGING = "bedrock:GetModelInvocationLoggingConfiguration"


@pytest.fixture
def switched_off(account):
    """The account with invocation logging off, as somebody may leave it."""
    world = account.world
    bedrock = world.client(world.admin, "bedrock")
    there = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    bedrock.delete_model_invocation_logging_configuration()
    yield bedrock
    bedrock.put_model_invocation_logging_configuration(loggingConfig=there)


def enforcing(account, opened, **settings):
    settings = {"mode": "enforce", "deadline_seconds": 60, **settings}
    return opened("app", config=account.config(preflight=settings))


def names(events):
    return [one.name for one in events if one.name in {"preflight.ended", "gateway.call_ended"}]


@pytest.fixture
def over_http(opened, request):
    if request.node.callspec.params["opened"] != "http":
        pytest.skip("the drivers differ, not the way in")
    return opened


def test_the_first_call_checks_and_then_calls(both, account, over_http):
    async def body():
        async with enforcing(account, over_http) as (gateway, events):
            assert (await gateway.converse("Hello")).text
            assert (await gateway.converse("Hello")).text
            async with gateway.converse_stream("Hello") as stream:
                assert (await stream.result()).text
        assert names(events) == ["preflight.ended", *3 * ["gateway.call_ended"]]

    both.run(body)


def test_without_logging_no_model_is_called(both, account, over_http, switched_off):
    async def body():
        async with enforcing(account, over_http) as (gateway, events):
            for call in (lambda: gateway.converse("Hello"), lambda: gateway.invoke_model({"messages": []})):
                with pytest.raises(PreflightFailedError, match="LOG-01") as caught:
                    await call()
                assert caught.value.report.failed
            with pytest.raises(PreflightFailedError):
                async with gateway.converse_stream("Hello") as stream:
                    await stream.result()
            ended = [one for one in events if one.name == "gateway.call_ended"]
            assert [(one.outcome, one.attempts) for one in ended] == [("denied", 0)] * 3
            assert len([one for one in events if one.name == "preflight.ended"]) == 1

    both.run(body)


def test_an_explicit_preflight_opens_the_way(both, account, over_http):
    async def body():
        async with enforcing(account, over_http) as (gateway, events):
            assert (await gateway.preflight(deadline_seconds=60)).ok
            await gateway.converse("Hello")
        assert names(events) == ["preflight.ended", "gateway.call_ended"]

    both.run(body)


def test_calls_at_the_same_time_share_one_preflight(both, account, over_http):
    if not both.is_async:
        pytest.skip("threads: tests of the sync gateway below")

    async def body():
        async with enforcing(account, over_http) as (gateway, events):
            await asyncio.gather(*(gateway.converse("Hello") for _ in range(6)))
        assert names(events).count("preflight.ended") == 1

    both.run(body)


def test_threads_share_one_preflight(account):
    from concurrent.futures import ThreadPoolExecutor

    import boto3

    from bedrock_gateway import Gateway

    key, secret, token = account.credentials("app")
    session = boto3.Session(key, secret, token)
    config = account.config(preflight={"mode": "enforce", "deadline_seconds": 60})
    events = []
    with (
        Gateway(config, principal="app", session=session, observers=[events.append]) as gateway,
        ThreadPoolExecutor(6) as pool,
    ):
        assert all(one.text for one in pool.map(lambda _: gateway.converse("Hello"), range(6)))
    assert names(events).count("preflight.ended") == 1


def test_a_governed_client_is_refused_until_a_preflight_has_passed(account):
    import boto3

    from bedrock_gateway import Gateway

    key, secret, token = account.credentials("app")
    session = boto3.Session(key, secret, token)
    config = account.config(preflight={"mode": "enforce", "deadline_seconds": 60})
    says = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    with Gateway(config, principal="app", session=session, observers=()) as gateway:
        client = gateway.govern(
            session.client("bedrock-runtime", region_name=config.region, endpoint_url=config.endpoint)
        )
        with pytest.raises(PreflightFailedError, match=r"run gateway\.preflight"):
            client.converse(**says)
        assert gateway.preflight(deadline_seconds=60).ok
        assert client.converse(**says)["output"]
        client.close()


WORKERS = 16


def sharing_config(account, **changed):
    """The application, granted the reads of an operator: as that, its gate has something to share."""
    app = account.world.config.principals["app"]
    own = (*app.capabilities, "preflight-standard")
    granted = tuple(one for one in own if one != "preflight-minimal")
    principals = {**account.world.config.principals, "app": app.model_copy(update={"capabilities": granted})}
    settings = {"mode": "enforce", "deadline_seconds": 60, "share": True}
    return account.config(principals=principals, preflight=settings, **changed)


def asked_of(account):
    """How often each operation was asked for since; the order is that of nobody."""
    found = Counter(one.operation for one in account.local.decisions if one.operation != "bedrock-runtime:Converse")
    account.local._gate.decisions.clear()
    return found


def run_workers(account, config, home, workers):
    account.local._gate.decisions.clear()
    asked = {
        "config": config.model_dump(mode="json"),
        "principal": "app",
        "credentials": account.credentials("operator"),
        "workers": workers,
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("workers.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={"XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]},
    )
    return done.stdout.splitlines(), asked_of(account)


@pytest.mark.full
def test_sixteen_workers_that_start_at_the_same_moment_make_one_run(account, tmp_path):
    import boto3

    from bedrock_gateway import Gateway

    config = sharing_config(account)
    alone = config.model_copy(update={"preflight": config.preflight.model_copy(update={"share": False})})
    account.local._gate.decisions.clear()
    session = boto3.Session(*account.credentials("operator"))
    with Gateway(alone, principal="app", session=session, observers=()) as gateway:
        report = gateway.preflight()
    assert report.ok, report.failed
    once = asked_of(account)
    each = {call for one in report.results if one.status != "pass" for call in one.calls}
    shared = {call for one in report.results for call in one.calls} - each - {"sts:GetCallerIdentity", LOGGING}
    assert len(shared) > 8, shared

    outcomes, asked = run_workers(account, config, tmp_path, WORKERS)
    # The operator may not call a model, and is told so by AWS: the gate let each of them pass.
    assert [one.partition(":")[0] for one in outcomes] == ["AccessDeniedError"] * WORKERS
    # On a busy machine an answer can come late, and is asked for once more: then more than once, never by each.
    assert all(1 <= asked[call] <= 2 * once[call] for call in shared), asked
    assert asked[LOGGING] >= WORKERS

    # Later ones find what there is; and that logging was switched off, each sees at once.
    bedrock = account.world.client(account.world.admin, "bedrock")
    there = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    outcomes, asked = run_workers(account, config, tmp_path, 2)
    assert not shared & asked.keys()
    bedrock.delete_model_invocation_logging_configuration()
    try:
        outcomes, asked = run_workers(account, config, tmp_path, 2)
    finally:
        bedrock.put_model_invocation_logging_configuration(loggingConfig=there)
    assert [one.partition(":")[0] for one in outcomes] == ["PreflightFailedError"] * 2
    assert all("LOG-01" in one for one in outcomes)


def test_a_file_that_was_tampered_with_is_an_event_and_lets_nothing_pass(
    both, account, tmp_path, monkeypatch, switched_off
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "bedrock-gateway").mkdir(mode=0o755)

    async def body():
        events = []
        session = both.session(*account.credentials("operator"))
        options = {"principal": "app", "session": session, "observers": [events.append]}
        async with both.gateway(sharing_config(account), **options) as gateway:
            with pytest.raises(PreflightFailedError, match="LOG-01"):
                await gateway.converse("Hello")
        assert [one.reason for one in events if one.name == "preflight.passes_ignored"] == ["directory-open-to-others"]

    both.run(body)


def test_a_bedrock_within_the_process_shares_with_nobody(both, account, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def body():
        session = both.session(*account.credentials("operator"))
        account.local.attach(session)
        config = sharing_config(account, endpoint=None)
        async with both.gateway(config, principal="app", session=session, observers=()) as gateway:
            assert (await gateway.preflight(deadline_seconds=60)).ok
        assert list(tmp_path.iterdir()) == []

    both.run(body)
