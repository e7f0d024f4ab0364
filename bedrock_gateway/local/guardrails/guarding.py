"""The guardrails of one call: the one it names and the one its account enforces, and what they make of its texts.

All of them look at everything that goes in and comes out; one that blocks ends the matter, and what one masks the next
sees masked. Source: Bedrock User Guide, guardrails-enforcements (the union applies). In which order they act, and what
is done with only the input masked, is not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.guardrails.assessment import Assessment, assess
from bedrock_gateway.local.guardrails.content import looks_at_images
from bedrock_gateway.local.guardrails.findings import INPUT, OUTPUT, Piece
from bedrock_gateway.local.guardrails.store import Guardrails, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.guardrails.store import Edition, Guardrail

__all__ = ["ABSENT", "Guard", "Guarding", "guard_of", "guarding"]

ABSENT = "The guardrail identifier or version provided in the request does not exist."
"""Not verified against AWS."""
_COMPREHENSIVE = "COMPREHENSIVE"


@dataclass(frozen=True, slots=True)
class Guard:
    """One guardrail, in the version that guards a call."""

    guardrail: Guardrail
    version: str
    edition: Edition
    origins: tuple[str, ...] = ("REQUEST",)
    """``REQUEST`` and ``ACCOUNT_ENFORCED``."""
    selective: Mapping[str, str] | None = None
    """Of an enforced one: what it looks at of ``system`` and of ``messages``; None: what the request selects."""

    @property
    def applied(self) -> dict[str, Any]:
        """``appliedGuardrailDetails``."""
        return {
            "guardrailId": self.guardrail.id,
            "guardrailVersion": self.version,
            "guardrailArn": self.guardrail.arn,
            "guardrailOrigin": list(self.origins),
            "guardrailOwnership": "SELF",
        }

    def everything(self, place: str) -> bool:
        """Whether it looks at all of *place* (``system`` or ``messages``), whatever the request selects."""
        return self.selective is not None and self.selective[place] == _COMPREHENSIVE

    def assess(self, pieces: Sequence[Piece], side: str) -> Assessment:
        """Look at *pieces*."""
        return assess(self.edition.policies, pieces, side)


def guard_of(call: Call, identifier: str, version: str | None) -> Guard | None:
    """Return the guard that a request names, or None where there is none of that id or version.

    Raises:
        Fault: ``ValidationException``: no version is named, or the guardrail is not ready.
    """
    if not version:
        raise invalid("A guardrail version is required where a guardrail identifier is given.")
    found = call.state.of(Guardrails).find(identifier, call.region)
    edition = found.editions.get(version) if found else None
    if found is None or edition is None:
        return None
    if version == "DRAFT" and found.status != "READY":
        raise invalid(f"The guardrail {found.id} is {found.status}, not READY.")
    return Guard(found, version, edition)


@dataclass(slots=True)
class Guarding:
    """The guards of one call, and what they have said so far."""

    guards: tuple[Guard, ...]
    full: bool = False
    """Whether the trace also tells what was not found."""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    reason: str | None = None
    intervened: bool = False
    """Whether anything was blocked, or masked in the output."""
    blocked: bool = False
    model_output: list[str] = field(default_factory=list)
    """What the model said before a guardrail changed it."""

    def __bool__(self) -> bool:
        return bool(self.guards)

    def looks_at_images(self) -> bool:
        """Whether a guard would look at images, which nothing here can."""
        return any(looks_at_images(one.edition.policies.get("contentPolicy", {"filters": ()}), INPUT) for one in self.guards)  # fmt: skip

    def blocks_input(self, select: Callable[[Guard], Sequence[Piece]], keep: Callable[[Guard, Sequence[str]], None]) -> str | None:  # fmt: skip
        """Let every guard look at what *select* gives it, and *keep* the texts as it masked them.

        Returns:
            What is answered instead of the model; None where the call may go on.
        """
        for guard in self.guards:
            pieces = select(guard)
            if not pieces:
                continue
            made = guard.assess(pieces, INPUT)
            self.inputs[guard.guardrail.id] = made.shown(full=self.full, applied=guard.applied)
            self._note(made)
            if made.action == "BLOCKED":
                self.intervened = self.blocked = True
                return guard.edition.blocked_input
            if made.action == "ANONYMIZED":
                keep(guard, made.texts)
        return None

    def output(self, text: str, context: Sequence[Piece] = ()) -> str:
        """Return what is said in place of *text*; *context* is what an answer is held against."""
        said = text
        for guard in self.guards:
            made = guard.assess([Piece(said, prompt=False), *context], OUTPUT)
            shown = made.shown(full=self.full, applied=guard.applied)
            self.outputs.setdefault(guard.guardrail.id, []).append(shown)
            self._note(made)
            if made.action == "NONE":
                continue
            self.intervened, self.model_output = True, [text]
            said = guard.edition.blocked_output if made.action == "BLOCKED" else made.texts[0]
            if made.action == "BLOCKED":
                self.blocked = True
                break
        return said

    def _note(self, made: Assessment) -> None:
        if self.reason is None or made.action == "BLOCKED" or self.reason == "No action.":
            self.reason = made.reason

    def trace(self) -> dict[str, Any]:
        """Return Converse's ``trace``."""
        told: dict[str, Any] = {"modelOutput": self.model_output} if self.model_output else {}
        told |= {"inputAssessment": self.inputs} if self.inputs else {}
        told |= {"outputAssessments": self.outputs} if self.outputs else {}
        return {"guardrail": {**told, **({"actionReason": self.reason} if self.reason else {})}}

    def body_trace(self) -> dict[str, Any]:
        """Return what InvokeModel's bodies carry as ``amazon-bedrock-trace``."""
        told: dict[str, Any] = {"input": self.inputs} if self.inputs else {}
        outputs = [{name: one} for name, every in self.outputs.items() for one in every]
        told |= {"outputs": outputs} if outputs else {}
        told |= {"modelOutput": self.model_output} if self.model_output else {}
        return {"guardrail": {**told, **({"actionReason": self.reason} if self.reason else {})}}


def guarding(call: Call, model_id: str, named: tuple[str, str | None] | None, *, full: bool = False) -> Guarding:
    """Return the guards of a call of *model_id* that names the guardrail *named* (identifier and version).

    Raises:
        Fault: ``ValidationException``: there is no such guardrail or version, or it cannot be applied.
    """
    guards: list[Guard] = []
    if named is not None:
        found = guard_of(call, *named)
        if found is None:
            raise invalid(ABSENT)
        guards.append(found)
    enforced = call.state.of(Guardrails).enforced.get(call.region)
    if enforced is not None and enforced.covers(model_id):
        more = guard_of(call, enforced.arn, enforced.version)
        if more is None:
            raise Fault("ResourceNotFoundException", "The enforced guardrail does not exist.", 404)
        same = [one for one in guards if (one.guardrail, one.version) == (more.guardrail, more.version)]
        origins = (*(same[0].origins if same else ()), "ACCOUNT_ENFORCED")
        guards = [one for one in guards if one not in same]
        guards.append(replace(more, origins=origins, selective=enforced.selective))
    return Guarding(tuple(guards), full)
