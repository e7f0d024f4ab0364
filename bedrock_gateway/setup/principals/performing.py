"""Making the calls of a plan one after the other, and what of a refusal is waited for, or said in other words."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import (
    ConfigError,
    ConflictError,
    GatewayError,
    NotFoundError,
    NotOursError,
    ServiceError,
    SetupIncompleteError,
)
from bedrock_gateway.setup.asking import Asking, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.principals.desired import Wanted
    from bedrock_gateway.setup.principals.steps import Step

__all__ = ["MAKING", "Options", "asking_of", "no_boundary", "perform"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a principal is set up."""

    adopt: bool = False
    replace: bool = False
    strict: bool = False
    patience: Patience = field(default_factory=Patience)


def asking_of(gateway: Any, capability: str, options: Options) -> Asking:
    """Return how AWS is asked with one capability."""
    context = gateway._context  # noqa: SLF001 - one package
    return Asking(gateway.config, context, capability, options.patience)


def no_boundary(boundary: str) -> str:
    """Return the sentence about a boundary that nobody made."""
    return (
        f"the permissions boundary {boundary} does not exist: an administrator makes it once, from `bedrock-gateway policy"
        " principals-boundary`"
    )


def perform(
    gateway: Any, want: Wanted, todo: Iterable[Step], options: Options, path: Path, goes_on: str
) -> Flow[tuple[str, ...]]:
    """Make the calls of *todo*, in order, and return what was done.

    Raises:
        SetupIncompleteError: one was refused; the cause says why, and the same command goes on.
    """
    made: list[str] = []
    for step in todo:
        asking = asking_of(gateway, step.capability, options)
        started = gateway._context.now()  # noqa: SLF001 - one package
        try:
            yield from asking.insist(step.operation, step.resource, _passes(step), partial(_call, asking, step))
        except GatewayError as error:
            raise SetupIncompleteError(
                f"{step.operation} {step.resource}: {error.message} | what was done: {'; '.join(made) or 'nothing'} | "
                f"`bedrock-gateway setup principal {want.principal} {goes_on}` goes on",
                step=step.operation,
                exists=tuple(made),
                manifest=str(path),
            ) from error
        made.append(f"{step.operation} {step.resource}")
        asking.tell(step.operation, _PROGRESS.get(step.operation[:6], "updated"), step.resource, since=started)
    return tuple(made)


_PROGRESS = {"Create": "created", "Delete": "deleted"}


def _passes(step: Step) -> Callable[[ServiceError], bool]:
    """Whether AWS says what it says while something that was just made is not known everywhere yet.

    A boundary that is missing is not waited for: it is not ours to make. Source: IAM User Guide,
    troubleshoot (changes are not always immediately visible). Not verified against AWS.
    """

    def passes(error: ServiceError) -> bool:
        if step.operation.startswith(("Attach", "Add", "Tag", "UpdateAssume")) and error.code == "NoSuchEntity":
            return True
        unknown = error.code == "MalformedPolicyDocument" and "Invalid principal" in error.message
        return unknown and "Role" in step.operation

    return passes


MAKING = frozenset({"CreateRole", "CreateUser"})
"""What is made under a boundary."""


def _call(asking: Asking, step: Step) -> Flow[dict[str, Any]]:
    """Make one call. That a thing is there, or gone, after a lost answer is what was wanted."""
    try:
        return (yield from asking.ask("iam", step.operation, **step.params))
    except ConflictError as error:
        if error.attempts > 1 and step.operation.startswith("Create"):
            return {}
        if error.code != "EntityAlreadyExists":
            raise
        raise NotOursError(
            f"something of the name {step.resource} exists already, which is not under /bedrock-gateway/ or was made since: "
            "choose another `name`",
            kind=step.operation.removeprefix("Create"),
            name=step.resource,
        ) from error
    except NotFoundError as error:
        if step.operation.startswith(("Delete", "Detach", "Remove")):
            return {}
        if step.operation in MAKING and (boundary := step.params.get("PermissionsBoundary")):
            raise ConfigError(no_boundary(str(boundary))) from error
        raise
