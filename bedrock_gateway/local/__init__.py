"""The local Bedrock: a stand-in for AWS on this machine, with IAM enforced.

It is never chosen by itself: a client reaches it by an endpoint URL, or by a session that was attached to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.local.enforcement import Decided
    from bedrock_gateway.local.instance import ROOT_ACCESS_KEY, ROOT_SECRET_KEY, LocalBedrock

__all__ = ["ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "Decided", "LocalBedrock"]

_WHERE = {
    "Decided": "enforcement",
    "LocalBedrock": "instance",
    "ROOT_ACCESS_KEY": "instance",
    "ROOT_SECRET_KEY": "instance",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
