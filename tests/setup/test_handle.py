"""`gateway.knowledge_base(NAME)`: a knowledge base planned, made, filled, asked and removed, by both drivers."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from typing import Any

import pytest

from bedrock_gateway import AsyncGateway, ConfigError, Gateway, GatewayConfig
from bedrock_gateway.documents import Document
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import handle

from .conftest import QUICK

MODEL = "amazon.nova-lite-v1:0"


async def got(result: Any) -> Any:
    """What a call of either gateway returns."""
    return await result if inspect.isawaitable(result) else result


async def every(found: Any) -> list[Any]:
    return [one async for one in found] if hasattr(found, "__aiter__") else list(found)


async def read(stream: Any) -> Any:
    if hasattr(stream, "__aenter__"):
        async with stream as entered:
            return await entered.result()
    with stream as entered:
        return entered.result()


def opened(account: Any, driver: str, principal: str, who: str | None = None, config: Any = None) -> Any:
    """A gateway of *principal* with the credentials of *who*; None: those of the account's administrator."""
    session = account.world.become(who) if who else account.world.admin
    frozen = session.get_credentials().get_frozen_credentials()
    given: dict[str, Any] = {"principal": principal, "observers": []}
    if driver == "sync":
        return Gateway(config or account.config, session=session, **given)
    pytest.importorskip("aiobotocore", reason="no async library in this environment")
    from aiobotocore.session import get_session

    made = get_session()
    made.set_credentials(frozen.access_key, frozen.secret_key, frozen.token)
    return AsyncGateway(config or account.config, session=made, **given)


def wider(config: Any, identifier: str) -> GatewayConfig:
    """The configuration once AWS has assigned the id, with principals that ask and that give documents."""
    values = {name: getattr(config, name) for name in type(config).model_fields}
    base = config.knowledge_bases["handbook"]
    known = {name: getattr(base, name) for name in type(base).model_fields} | {"id": identifier, "tenant_key": "team"}
    principals = {
        "asker": {
            "capabilities": ["retrieve", "rag", "rag-stream"],
            "models": [MODEL],
            "knowledge_bases": ["handbook"],
        },
        "giver": {"capabilities": ["kb-documents-direct", "kb-read"]},
    }
    return GatewayConfig(**(values | {"principals": principals, "knowledge_bases": {"handbook": known}}))


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_planned_made_filled_given_to_asked_and_removed(account, driver):
    async def body():
        operator = opened(account, driver, "operator", "operator")
        handbook = operator.knowledge_base("handbook", folder=account.folder)
        plan = handbook.plan(create_role=True)
        assert plan.resources[0].kind == "role"
        created = await got(handbook.create(create_role=True, patience=QUICK))
        assert account.inventory() == account.planned()
        assert (await got(handbook.resume(patience=QUICK))).id == created.id
        status = await got(handbook.status())
        assert (status.id, status.status) == (created.id, "ACTIVE")
        [job] = await got(handbook.ingest(patience=QUICK))
        assert job.status == "COMPLETE"

        config = wider(account.config, created.id)
        await directly(account, driver, config, created.id)
        await got(handbook.delete(patience=QUICK))
        assert account.inventory() == Counter()
        await got(operator.close())

    asyncio.run(body())


async def directly(account: Any, driver: str, config: GatewayConfig, identifier: str) -> None:
    """Give documents of two tenants to a custom data source, ask for one of them, and take them away."""
    agent = account.root("bedrock-agent")
    made = agent.create_data_source(
        knowledgeBaseId=identifier, name="mine", dataSourceConfiguration={"type": "CUSTOM"}
    )["dataSource"]
    source = {"data_source_id": made["dataSourceId"]}
    giver, asker = (opened(account, driver, name, config=config) for name in ("giver", "asker"))
    giving, asking = giver.knowledge_base("handbook"), asker.knowledge_base("handbook")
    texts = {"red": "The red team has 31 days of holiday.", "blue": "The blue team has 27 days of holiday."}
    documents = [Document(team, text=text, metadata={"team": team}) for team, text in texts.items()]
    unreadable = Document("film", data=b"x", media_type="video/mp4", metadata={"team": "red"})
    given = await got(giving.ingest_documents([*documents, unreadable], interval_seconds=0.02, **source))
    assert [(one.id, one.status) for one in given.documents] == [
        ("red", "INDEXED"),
        ("blue", "INDEXED"),
        ("film", "FAILED"),
    ]
    assert given.failed[0].reason
    assert {one.id for one in (await got(giving.list_documents(**source))).documents} == {"red", "blue", "film"}

    question = "How many days of holiday has the team?"
    found = await every(asking.retrieve_all(question, tenant="red"))
    assert [one.text for one in found] == [texts["red"]]
    assert (await got(asking.retrieve(question, tenant="red", results=1))).passages[0].uri == "red"
    answer = await got(asking.ask(question, tenant="blue"))
    streamed = await read(asking.ask_stream(question, tenant="blue"))
    assert answer.text == texts["blue"]
    assert (streamed.text, streamed.citations, streamed.grounded) == (answer.text, answer.citations, True)
    assert answer.citations[0].sources[0].uri == "blue"
    assert answer.session.tenant == "blue"

    gone = await got(giving.delete_documents(["red", "blue"], interval_seconds=0.02, **source))
    assert [one.status for one in gone.documents] == ["NOT_FOUND"] * 2
    assert [one.status for one in (await got(giving.get_documents(["red"], **source))).documents] == ["NOT_FOUND"]
    assert (await got(asking.retrieve(question, tenant="red"))).empty
    agent.delete_data_source(knowledgeBaseId=identifier, dataSourceId=made["dataSourceId"])
    for one in (giver, asker):
        await got(one.close())


def test_a_handle_keeps_its_manifest_where_gateway_toml_is(account):
    path = account.folder / "gateway.toml"
    with Gateway.from_file(path, principal="operator") as gateway:
        assert gateway.folder == account.folder
        assert gateway.with_options().knowledge_base("handbook").folder == account.folder
        assert gateway.knowledge_base("handbook", folder="elsewhere").folder == "elsewhere"
    with Gateway(account.config, principal="operator") as gateway:
        assert gateway.knowledge_base("handbook").plan(create_role=True).resources
        with pytest.raises(ConfigError, match="where is the manifest kept"):
            gateway.knowledge_base("handbook").status()
        with pytest.raises(ConfigError, match="no knowledge base 'handbok'"):
            gateway.knowledge_base("handbok")


def test_both_handles_have_every_function_of_set_up_and_the_same_arguments():
    sync, other = handle.KnowledgeBaseHandle, handle.AsyncKnowledgeBaseHandle
    methods = {name: one for name, one in vars(sync).items() if not name.startswith("_")}
    assert methods.keys() == {name for name in vars(other) if not name.startswith("_")}
    functions = {name for name in knowledge.__all__ if name.islower()} - {"failed_documents"}
    assert functions <= methods.keys() | {"plan"}
    for name, one in methods.items():
        assert inspect.signature(one).parameters.keys() == inspect.signature(getattr(other, name)).parameters.keys()
        assert inspect.getdoc(one).replace("`Gateway.", "`AsyncGateway.") == inspect.getdoc(getattr(other, name))


@pytest.mark.parametrize("method", ["retrieve", "retrieve_and_generate", "ingest_documents"])
def test_a_handle_types_the_options_that_the_gateway_has(method):
    options = {
        "retrieve": handle.SearchOptions,
        "retrieve_and_generate": handle.AskOptions,
        "ingest_documents": handle.DocumentOptions,
    }[method]
    named = {
        "self",
        "document",
        "query",
        "question",
        "name",
        "documents",
        "knowledge_base",
        "knowledge_base_id",
        "data_source_id",
    }
    taken = set(inspect.signature(getattr(Gateway, method)).parameters) - named - {"members", "next_token"}
    assert taken == {one for one in options.__annotations__ if one.islower()}
