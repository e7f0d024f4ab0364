"""What a Gateway does about principals, an AsyncGateway does: the same flow, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.setup import principals

from .conftest import QUICK

if TYPE_CHECKING:
    from .conftest import Account


def test_planned_made_repeated_and_taken_back(account: Account) -> None:
    session_of = pytest.importorskip("aiobotocore.session", reason="AsyncGateway needs an extra").get_session
    from bedrock_gateway import AsyncGateway

    given = account.become("maker").get_credentials().get_frozen_credentials()
    session = session_of()
    session.set_credentials(given.access_key, given.secret_key, given.token)
    before = account.picture()

    async def body() -> tuple[principals.PrincipalPlan, principals.Done, principals.Done, principals.Done]:
        async with AsyncGateway(account.config(), principal="maker", session=session, observers=[]) as gateway:
            plan = await principals.plan(gateway, "app")
            done = await principals.apply(gateway, "app", folder=account.folder, patience=QUICK)
            again = await principals.apply(gateway, "app", folder=account.folder, patience=QUICK)
            _, undone = await principals.undo(gateway, "app", folder=account.folder, patience=QUICK)
            return plan, done, again, undone

    plan, done, again, undone = asyncio.run(body())
    assert [one.operation for one in plan.steps] == [one.partition(" ")[0] for one in done.made]
    assert again.made == ()
    assert [one.partition(" ")[0] for one in undone.made] == ["DetachRolePolicy", "DeleteRole", "DeletePolicy"]
    assert account.picture() == before
