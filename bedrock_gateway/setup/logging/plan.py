"""What is to be done, from what is declared and what is there. Pure: it can be printed, exported and tested by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import NotOursError
from bedrock_gateway.governance.versions import lacking
from bedrock_gateway.setup.logging.changes import Changes
from bedrock_gateway.setup.logging.reading import Found
from bedrock_gateway.setup.resource import LOGGING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bedrock_gateway.setup.logging.declared import Declared
    from bedrock_gateway.setup.resource import Change, Resource

__all__ = ["LoggingPlan", "make_plan"]


PUT = "PutModelInvocationLoggingConfiguration"


@dataclass(frozen=True, slots=True)
class LoggingPlan:
    """Every change, in the order in which they are made; nothing was changed yet."""

    account: str
    region: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    """What is to be known of it; one sentence each."""
    unsupported: tuple[str, ...] = ()
    """Members of the logging configuration that is to be put which the installed botocore would leave out, as dotted paths."""

    @property
    def refused(self) -> tuple[Change, ...]:
        """What would take something from somebody else; while there is one, nothing is done."""
        return tuple(one for one in self.changes if one.action == "refuse")

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is to be made or changed."""
        return tuple(one for one in self.changes if one.action in {"create", "update"})

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything as it is to be, for `export`."""
        return tuple(one.resource for one in self.changes)

    def without_members(self, unknown: Sequence[str]) -> LoggingPlan:
        """Return the plan with its logging configuration refused, as botocore would leave *unknown* out of it."""
        said = "; ".join(lacking(PUT, one).message for one in unknown)
        changes = (
            replace(one, action="refuse", why=f"it would be put without what AWS has there: {said}")
            if one.resource.kind == LOGGING
            else one
            for one in self.changes
        )
        return replace(self, changes=tuple(changes), unsupported=tuple(unknown))

    def raise_for_refusal(self) -> None:
        """Raise where something is refused.

        Raises:
            UnsupportedByBotocoreError: botocore would leave a part of the logging configuration out.
            NotOursError: it would take something from somebody else. Nothing was changed either way.
        """
        for one in self.unsupported:
            raise lacking(PUT, one)
        if self.refused:
            said = "; ".join(f"{one.resource.name}: {one.why}" for one in self.refused)
            first = self.refused[0].resource
            raise NotOursError(f"{said}; nothing was changed", kind=first.kind, name=first.name)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "account": self.account,
            "region": self.region,
            "changes": [one.to_dict() for one in self.changes],
            "notes": list(self.notes),
            "unsupported": list(self.unsupported),
        }


def make_plan(
    declared: Declared,
    found: Found | None,
    known: frozenset[str],
    *,
    ours: Collection[tuple[str, ...]] = (),
    replace: bool = False,
    boundary: bool = False,
) -> LoggingPlan:
    """Return what is to be done.

    Args:
        declared: What the configuration wants.
        found: What is there; None: nothing, as in an empty account.
        known: The members of ``loggingConfig`` that the installed botocore can send.
        ours: Places of the logging configuration that set-up led where they lead.
        replace: Whether to take over what somebody else uses.
        boundary: Whether to make the permissions boundary too, which takes an administrator.
    """
    changes = Changes(declared, found or Found(), known, ours, replace, boundary)
    place = str(declared.config.account), declared.config.region
    return LoggingPlan(*place, tuple(changes.all()), tuple(changes.notes()))
