"""Faults of an account by name: whatever the preflight looks for can be made wrong in the local Bedrock.

A fault is made by the calls that would make it on AWS, where there are such calls; only what AWS or the network decides
is a switch of the server. A fault stays: the account is thrown away, or its `reset` brings back an empty one.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from bedrock_gateway.local.faults import buckets, endpoints, knowledge, logs, models, principals, rights, upkeep
from bedrock_gateway.local.faults.hand import AccountFault, Hand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.instance import LocalBedrock

__all__ = ["FAULTS", "AccountFault", "make_fault"]

FAULTS: Mapping[str, AccountFault] = {
    **logs.FAULTS,
    **buckets.FAULTS,
    **models.FAULTS,
    **knowledge.FAULTS,
    **principals.FAULTS,
    **rights.FAULTS,
    **upkeep.FAULTS,
    **endpoints.FAULTS,
}
"""Every fault by its name."""


def make_fault(local: LocalBedrock, name: str, region: str, details: Mapping[str, str]) -> None:
    """Make one fault of the account of *local*.

    Raises:
        ValueError: there is no fault of that name, or it is not said what it is to be about.
        ClientError: what it would break is not there.
    """
    fault = FAULTS.get(name)
    if fault is None:
        near = get_close_matches(name, FAULTS, n=1, cutoff=0.4)
        raise ValueError(f"there is no fault {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    fault.make(Hand(local, region, details))
