"""Faults of what came to the catalogue later, by the same rules as in `test_checks`: one change each, and all it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bedrock_gateway.preflight.state import Creation, State

from .stepped import ACCOUNT, REGION

STATE = State("/srv/helpdesk", filesystem="ext4")


def unfinished(account: str = ACCOUNT, region: str = REGION) -> dict[str, Any]:
    return {"state": replace(STATE, unfinished=(Creation("handbook", account, region),))}


def state(**changes: Any) -> dict[str, Any]:
    return {"state": replace(STATE, **changes)}


HOSTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a folder that cannot be written", state(writable=False), {"ENV-08": "fail"}),
    ("a full disk", state(free_bytes=(100 << 20) - 1), {"ENV-08": "fail"}),
    ("a disk with enough left", state(free_bytes=100 << 20), {}),
    ("a file system without locks", state(lockable=False), {"ENV-08": "fail"}),
    ("a full disk of a network file system", state(free_bytes=0, filesystem="nfs4"), {"ENV-08": "fail"}),
    ("a network file system", state(filesystem="nfs4"), {"ENV-08": "warn"}),
    ("a file system in memory", state(filesystem="tmpfs"), {"ENV-08": "warn"}),
    ("a file system nobody knows", state(filesystem=None), {}),
    ("a configuration from no file", {"state": None}, {"ENV-08": "not_applicable", "KB-10": "not_applicable"}),
    ("clients built before the fork", {"forked": True}, {"ENV-09": "warn"}),
    ("clients built in uWSGI's master", {"server": "uwsgi", "before_fork": True}, {"ENV-09": "warn"}),
    ("a worker of gunicorn", {"server": "gunicorn"}, {}),
    ("a knowledge base half made", unfinished(), {"KB-10": "warn"}),
    ("a knowledge base half made in another account", unfinished(account="123456789012"), {}),
    ("a knowledge base half made in another Region", unfinished(region="us-west-2"), {}),
    ("a manifest that cannot be read", state(unreadable=("handbook.json",)), {"KB-10": "unknown"}),
]  # fmt: skip
"""Of the host of whoever sets up: a principal that writes manifests."""

CALLERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a folder that cannot be written, of who only calls models", state(writable=False), {}),
    ("a file system in memory, of who only calls models", state(filesystem="tmpfs"), {}),
]  # fmt: skip
"""Of the host of who keeps nothing on it."""
