"""The line that the default observer writes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, fields
from typing import get_args

import orjson
import pytest
import structlog

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.events import CallEnded, CheckEnded, Event, IngestionPolled, StructlogObserver


class Bound:
    """What an application may have bound, and JSON has no word for."""

    def __repr__(self) -> str:
        return "<bound>"


class Told:
    """Something that tells structlog how to show it."""

    def __structlog__(self) -> str:
        return "told"


KINDS = {"str": "text", "int": 7, "float": 0.25, "bool": True}


def events() -> list[Event]:
    """Return every event, once with all of its fields and once with None wherever it may be."""

    def value(kind: str, full: bool) -> object:
        if not full and "None" in kind:
            return None
        return next((found for name, found in KINDS.items() if name in kind), "ok")

    every = [
        kind(**{one.name: value(str(one.type), full) for one in fields(kind)})
        for kind in get_args(Event)
        for full in (True, False)
    ]
    return [*every, *(CallEnded("Converse", outcome) for outcome in ("ok", "denied", "failed", "abandoned"))]


def line_of(capsys: pytest.CaptureFixture[str], event: Event) -> str:
    StructlogObserver("debug")(event)
    return capsys.readouterr().err


def by_structlog(event: Event, level: str, timestamp: str) -> bytes:
    """Return the line that structlog's own processors make of *event*."""
    line: dict[str, object] = {name: value for name, value in asdict(event).items() if value is not None}
    line["event"] = event.name
    line = structlog.contextvars.merge_contextvars(None, level, line)
    line = structlog.processors.add_log_level(None, level, line)
    line["timestamp"] = timestamp
    return structlog.processors.JSONRenderer(serializer=orjson.dumps)(None, level, line)


@pytest.mark.parametrize("event", events(), ids=lambda one: f"{one.name} {getattr(one, 'outcome', '')}")
@pytest.mark.parametrize(
    "bound", [{}, {"trace": "1-5e", "level": "theirs", "operation": "theirs", "who": Bound(), "what": Told()}]
)
def test_the_line_is_the_one_that_structlog_would_write(capsys, event, bound):
    with structlog.contextvars.bound_contextvars(**bound):
        written = line_of(capsys, event)
        found = json.loads(written)
        assert written.encode() == by_structlog(event, found["level"], found["timestamp"]) + b"\n"


def test_the_timestamp_is_that_of_structlog(capsys):
    stamper = structlog.processors.TimeStamper(fmt="iso", utc=True)
    before = stamper(None, "", {})["timestamp"]
    found = json.loads(line_of(capsys, CheckEnded("LOG-01", "pass")))["timestamp"]
    assert before[:-1] <= found[:-1] <= stamper(None, "", {})["timestamp"][:-1]
    assert found.endswith("Z")


def test_events_below_the_level_are_not_written(capsys):
    polled = IngestionPolled("J", "KB", "COMPLETE")
    StructlogObserver()(polled)
    assert capsys.readouterr().err == ""
    StructlogObserver("debug")(polled)
    assert capsys.readouterr().err


def test_a_level_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ConfigError, match="verbose"):
        StructlogObserver("verbose")


def test_structlog_is_imported_by_the_application_or_not_at_all():
    code = (
        "import sys; from bedrock_gateway.events import CallEnded, StructlogObserver;"
        "StructlogObserver()(CallEnded('Converse', 'ok')); print('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert json.loads(done.stderr)["event"] == "gateway.call_ended"
