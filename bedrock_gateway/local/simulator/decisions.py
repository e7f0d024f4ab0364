"""One action on one resource over the policies of a simulation, and what AWS says of the decision beside it.

The decision is the evaluator's, as everywhere here. What it cannot judge is ``PolicyEvaluation``, not an allowed or a denied.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate, matching
from bedrock_gateway.local.simulator.texts import keys_of, position, spans, variables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.local.simulator.sources import Source

__all__ = ["ALLOWED", "EXPLICIT", "IMPLICIT", "Decided", "Simulation"]

Layer = Literal["identity", "boundary", "resource"]
ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"
_TYPE = "IAM Policy"
"""What AWS answers as ``SourcePolicyType``; its model lists other values, none of which was ever seen."""
_EVERYTHING = Policy((Statement("Allow", actions=("*",), resources=("*",)),))


@dataclass(frozen=True, slots=True)
class Decided:
    """What a simulation says of one action on one resource."""

    decision: str
    matched: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...]
    by_boundary: bool | None
    """Whether the permissions boundary allows; None: there is none."""
    by_organization: bool | None
    """Whether the service control policies allow; None: there are none."""
    details: Mapping[str, str]
    """Kind of policy → what it decides, across accounts only."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that the requests of one simulation share."""

    identity: Sequence[Source]
    boundary: Sequence[Source] | None = None
    resource: Source | None = None
    organization: Sequence[Sequence[Source]] | None = None
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    caller: PrincipalRef | None = None
    owner: str | None = None
    """Account that owns resources whose ARN names none."""

    def decide(self, action: str, resource: str) -> Decided:
        """Decide one action on one resource.

        Raises:
            UndecidableError: AWS does not document what a statement means that the decision hangs on.
        """
        asked = AccessRequest(action, resource, self.context, self.caller, self._account_of(resource))
        decision = evaluate(asked, self._layers())
        word = ALLOWED if decision.allowed else EXPLICIT if decision.explicit_deny else IMPLICIT
        return Decided(
            word,
            tuple(self._matched(asked, word)),
            tuple(self._missing(asked)),
            self._alone(asked, self.boundary),
            self._by_organization(asked),
            self._details(asked),
        )

    def _layers(self) -> Layers:
        return Layers(
            _documents(self.identity),
            self.resource.policy if self.resource else None,
            None if self.boundary is None else _documents(self.boundary),
            scp=None if self.organization is None else [_documents(level) for level in self.organization],
        )

    def _account_of(self, resource: str) -> str | None:
        """AWS looks at whose the resource is only beside a resource-based policy; other policies cannot hold it."""
        if self.resource is None:
            return None
        parts = resource.split(":", 5)
        named = parts[4] if len(parts) > 5 else ""  # noqa: PLR2004 - the six parts of an ARN
        return named or self.owner

    def _alone(self, asked: AccessRequest, sources: Sequence[Source] | None) -> bool | None:
        if sources is None:
            return None
        return evaluate(_of_identity(asked), Layers(_documents(sources))).allowed

    def _by_organization(self, asked: AccessRequest) -> bool | None:
        if self.organization is None:
            return None
        levels = [_documents(level) for level in self.organization]
        return evaluate(_of_identity(asked), Layers((_EVERYTHING,), scp=levels)).allowed

    def _details(self, asked: AccessRequest) -> Mapping[str, str]:
        account = self.caller.account if self.caller else None
        if self.resource is None or asked.resource_account in {None, account}:
            return {}
        alone = evaluate(_of_identity(asked), Layers(_documents(self.identity)))
        by_resource = evaluate(replace(asked, resource_account=None), Layers((), self.resource.policy))
        words = {"IAM Policy": alone, "Resource Policy": by_resource}
        return {
            name: ALLOWED if one.allowed else EXPLICIT if one.explicit_deny else IMPLICIT for name, one in words.items()
        }

    def _named(self) -> Iterator[tuple[Source, Layer]]:
        """Every policy whose statements AWS names in its answer, with its layer."""
        yield from ((source, "identity") for source in self.identity)
        yield from ((source, "boundary") for source in self.boundary or ())
        if self.resource is not None:
            yield self.resource, "resource"

    def _matched(self, asked: AccessRequest, word: str) -> Iterator[Mapping[str, Any]]:
        """Return the statements that make the decision: the denying ones, or else the allowing ones outside of the boundary."""
        if word == IMPLICIT:
            return
        effect = "Deny" if word == EXPLICIT else "Allow"
        for source, layer in self._named():
            if layer == "boundary" and effect == "Allow":
                continue
            for number, statement in enumerate(source.policy.statements):
                if matching(replace(source.policy, statements=(statement,)), asked, effect, layer=layer):
                    yield _shown(source, number)

    def _missing(self, asked: AccessRequest) -> Iterator[str]:
        known = {name.casefold() for name in self.context}
        seen: set[str] = set()
        for source, layer in self._named():
            for statement in source.policy.statements:
                if not _concerns(source.policy, statement, asked, layer):
                    continue
                for key in keys_of(statement):
                    if key.casefold() not in known | seen:
                        seen.add(key.casefold())
                        yield key


def _documents(sources: Sequence[Source]) -> tuple[Policy, ...]:
    return tuple(source.policy for source in sources)


def _of_identity(asked: AccessRequest) -> AccessRequest:
    return replace(asked, resource_account=None, principal=None)


def _concerns(policy: Policy, statement: Statement, asked: AccessRequest, layer: Layer) -> bool:
    """Whether *statement* is about this action on this resource, whatever its conditions say."""
    bare = replace(statement, conditions=())
    if variables_of(*statement.resources, *statement.not_resources):
        bare = replace(bare, resources=("*",), not_resources=())
    return matching(replace(policy, statements=(bare,)), asked, statement.effect, layer=layer) is not None


def _shown(source: Source, number: int) -> Mapping[str, Any]:
    start, end = spans(source.text)[number]
    return {
        "SourcePolicyId": source.name,
        "SourcePolicyType": _TYPE,
        "StartPosition": position(source.text, start),
        "EndPosition": position(source.text, end),
    }
