"""Metrics as CloudWatch tells them: to the last page, and with what it could not read.

Source: CloudWatch API Reference, MetricDataResult: ``PartialData`` means that the next page has more, ``InternalError`` and
``Forbidden`` that the values are not those there are. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from bedrock_gateway.preflight.flow import Asking, Probe

__all__ = ["Series", "read_metrics"]

Series = dict[str, list[tuple[Any, float]]]
"""Id of a query → (moment, value)."""


def read_metrics(probe: Probe, asked: Mapping[str, Any]) -> Generator[Asking, Any, tuple[Series, str | None]]:
    """Return every value of every query of *asked*, and what is wrong with them; None: they are all there are.

    Raises:
        GatewayError: a page could not be read.
    """
    found: Series = {}
    codes: dict[str, str] = {}
    params = dict(asked)
    while True:
        reply = yield from probe.read("cloudwatch", "GetMetricData", **params)
        for one in reply["MetricDataResults"]:
            values = zip(one.get("Timestamps") or [], one.get("Values") or [], strict=False)
            found.setdefault(one["Id"], []).extend(values)
            codes[one["Id"]] = str(one.get("StatusCode") or "Complete")
        if not reply.get("NextToken"):
            break
        params["NextToken"] = reply["NextToken"]
    wrong = sorted(set(codes.values()) - {"Complete"})
    return found, f"CloudWatch did not tell all metrics ({', '.join(wrong)})" if wrong else None
