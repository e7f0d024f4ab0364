"""An answer that does not fit what was asked for: the model is shown it, and why, in one more call.

Around whole calls: each is judged by the rules and reported as any other. Together they keep one total deadline and one
ceiling of requests, and a repair is paid from the retry budget of the model that is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from bedrock_gateway._commands import Flow, Send
from bedrock_gateway._structured import is_repairable
from bedrock_gateway.errors import GatewayError, OutputValidationError
from bedrock_gateway.events import RepairScheduled
from bedrock_gateway.results import ConverseResult, Usage

if TYPE_CHECKING:
    from bedrock_gateway._flow.attempts import Context

__all__ = ["Ask", "repaired"]

Ask = Callable[["Context", tuple[OutputValidationError, ...]], Flow[ConverseResult]]
"""Makes the call; the second argument is what came before and did not fit, none at first."""


def repaired(ask: Ask, ctx: Context, retries: int, target: Send) -> Flow[ConverseResult]:
    """Ask until the answer fits, at most *retries* times more; *target* says of what, for budget and event."""
    end = ctx.now() + ctx.timeouts.total
    left, cost = ctx, 0
    unfit: tuple[OutputValidationError, ...] = ()
    while True:
        try:
            result = yield from ask(left, unfit)
        except OutputValidationError as error:
            unfit = (*unfit, error)
        except GatewayError as error:
            if not unfit:
                raise
            # The repair has failed; what is wrong with the answer, which was paid for, is still the news.
            raise _last(unfit, f"the repair failed: {error.message}") from error
        else:
            if not unfit:
                return result
            ctx.protection.of(_asked(target, unfit)).earn(cost)
            return replace(result, rejected=tuple(one.partial for one in unfit if one.partial))
        left, cost = _permitted(unfit, ctx, end - ctx.now(), retries, target)
        ctx.emit(_scheduled(unfit, ctx, _asked(target, unfit)))


def _permitted(
    unfit: tuple[OutputValidationError, ...], ctx: Context, seconds: float, retries: int, target: Send
) -> tuple[Context, int]:
    """Return the context of the next call and what it cost; where there must be none, the answer's faults are raised."""
    newest = unfit[-1]
    requests = ctx.most_requests - sum(one.attempts for one in unfit)
    if len(unfit) > retries or not is_repairable(newest) or seconds <= 0 or requests <= 0:
        raise _last(unfit)
    cost = ctx.protection.of(_asked(target, unfit)).spend(newest)
    if cost is None:
        raise _last(unfit, "not repaired: the retry budget of this model is used up; successes earn it back")
    return replace(ctx, timeouts=replace(ctx.timeouts, total=seconds), most_requests=requests), cost


def _asked(target: Send, unfit: tuple[OutputValidationError, ...]) -> Send:
    """Return *target* with the model that answered last, which is asked again."""
    answer = unfit[-1].partial
    return replace(target, model_id=answer.model_id if answer else None)


def _last(unfit: tuple[OutputValidationError, ...], note: str | None = None) -> OutputValidationError:
    """Return the newest error, which tells of all of them."""
    *before, error = unfit
    error.rejected = tuple(one.partial for one in before if one.partial)
    error.usage = _sum([one.partial.usage for one in unfit if one.partial])
    error.attempts = sum(one.attempts for one in unfit)
    if note:
        error.add_note(note)
    return error


def _sum(usages: list[Usage | None]) -> Usage | None:
    """Return the usage of all answers; a number that AWS left out of one is not known of the whole."""
    known = [one for one in usages if one is not None]
    if len(known) != len(usages):
        return None

    def total(name: str) -> int | None:
        counts = [getattr(one, name) for one in known]
        return None if None in counts else sum(counts)

    return Usage(*(total(one.name) for one in fields(Usage)))


def _scheduled(unfit: tuple[OutputValidationError, ...], ctx: Context, asked: Send) -> RepairScheduled:
    error = unfit[-1]
    return RepairScheduled(
        operation=asked.operation,
        capability=asked.capability,
        principal=ctx.principal,
        model_id=asked.model_id,
        region=asked.region,
        repair=len(unfit),
        faults=len(error.faults),
        request_id=error.request_id,
        local=ctx.local,
    )
