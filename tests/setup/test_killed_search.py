"""SIGKILL to a real process that makes or removes a knowledge base on OpenSearch Serverless; a new process goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_killed_process import converges, killed, shell  # noqa: F401 - a fixture
from .test_opensearch import MAKING, REMOVING

if TYPE_CHECKING:
    from .conftest import Account


@pytest.fixture
def account(search_account: Account) -> Account:
    """The account whose knowledge base stands on OpenSearch Serverless."""
    return search_account


def every(chosen):
    """*chosen* by default, the rest with --full."""
    for operation in MAKING:
        for when in ("before", "after"):
            for then in ("resume", "delete"):
                case = (operation, when, then)
                yield case if case in chosen else pytest.param(*case, marks=pytest.mark.full)


@pytest.mark.parametrize(
    ("operation", "when", "then"),
    list(every({("CreateCollection", "after", "resume")})),
)
def test_a_creation_that_was_killed(account, shell, operation, when, then):  # noqa: F811
    killed(shell, "create", kill=(operation, when))
    converges(account, shell, then)


@pytest.mark.full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("then", ["resume", "delete"])
@pytest.mark.parametrize("operation", REMOVING)
def test_a_removal_that_was_killed(account, shell, operation, when, then):  # noqa: F811
    assert shell("create").returncode == 0
    killed(shell, "delete", kill=(operation, when))
    converges(account, shell, then)


@pytest.mark.full
@pytest.mark.parametrize("then", ["resume", "delete"])
@pytest.mark.parametrize("number", range(1, 25))
def test_a_write_of_the_manifest_that_was_killed(account, shell, number, then):  # noqa: F811
    done = shell("create", kill=("write", str(number)))
    assert done.returncode in {0, -9}, done.stderr
    if then == "delete" and not list(account.inventory()):
        then = "resume"  # there may be no manifest yet: nothing to remove
    converges(account, shell, then)
