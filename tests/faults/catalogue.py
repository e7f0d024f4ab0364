"""Faults that one call can meet: what the server does, and what the caller must be told. Data for tests and for the docs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway import errors

from . import wire
from .server import CLOSE, RESET, STALL, Pause, Trickle

if TYPE_CHECKING:
    from .server import Script

MOST_REQUESTS = 4
"""Requests of one call, whatever happens."""
MOST_WHILE_LOADING = 6
"""Requests of one call while the model is being loaded."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    row: str
    """Of the fault table."""
    title: str
    operation: str
    answers: tuple[Script, ...]
    """Scripts, a request each; the last one over and over."""
    error: type[errors.GatewayError] | None
    """What is raised; None: the call succeeds."""
    requests: int = 1
    """Requests that arrive."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Attributes of the error."""
    text: str | None = None
    """Of a stream: what had arrived of the text; None: nothing was shown."""
    cause: type[errors.GatewayError] | None = None
    usage: bool = False
    """Of a stream: whether usage had arrived."""
    slow: bool = False
    """Something stands still: short deadlines."""
    closes: bool = True
    """Whether no connection may be left open while the caller still holds the error. False: one may be in the pool."""

    @property
    def id(self) -> str:
        return f"{self.row} {self.title}, {self.operation}"


HTML = b"<html><head><title>502 Bad Gateway</title></head><body>proxy</body></html>"
HTML_TYPE = {"Content-Type": "text/html"}


def _declared(length: int, data: bytes) -> bytes:
    return wire.head(200, {"Content-Type": "application/json", "Content-Length": str(length)}) + data


def _failing() -> list[Fault]:
    """Answers that are errors."""
    found: list[Fault] = []
    for status, code in (
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (504, "GatewayTimeout"),
    ):
        always = ([wire.error(status, code)],)
        facts = {"status": status, "code": code, "retryable": True, "attempts": MOST_REQUESTS}
        found += [
            Fault(
                "F07",
                f"{status} for ever",
                operation,
                always,
                errors.UnavailableError,
                MOST_REQUESTS,
                facts,
                closes=False,
            )
            for operation in ("converse", "stream")
        ]
        once = (always[0], [wire.CONVERSE])
        found.append(Fault("F07", f"{status}, then an answer", "converse", once, None, 2, closes=False))
    html = ([wire.document(502, HTML, HTML_TYPE)],)
    found.append(
        Fault(
            "F07",
            "502 of a proxy, in HTML",
            "converse",
            html,
            errors.UnavailableError,
            MOST_REQUESTS,
            {"status": 502},
            closes=False,
        )
    )
    teapot = ([wire.document(403, HTML, HTML_TYPE)],)
    found.append(
        Fault(
            "F07",
            "403 of a proxy, in HTML",
            "converse",
            teapot,
            errors.AccessDeniedError,
            1,
            {"status": 403},
            closes=False,
        )
    )
    throttled = ([wire.error(429, "ThrottlingException")],)
    facts = {"status": 429, "retryable": True, "attempts": MOST_REQUESTS}
    found += [
        Fault("F03", "429 for ever", operation, throttled, errors.ThrottledError, MOST_REQUESTS, facts, closes=False)
        for operation in ("converse", "stream", "invoke")
    ]
    loading = [wire.error(429, "ModelNotReadyException")]
    found += [
        Fault(
            "F06",
            "the model is loaded for ever",
            "converse",
            (loading,),
            errors.ModelNotReadyError,
            MOST_WHILE_LOADING,
            closes=False,
        ),
        Fault(
            "F06", "the model is loaded in time", "converse", (*[loading] * 5, [wire.CONVERSE]), None, 6, closes=False
        ),
    ]
    found.append(
        Fault(
            "F08",
            "408",
            "converse",
            ([wire.error(408, "ModelTimeoutException")],),
            errors.ModelTimeoutError,
            1,
            {"status": 408, "retryable": False},
            closes=False,
        )
    )
    for original, count in ((400, 1), (429, MOST_REQUESTS), (503, MOST_REQUESTS)):
        failed = ([wire.error(424, "ModelErrorException", originalStatusCode=original)],)
        facts = {"status": 424, "original_status": original}
        found.append(
            Fault(
                "F08", f"424 of a {original}", "converse", failed, errors.ModelFailedError, count, facts, closes=False
            )
        )
    return found


def _lost() -> list[Fault]:
    """Connections that are lost, or say nothing."""
    found = []
    unknown = {"sent": None, "attempts": 1}
    for operation in ("converse", "stream", "invoke"):
        found += [
            Fault("F09", "reset before the head", operation, ([RESET],), errors.TransportError, 1, unknown),
            Fault("F09", "closed before the head", operation, ([CLOSE],), errors.TransportError, 1, unknown),
            Fault("F19", "no answer", operation, ([STALL],), errors.TransportError, 1, unknown, slow=True),
        ]
    half = f"HTTP/1.1 200 OK\r\nx-amzn-RequestId: {wire.REQUEST_ID}\r\nContent-Ty".encode()
    for operation in ("converse", "stream"):
        found += [
            Fault("F10", "closed in the head", operation, ([half, CLOSE],), errors.GatewayError),
            Fault("F10", "reset in the head", operation, ([half, RESET],), errors.GatewayError),
            Fault("F10", "closed in the status line", operation, ([b"HTTP/1.", CLOSE],), errors.GatewayError),
            Fault("F10", "stalled in the head", operation, ([half, STALL],), errors.GatewayError, slow=True),
            Fault(
                "F10",
                "no HTTP at all",
                operation,
                ([b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", CLOSE],),
                errors.GatewayError,
            ),
        ]
    return found


def _malformed() -> list[Fault]:
    """Answers with status 200 that are none."""
    whole = wire.CONVERSE.split(b"\r\n\r\n", 1)[1]
    bodies = {
        "short body": ([_declared(len(whole), whole[: len(whole) // 2]), CLOSE],),
        "short body, reset": ([_declared(len(whole), whole[: len(whole) // 2]), RESET],),
        "empty body": ([wire.document(200, b"")],),
        "HTML": ([wire.document(200, HTML, HTML_TYPE)],),
        "half of the JSON": ([wire.document(200, whole[: len(whole) // 2])],),
        "a list": ([wire.document(200, [])],),
        "null": ([wire.document(200, None)],),
        "an empty object": ([wire.document(200, {})],),
        "members of wrong types": ([wire.document(200, {"output": 7, "usage": "many", "stopReason": []})],),
        "not UTF-8": ([wire.document(200, b'{"output": "\xff\xfe"}')],),
        "a chunked body without its end": (
            [wire.head(200, {"Transfer-Encoding": "chunked"}) + wire.chunk(whole[:40]), CLOSE],
        ),
        "a chunk that is none": ([wire.head(200, {"Transfer-Encoding": "chunked"}) + b"zz\r\nabc\r\n", CLOSE],),
        "no length and a cut": ([wire.head(200) + whole[:40], CLOSE],),
    }
    facts = {"maybe_billed": True}
    # Where head and damage come in one piece, aiohttp shows no head: the connection was lost, as far as one can tell.
    vague = {"a chunk that is none"}
    return [
        Fault(
            "F20",
            title,
            operation,
            answers,
            errors.GatewayError if title in vague else errors.MalformedResponseError,
            1,
            {} if title in vague else facts,
            closes=False,
        )
        for title, answers in bodies.items()
        for operation in ("converse", "invoke")
        # InvokeModel's body is the vendor's: any JSON will do.
        if not (operation == "invoke" and title in {"a list", "null", "an empty object", "members of wrong types"})
    ]


def _stalled() -> list[Fault]:
    """Answers that stand still or trickle."""
    text = "".join(wire.TEXTS)
    whole = wire.stream(*wire.FRAMES[:4], end=b"")
    first = wire.STREAM_HEAD
    endless = Trickle(wire.chunk(wire.delta("x" * 4000)))
    return [
        Fault(
            "F17",
            "stall after three events",
            "stream",
            ([whole, STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "idle"},
            text,
            slow=True,
        ),
        Fault(
            "F17",
            "stall in the middle of a frame",
            "stream",
            ([whole + wire.chunk(wire.STOP[:9]), STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "idle"},
            text,
            slow=True,
        ),
        Fault(
            "F17",
            "stall before the first event",
            "stream",
            ([first, STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "idle"},
            None,
            slow=True,
        ),
        Fault(
            "F17",
            "stall in the middle of a body",
            "converse",
            ([wire.CONVERSE[:-30], STALL],),
            errors.GatewayError,
            1,
            slow=True,
        ),
        Fault(
            "F18",
            "a byte every 4 ms, after three events",
            "stream",
            ([whole, endless, STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "idle"},
            text,
            slow=True,
        ),
        Fault(
            "F18",
            "a byte every 4 ms, no event yet",
            "stream",
            ([first, endless, STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "idle"},
            None,
            slow=True,
        ),
        Fault(
            "F18",
            "a byte every 4 ms of a body",
            "converse",
            ([_declared(4000, b""), Trickle(b" " * 4000), STALL],),
            errors.GatewayError,
            1,
            closes=False,
            slow=True,
        ),
        Fault(
            "F18",
            "empty events for ever",
            "stream",
            ([whole, *[wire.chunk(wire.delta("")), Pause(0.01)] * 400, STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "deadline"},
            text,
            slow=True,
        ),
    ]


def _interrupted() -> list[Fault]:
    """Streams that end before their end."""
    cut = errors.StreamInterruptedError
    found = [
        Fault(
            "F11",
            "reset after the head",
            "stream",
            ([wire.STREAM_HEAD, RESET],),
            cut,
            1,
            {"reason": "transport", "may_resend": False},
        ),
        Fault("F11", "closed after the head", "stream", ([wire.STREAM_HEAD, CLOSE],), cut, 1),
        Fault("F11", "an empty stream", "stream", ([wire.stream()],), cut, 1, {"reason": "truncated"}, closes=False),
    ]
    for k in range(1, len(wire.FRAMES)):
        shown = "".join(wire.TEXTS[: max(0, k - 1)])
        for title, end, ending in (("reset", b"", [RESET]), ("closed", b"", [CLOSE]), ("ended properly", wire.END, [])):
            answers = ([wire.stream(*wire.FRAMES[:k], end=end), *ending],)
            if k >= wire.COMPLETE_AT:
                found.append(
                    Fault(
                        "F12",
                        f"{title} after {k} events, the terminal one among them",
                        "stream",
                        answers,
                        None,
                        text=shown,
                        closes=False,
                    )
                )
            else:
                found.append(
                    Fault(
                        "F12" if end == b"" else "F13",
                        f"{title} after {k} events",
                        "stream",
                        answers,
                        cut,
                        1,
                        {"may_resend": False},
                        shown,
                        closes=end == b"",
                    )
                )
    half = wire.FRAMES[3][: len(wire.FRAMES[3]) // 2]
    for title, end, ending in (("closed", b"", [CLOSE]), ("ended properly", wire.END, [])):
        answers = ([wire.stream(*wire.FRAMES[:3], half, end=end), *ending],)
        found.append(
            Fault(
                "F13", f"{title} in the middle of a frame", "stream", answers, cut, 1, {}, "one two ", closes=end == b""
            )
        )
    return found


MODELLED = {
    "internalServerException": errors.UnavailableError,
    "modelStreamErrorException": errors.ModelFailedError,
    "throttlingException": errors.ThrottledError,
    "validationException": errors.InvalidRequestError,
    "serviceUnavailableException": errors.UnavailableError,
    "modelTimeoutException": errors.ModelTimeoutError,
    "neverSeenException": errors.ServiceError,
}
PASSING = {"internalServerException", "throttlingException", "serviceUnavailableException"}


def _excepted() -> list[Fault]:
    """Streams in which AWS reports an error."""
    text = "".join(wire.TEXTS)
    found = []
    for code, kind in MODELLED.items():
        later = ([wire.stream(*wire.FRAMES[:4], wire.exception(code), end=b""), STALL],)
        found.append(
            Fault(
                "F14",
                f"{code} after three events",
                "stream",
                later,
                errors.StreamInterruptedError,
                1,
                {"reason": "service"},
                text,
                kind,
            )
        )
        first = ([wire.stream(wire.exception(code))],)
        count = MOST_REQUESTS if code in PASSING else 1
        found.append(
            Fault("F14", f"{code} as the first event", "stream", first, kind, count, {"status": None}, closes=False)
        )
    unmodelled = wire.unmodelled("InternalFailure")
    found += [
        Fault(
            "F14",
            "an error without a model, after three events",
            "stream",
            ([wire.stream(*wire.FRAMES[:4], unmodelled, end=b""), STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "service"},
            text,
            errors.UnavailableError,
        ),
        Fault(
            "F14",
            "an error without a model, as the first event",
            "stream",
            ([wire.stream(unmodelled)],),
            errors.UnavailableError,
            MOST_REQUESTS,
            {"code": "InternalFailure"},
            closes=False,
        ),
        Fault(
            "F14",
            "an exception whose payload is no JSON",
            "stream",
            (
                [
                    wire.stream(
                        *wire.FRAMES[:4],
                        wire.frame(b"<oops>", exception_type="throttlingException", message_type="exception"),
                        end=b"",
                    ),
                    STALL,
                ],
            ),
            errors.StreamInterruptedError,
            1,
            {"reason": "service"},
            text,
            errors.ThrottledError,
        ),
        Fault(
            "F14",
            "an exception after the terminal event",
            "stream",
            ([wire.stream(*wire.FRAMES[:6], wire.exception("internalServerException"), end=b""), STALL],),
            errors.StreamInterruptedError,
            1,
            {"reason": "service"},
            text,
            errors.UnavailableError,
        ),
    ]
    return found


def _damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]


def _corrupt() -> list[Fault]:
    """Streams whose bytes are damaged."""
    text = "".join(wire.TEXTS)
    good = wire.FRAMES[:4]
    bad = wire.delta("four")
    oversized = (25 * 1024 * 1024).to_bytes(4, "big") + (0).to_bytes(4, "big")
    variants = {
        "checksum of a message": _damaged(bad, len(bad) - 1),
        "a bit of a payload": _damaged(bad, len(bad) - 10),
        "checksum of a prelude": _damaged(bad, 9),
        "length of the headers": _damaged(bad, 7),
        "length of a frame": _damaged(bad, 2),
        "a frame of 25 MiB": oversized + wire.crc(oversized),
        "a frame of no length": (0).to_bytes(8, "big") + wire.crc((0).to_bytes(8, "big")),
        "an event that is no JSON": wire.event("contentBlockDelta", b"{"),
    }
    found = []
    for title, data in variants.items():
        answers = ([wire.stream(*good, data, end=b""), STALL],)
        found.append(
            Fault("F15", title, "stream", answers, errors.StreamInterruptedError, 1, {"reason": "corrupt"}, text)
        )
    alone = ([wire.stream(variants["checksum of a prelude"], end=b""), STALL],)
    found.append(
        Fault(
            "F15",
            "checksum of the first prelude",
            "stream",
            alone,
            errors.StreamInterruptedError,
            1,
            {"reason": "corrupt"},
        )
    )
    return found


def _tolerated() -> list[Fault]:
    """Streams that differ from what is documented, and are whole."""
    text = "".join(wire.TEXTS)
    unknown = wire.event("somethingNew", {"a": [1]})
    extra = wire.event("messageStop", {"stopReason": "end_turn", "somethingNew": {"a": 1}})
    answers = {
        "an unknown event": wire.stream(*wire.FRAMES[:2], unknown, *wire.FRAMES[2:]),
        "unknown members": wire.stream(*wire.FRAMES[:5], extra, wire.METADATA),
        "the terminal event twice": wire.stream(*wire.FRAMES[:6], wire.STOP, wire.METADATA),
        "no metadata": wire.stream(*wire.FRAMES[:6]),
        "metadata before the terminal event": wire.stream(*wire.FRAMES[:5], wire.METADATA, wire.STOP),
        "a byte a chunk": wire.STREAM_HEAD
        + b"".join(wire.chunk(bytes([one])) for one in b"".join(wire.FRAMES))
        + wire.END,
        "all frames in one chunk": wire.stream(b"".join(wire.FRAMES)),
        "headers twice": wire.stream(*wire.FRAMES).replace(
            b"\r\n\r\n", b"\r\nx-twice: 1\r\nX-Twice: 2\r\nContent-Type: text/plain\r\n\r\n", 1
        ),
        "no length, closed at the end": wire.head(200, {"Content-Type": "application/vnd.amazon.eventstream"})
        + b"".join(wire.FRAMES),
    }
    return [
        Fault("F16", title, "stream", ([data, CLOSE],), None, 1, text=text, closes=False)
        for title, data in answers.items()
    ]


FAULTS: tuple[Fault, ...] = tuple(
    fault
    for make in (_failing, _lost, _malformed, _stalled, _interrupted, _excepted, _corrupt, _tolerated)
    for fault in make()
)

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "schemaVersion": "messages-v1"}
ENCODED = json.dumps(BODY)
