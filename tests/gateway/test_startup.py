"""A gateway that checks by itself before its first call to a model, with both drivers, against the local Bedrock."""

from __future__ import annotations

import asyncio

import pytest

from bedrock_gateway.errors import PreflightFailedError

MODEL = "us.amazon.nova-lite-v1:0"


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
