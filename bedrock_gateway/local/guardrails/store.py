"""The guardrails of one account: each a DRAFT and numbered versions; and which of them the account enforces."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.demands.facts import AccountFacts
from bedrock_gateway.local.demands.facts import Guardrail as Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call, State

__all__ = ["DRAFT", "Edition", "EnforcedGuardrail", "Guardrail", "Guardrails", "guardrail", "invalid", "new_id", "now"]

DRAFT = "DRAFT"
_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 12


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id in AWS's form: twelve small letters and digits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))


def invalid(message: str) -> Fault:
    """Return a ``ValidationException``."""
    return Fault("ValidationException", message)


@dataclass(frozen=True, slots=True)
class Edition:
    """What a guardrail says in one version."""

    name: str
    description: str | None
    blocked_input: str
    """What is answered instead, where the input is blocked."""
    blocked_output: str
    policies: Mapping[str, Any]
    """As GetGuardrail shows them: ``topicPolicy``, ``contentPolicy`` and so on, without those that it does not have."""
    profile: str | None = None
    """Id of the guardrail profile (``us.guardrail.v1:0``) where it runs across Regions."""
    key_arn: str | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Guardrail:
    """One guardrail; a test may set its *status* and what goes with it."""

    id: str
    arn: str
    region: str
    editions: dict[str, Edition]
    """``DRAFT`` and the numbers of versions, oldest first."""
    tags: dict[str, str] = field(default_factory=dict)
    last_version: int = 0
    status: str = "READY"
    """AWS's word. Only one that is READY is applied."""
    status_reasons: list[str] = field(default_factory=list)
    failure_recommendations: list[str] = field(default_factory=list)
    looks_until_ready: int = 0
    """How many times GetGuardrail and ListGuardrails still show the status before it becomes READY."""

    @property
    def draft(self) -> Edition:
        """The edition that UpdateGuardrail changes."""
        return self.editions[DRAFT]

    def looked_at(self) -> str:
        """Return the status to show, and count the look."""
        shown = self.status
        if self.looks_until_ready > 0:
            self.looks_until_ready -= 1
            if not self.looks_until_ready:
                self.status = "READY"
        return shown

    def become(self, status: str, looks: int) -> None:
        """Be in *status* for as many *looks*, then READY; with none, READY at once."""
        self.looks_until_ready = looks
        self.status = status if looks else "READY"


@dataclass(frozen=True, slots=True)
class EnforcedGuardrail:
    """What PutEnforcedGuardrailConfiguration said, for one Region."""

    config_id: str
    arn: str
    version: str
    selective: Mapping[str, str]
    """``system`` and ``messages``: SELECTIVE where only what is tagged is looked at, else COMPREHENSIVE."""
    models: Mapping[str, Any] | None
    """``includedModels`` and ``excludedModels``; None: every model."""
    created_by: str
    updated_by: str
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def id(self) -> str:
        """The guardrail's id."""
        return self.arn.rpartition("/")[2]

    def covers(self, model_id: str) -> bool:
        """Whether calls of this foundation model are guarded."""
        if self.models is None:
            return True
        included = self.models["includedModels"]
        return ("ALL" in included or model_id in included) and model_id not in self.models["excludedModels"]


class Guardrails:
    """All guardrails of one account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.by_arn: dict[str, Guardrail] = {}
        self.enforced: dict[str, EnforcedGuardrail] = {}
        """Region → what its account enforces there; AWS takes one."""
        self.tokens: dict[tuple[str, ...], tuple[Mapping[str, Any], str]] = {}
        """(operation, Region, client token) → (parameters, what was made)."""
        self.looks_until_ready = 0
        """How many looks a guardrail stays CREATING or UPDATING: none, unless a test wants to see a client wait."""

    def find(self, identifier: str, region: str) -> Guardrail | None:
        """Return the guardrail with this id or ARN in *region*."""
        with self.lock:
            for one in self.by_arn.values():
                if one.region == region and identifier in {one.id, one.arn}:
                    return one
        return None

    def in_region(self, region: str) -> list[Guardrail]:
        """Return the guardrails of *region*, oldest first."""
        with self.lock:
            return [one for one in self.by_arn.values() if one.region == region]

    def add(self, state: State, made: Guardrail) -> None:
        """Keep *made*, and let the judge know it: what a call demands depends on its profile and key."""
        with self.lock:
            self.by_arn[made.arn] = made
            self.note(state, made)

    def note(self, state: State, made: Guardrail) -> None:
        """Let the judge know what calling with *made* depends on now."""
        geography = made.draft.profile.partition(".")[0] if made.draft.profile else None
        state.of(AccountFacts).guardrails[made.arn] = Known(geography, made.draft.key_arn)

    def remove(self, state: State, arn: str) -> None:
        """Forget a guardrail."""
        with self.lock:
            self.by_arn.pop(arn, None)
            state.of(AccountFacts).guardrails.pop(arn, None)

    def enforce(self, state: State, region: str, wanted: EnforcedGuardrail | None) -> None:
        """Enforce *wanted* in *region* in place of what the account enforced there before; None: nothing any more.

        What somebody told the judge that an organisation enforces stays.
        """
        with self.lock:
            facts, before = state.of(AccountFacts), self.enforced.pop(region, None)
            others = [arn for arn in facts.enforced.get(region, ()) if before is None or arn != before.arn]
            if wanted is not None:
                self.enforced[region] = wanted
                others.append(wanted.arn)
            facts.enforced[region] = tuple(dict.fromkeys(others))


def guardrail(call: Call, identifier: str | None = None) -> Guardrail:
    """Return the guardrail that *call* names, or *identifier*, by id or ARN.

    Raises:
        Fault: ``ResourceNotFoundException``; the text is not verified against AWS.
    """
    wanted = identifier or call.params["guardrailIdentifier"]
    found = call.state.of(Guardrails).find(wanted, call.region)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The guardrail {wanted} was not found.", 404)
    return found


def renewed(edition: Edition, **changed: Any) -> Edition:
    """Return *edition* with what is *changed*, updated now."""
    return replace(edition, updated_at=now(), **changed)
