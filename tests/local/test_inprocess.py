"""In process, with sockets blocked: every operation, on every kind of endpoint, with boto3 and with aiobotocore."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import socket
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = [
    "bedrock-runtime", "bedrock", "bedrock-agent", "bedrock-agent-runtime", "bedrock-data-automation", "iam", "sts", "s3",
    "s3vectors", "logs", "kms",
]  # fmt: skip
MORE = [
    "bedrock-data-automation-runtime", "cloudwatch", "opensearchserverless", "secretsmanager", "service-quotas",
    "accessanalyzer", "account", "pricing", "cloudtrail", "route53", "sqs",
]  # fmt: skip
"""With --full only."""
VARIANTS: dict[str, dict[str, Any]] = {
    "standard": {},
    "fips": {"use_fips_endpoint": True},
    "dualstack": {"use_dualstack_endpoint": True},
    "vpc endpoint": {"endpoint_url": "https://vpce-0123456789abcdef0-abcdefgh.{service}.us-east-1.vpce.amazonaws.com"},
    "Frankfurt": {"region_name": "eu-central-1"},
    "GovCloud": {"region_name": "us-gov-west-1"},
    "China": {"region_name": "cn-north-1"},
    "anywhere": {"endpoint_url": "https://gateway.example.com:8443"},
}
UNSENT = {"InvokeModelWithBidirectionalStream", "WriteGetObjectResponse"}
"""botocore has no method for the one, and older ones no endpoint of every kind for the other."""


def value(shape: Any, name: str, depth: int = 0) -> Any:
    """Something for every required member, whether or not a service would take it."""
    if depth > 6:
        return {}
    kinds = {
        "structure": lambda: structure(shape, depth),
        "list": lambda: [value(shape.member, name, depth + 1)],
        "map": lambda: {"key": value(shape.value, name, depth + 1)},
        "blob": lambda: b"{}",
        "boolean": lambda: True,
        "timestamp": lambda: 1_700_000_000,
        "string": lambda: text(shape, name),
    }
    return kinds.get(shape.type_name, lambda: shape.metadata.get("min") or 1)()


def structure(shape: Any, depth: int) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return {}
    wanted = list(shape.members)[:1] if shape.metadata.get("union") else shape.required_members
    return {member: value(shape.members[member], member, depth + 1) for member in wanted}


def text(shape: Any, name: str) -> str:
    if getattr(shape, "enum", None):
        return str(shape.enum[0])
    if name == "Bucket":
        return "some-bucket"
    if name.lower().endswith("arn"):
        return "arn:aws:bedrock:us-east-1:123456789012:thing/abcdefghij"
    return "abcdefghij".ljust(shape.metadata.get("min") or 1, "a")


def calls(full: bool) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Every operation: on every variant with --full, else on one, in turn."""
    session = botocore.session.get_session()
    turn = itertools.cycle(VARIANTS)
    for service in [*SERVICES, *MORE] if full else SERVICES:
        model = session.get_service_model(service)
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            params = value(shape, "") if shape else {}
            for variant in VARIANTS if full else [next(turn)]:
                if operation not in UNSENT:
                    yield service, variant, operation, params


def options(service: str, variant: str) -> dict[str, Any]:
    given = dict(VARIANTS[variant])
    named = {key: given.pop(key) for key in ("use_fips_endpoint", "use_dualstack_endpoint") if key in given}
    if "endpoint_url" in given:
        given["endpoint_url"] = given["endpoint_url"].format(service=service)
    return {"region_name": "us-east-1", **given}, {
        "parameter_validation": False,
        "retries": {"total_max_attempts": 1},
        **named,
    }


def judged(service: str, variant: str, operation: str, outcome: dict[str, Any]) -> str | None:
    """Return what is wrong with an outcome, or None."""
    status, code = outcome["ResponseMetadata"]["HTTPStatusCode"], outcome.get("Error", {}).get("Code")
    if status >= 500 and status != 501:
        return f"{service} {operation} on {variant}: {status} {code} would be retried"
    if code == str(status) and not operation.startswith("Head"):
        return f"{service} {operation} on {variant}: {status} is not in the client's protocol"
    return None


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBedrock]:
    def blocked(*_: Any, **__: Any) -> None:
        raise AssertionError("something wanted to leave the process")

    monkeypatch.setattr(socket.socket, "connect", blocked)
    monkeypatch.setattr(socket, "getaddrinfo", blocked)
    with LocalBedrock(region="us-east-1", pace_seconds=0) as made:
        made.reset()
        yield made
        made.reset()


@pytest.fixture
def handled(local: LocalBedrock, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts of the requests that came to the app."""
    hosts: list[str] = []
    real = local.app.handle

    def handle(request: Any) -> Any:
        hosts.append(request.hostname)
        return real(request)

    monkeypatch.setattr(local.app, "handle", handle)
    return hosts


def keys(local: LocalBedrock) -> dict[str, str]:
    key, secret = local.root_credentials
    return {"aws_access_key_id": key, "aws_secret_access_key": secret}


def drained(reply: Any) -> Any:
    for stream in reply.values():
        if "EventStream" in type(stream).__name__:
            list(stream)
    return reply


@pytest.mark.timeout(1200)
def test_boto3_is_answered_here_whatever_it_asks_and_wherever(local, handled, request):
    session, clients, wrong = local.session(), {}, []
    for service, variant, operation, params in calls(request.config.getoption("--full")):
        if (service, variant) not in clients:
            keywords, config = options(service, variant)
            clients[service, variant] = session.client(service, config=Config(**config), **keywords)
        before = len(handled)
        try:
            outcome = drained(getattr(clients[service, variant], xform_name(operation))(**params))
        except ClientError as error:
            outcome = error.response
        assert len(handled) > before, (service, variant, operation)
        wrong.append(judged(service, variant, operation, outcome))
    assert [one for one in wrong if one] == []
    assert len(wrong) > 500


@pytest.mark.timeout(1200)
def test_aiobotocore_is_answered_here_whatever_it_asks_and_wherever(local, handled, request):
    pytest.importorskip("aiobotocore", reason="aiobotocore is an extra")
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    async def outcome_of(method: Any, params: Any) -> Any:
        try:
            reply = await method(**params)
        except ClientError as error:
            return error.response
        for stream in reply.values():
            if "EventStream" in type(stream).__name__:
                assert [event async for event in stream]
        return reply

    async def run() -> list[str | None]:
        session, wrong = get_session(), []
        local.attach(session)
        asked = sorted(calls(request.config.getoption("--full")), key=lambda one: one[:2])
        for (service, variant), some in itertools.groupby(asked, key=lambda one: one[:2]):
            keywords, config = options(service, variant)
            made = session.create_client(service, config=AioConfig(**config), **keywords, **keys(local))
            async with made as client:
                for *_, operation, params in some:
                    before = len(handled)
                    outcome = await outcome_of(getattr(client, xform_name(operation)), params)
                    assert len(handled) > before, (service, variant, operation)
                    wrong.append(judged(service, variant, operation, outcome))
        return wrong

    assert [one for one in asyncio.run(run()) if one] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_endpoint_serves_and_not_only_refuses(local, handled, variant):
    if variant in {"GovCloud", "China"}:
        pytest.skip("the catalogue has no model there")
    session = local.session()
    for service, operation, params in (
        ("bedrock", "list_inference_profiles", {}),
        ("bedrock-runtime", "count_tokens", {"modelId": "amazon.nova-lite-v1:0", "input": {"invokeModel": {"body": b'{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}'}}}),
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
        ("iam", "list_roles", {}),
    ):  # fmt: skip
        keywords, config = options(service, variant)
        if service == "bedrock-runtime" and variant == "Frankfurt":
            params = {**params, "modelId": "eu.amazon.nova-lite-v1:0"}
        client = session.client(service, config=Config(**config), **keywords)
        assert getattr(client, operation)(**params)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(handled) == 5


def test_a_bucket_named_in_the_host_is_found(local, handled):
    s3 = local.session().client("s3", config=Config(s3={"addressing_style": "virtual"}))
    s3.create_bucket(Bucket="by-host")
    s3.put_object(Bucket="by-host", Key="a/b c", Body=b"hello")
    assert s3.get_object(Bucket="by-host", Key="a/b c")["Body"].read() == b"hello"
    assert set(handled) <= {"by-host.s3.amazonaws.com", "s3.amazonaws.com"}


def test_the_one_attached_last_answers_and_clients_made_before_stay_as_they_are(local):
    session = local.session()
    before = session.client("sts").get_caller_identity
    other = LocalBedrock(account="111122223333", region="us-east-1")
    other.attach(session)
    assert session.client("sts").get_caller_identity()["Account"] == "111122223333"
    assert before()["Account"] == "123456789012"


def test_a_stream_in_process_comes_part_by_part_and_can_be_left(local):
    reply = local.session().client("bedrock-runtime").converse_stream(
        modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": "one two three"}]}]
    )  # fmt: skip
    stream = iter(reply["stream"])
    assert list(next(stream)) == ["messageStart"]
    reply["stream"].close()
    assert inspect.isgenerator(stream) or list(stream) == []


def test_an_api_key_reaches_bedrock_and_not_the_knowledge_bases(local, monkeypatch):
    iam = local.session().client("iam")
    iam.create_user(UserName="keyed")
    allowed = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"%s","Resource":"*"}]}'
    iam.put_user_policy(UserName="keyed", PolicyName="all", PolicyDocument=allowed % "bedrock:*")
    made = iam.create_service_specific_credential(UserName="keyed", ServiceName="bedrock.amazonaws.com")
    key = made["ServiceSpecificCredential"]
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key["ServiceCredentialSecret"])

    def bearer(service: str, region: str = "us-east-1") -> Any:
        import boto3

        session = boto3.Session(region_name=region)
        local.attach(session)
        once = Config(retries={"total_max_attempts": 1}, signature_version="bearer")
        return session.client(service, config=once)

    def refusal(call: Any, **params: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            call(**params)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    hello = {"modelId": "eu.amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert bearer("bedrock-runtime", "eu-central-1").converse(**hello)["stopReason"] == "end_turn"
    assert bearer("bedrock").list_foundation_models()["modelSummaries"]
    asked = {decided.action for decided in local.decisions}
    assert {"bedrock:CallWithBearerToken", "bedrock:InvokeModel"} <= asked
    code, message = refusal(bearer("bedrock-agent").list_knowledge_bases)
    assert (code, "does not accept" in message) == ("AccessDeniedException", True)

    iam.put_user_policy(UserName="keyed", PolicyName="all", PolicyDocument=allowed % "bedrock:List*")
    code, message = refusal(bearer("bedrock").list_foundation_models)
    assert (code, "bedrock:CallWithBearerToken" in message) == ("AccessDeniedException", True)

    identifier = {"UserName": "keyed", "ServiceSpecificCredentialId": key["ServiceSpecificCredentialId"]}
    iam.update_service_specific_credential(**identifier, Status="Inactive")
    assert "make sure your API Key is valid" in refusal(bearer("bedrock").list_foundation_models)[1]
    (listed,) = iam.list_service_specific_credentials(UserName="keyed")["ServiceSpecificCredentials"]
    assert (listed["Status"], "ServiceCredentialSecret" in listed) == ("Inactive", False)
    iam.delete_service_specific_credential(**identifier)
    assert iam.list_service_specific_credentials(UserName="keyed")["ServiceSpecificCredentials"] == []


def test_a_hundred_paced_streams_at_once_do_not_wait_for_each_other(local):
    """On a loop's own threads, a handful of streams would hold all others back; every one must have begun."""
    pytest.importorskip("aiobotocore", reason="aiobotocore is an extra")
    from aiobotocore.session import get_session

    hello = {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "one two"}]}]}

    async def run() -> list[int]:
        session = get_session()
        local.attach(session)
        async with session.create_client("bedrock-runtime", region_name="us-east-1", **keys(local)) as client:

            async def events() -> int:
                reply = await client.converse_stream(**hello)
                return len([event async for event in reply["stream"]])

            return await asyncio.gather(*(events() for _ in range(100)))

    assert asyncio.run(run()) == [8] * 100
