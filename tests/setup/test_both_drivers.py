"""Sync and async are one flow: what holds for a Gateway holds for an AsyncGateway."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bedrock_gateway import AsyncGateway, NotOursError
from bedrock_gateway.setup import knowledge

from .conftest import QUICK
from .test_saga import foreign_bucket

pytest.importorskip("aiobotocore", reason="AsyncGateway needs an extra")


def gateway(account, *observers):
    from aiobotocore.session import get_session

    frozen = account.world.become("operator").get_credentials().get_frozen_credentials()
    session = get_session()
    session.set_credentials(frozen.access_key, frozen.secret_key, frozen.token)
    return AsyncGateway(account.config, principal="operator", session=session, observers=observers)


def test_made_filled_looked_at_and_removed(account, tmp_path):
    (tmp_path / "equipment.md").write_text("# Equipment\n\nEverybody chooses a laptop.\n")
    given = {"folder": account.folder}

    async def body():
        async with gateway(account) as one:
            uploaded = await knowledge.upload(one, "handbook", documents_folder=tmp_path)
            created = await knowledge.create(one, "handbook", create_role=True, patience=QUICK, **given)
            assert account.inventory() == account.planned()
            again = await knowledge.resume(one, "handbook", patience=QUICK, **given)
            status = await knowledge.status(one, "handbook", **given)
            jobs = await knowledge.ingest(one, "handbook", patience=QUICK, **given)
            await knowledge.delete(one, "handbook", patience=QUICK, **given)
            return uploaded, created, again, status, jobs

    uploaded, created, again, status, jobs = asyncio.run(body())
    assert uploaded.keys == ("equipment.md",)
    assert created.jobs[0].documents_indexed == 2
    assert again.id == created.id == status.id
    assert (status.status, status.begun, status.sources[0].job) == ("ACTIVE", False, "COMPLETE")
    assert jobs[0].documents_scanned == 2
    assert account.inventory() == Counter()
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
    account.root("s3").delete_object(Bucket=bucket, Key="equipment.md")


def test_cancelled_in_the_middle_it_goes_on_later(account):
    """A task that is cancelled lets go of the manifest, which knows what was made."""
    tasks = []

    def cancel_at_the_index(event):
        if event.name == "setup.progressed" and event.step == "vector index":
            tasks.pop().cancel()

    async def body():
        async with gateway(account, cancel_at_the_index) as one:
            creation = knowledge.create(one, "handbook", folder=account.folder, create_role=True, patience=QUICK)
            begun = asyncio.ensure_future(creation)
            tasks.append(begun)
            with pytest.raises(asyncio.CancelledError):
                await begun
        assert "knowledge base handbook" not in account.inventory()
        async with gateway(account) as one:
            return await knowledge.resume(one, "handbook", folder=account.folder, patience=QUICK)

    asyncio.run(body())
    assert account.inventory() == account.planned()


def test_what_is_not_ours_is_not_touched_either(account):
    foreign_bucket(account)

    async def body():
        async with gateway(account) as one:
            await knowledge.create(one, "handbook", folder=account.folder, create_role=True)

    with pytest.raises(NotOursError):
        asyncio.run(body())
    assert len(account.inventory()) == 1
