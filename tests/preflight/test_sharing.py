"""What the processes of a host take from each other's preflights, and what each looks at for itself. Stepped by hand."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from bedrock_gateway.errors import ThrottledError
from bedrock_gateway.preflight import run
from bedrock_gateway.preflight.catalogue import rows
from bedrock_gateway.preflight.passes import Passes
from bedrock_gateway.preflight.sharing import Sharing, may_be_shared

from .stepped import (
    ACCOUNT,
    FACTS,
    LOGGING,
    answer,
    config,
    denied,
    golden,
    logging,
    looks,
    status,
    who,
)

OWN = {"GetCallerIdentity", "GetModelInvocationLoggingConfiguration"}
NOW = 1_764_147_000.0
OFF = {"GetModelInvocationLoggingConfiguration": {}}


class Host:
    """Processes of one host, one after the other."""

    def __init__(self, home: Any) -> None:
        self.home, self.now, self.events = home, NOW, []

    def run(self, replies: Any = None, *, principal="auditor", takes=True, level="deep", declared=None, facts=None):
        """One process's preflight: (its report, what it asked)."""
        passes = Passes(clock=lambda: self.now, environment={"XDG_RUNTIME_DIR": str(self.home)})
        sharing = Sharing(passes, level, time.monotonic(), takes=takes)
        there = golden() | (replies or {})
        flow = run(
            declared or config(),
            principal,
            level,
            facts or FACTS,
            looks=looks(there),
            sharing=sharing,
            emit=self.events.append,
        )
        sent: list[Any] = []
        together = next(flow)
        try:
            while True:
                finish(together.work, there, sent)
                together = next(flow)
        except StopIteration as stop:
            return stop.value, {one.operation for one in sent}

    @property
    def ignored(self) -> list[str]:
        return [one.reason for one in self.events if one.name == "preflight.passes_ignored"]


def finish(work: Any, replies: dict[str, Any], sent: list[Any]) -> None:
    open_: list[Any] = []
    while not work.finished:
        open_ += work.ready()
        key, command = open_.pop()
        if hasattr(command, "entry"):
            work.tell(key, command.entry())
        else:
            sent.append(command)
            work.tell(key, answer(replies, command))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def judged(report):
    return {one.id: one.status for one in report.results}


def test_the_second_process_asks_who_it_is_and_whether_logging_is_on_and_nothing_else(host):
    first, asked = host.run()
    assert asked > OWN
    host.now += 60
    second, asked = host.run()
    # What is not applicable is no pass: what tells so is asked again, if anything was.
    none = {one.id for one in first.results if one.status == "not_applicable"}
    needed = {name.partition(":")[2] for row in rows("deep") if row.id in none for name in row.operations}
    assert OWN <= asked <= OWN | needed
    assert judged(second) == judged(first)
    shared = [one for one in second.results if "in a process of this host" in one.summary]
    assert {one.id for one in shared} == {
        row.id for row in rows("deep") if may_be_shared(row) and judged(first)[row.id] == "pass"
    }
    assert all("60 s ago" in one.summary and not one.calls for one in shared)


def test_what_every_process_reads_itself_is_never_shared():
    alone = {row.id for row in rows("deep") if not may_be_shared(row)}
    assert {"LOG-01", "LOG-02", "ID-01", "ID-02", "ID-03"} <= alone
    assert not {"MOD-06", "KB-01", "GOV-01", "LOG-05", "LOG-10", "IAM-01"} & alone


def test_logging_that_was_switched_off_since_is_seen_by_everyone(host):
    host.run()
    report, asked = host.run(OFF)
    assert status(report, "LOG-01") == "fail"
    assert "DescribeLogGroups" in asked


def test_a_pass_never_speaks_of_a_destination_that_somebody_has_changed_since(host):
    host.run()
    other = LOGGING | {"cloudWatchConfig": LOGGING["cloudWatchConfig"] | {"logGroupName": "/another"}}
    report, asked = host.run(logging(**other))
    assert status(report, "LOG-05") == "fail"
    assert "DescribeLogGroups" in asked


SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/another-session"


def test_another_session_of_the_same_role_shares(host):
    host.run()
    assert "DescribeLogGroups" not in host.run(who(SESSION))[1]


def of_another_id() -> dict[str, Any]:
    made_again = {"UserId": "AROAEXAMPLEMADEAGAIN:session"}
    return {"GetCallerIdentity": who(SESSION)["GetCallerIdentity"] | made_again}


OTHERS: dict[str, dict[str, Any]] = {
    "role": {"replies": who(f"arn:aws:sts::{ACCOUNT}:assumed-role/other/session") | {"GetRole": denied("GetRole")}},
    "user": {"replies": who(f"arn:aws:iam::{ACCOUNT}:user/app")},
    "account": {"replies": who("arn:aws:sts::123456789012:assumed-role/app/session", "123456789012")},
    "partition": {"replies": who(f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/app/session")},
    "id of the role": {"replies": of_another_id()},
    "level": {"level": "standard"},
    "principal": {"principal": "operator"},
    "Region": {"declared": config(region="us-west-2")},
    "configuration": {"declared": config(application="another")},
    "endpoint": {"facts": replace(FACTS, endpoint_overrides={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_another_question_has_for_an_answer_is_not_taken(host, other):
    host.run()
    _, asked = host.run(**other)
    assert "DescribeLogGroups" in asked


@pytest.mark.parametrize("of", ["version of the package", "version of botocore"])
def test_what_another_version_found_is_not_taken(host, of, monkeypatch):
    from dataclasses import replace

    from bedrock_gateway.preflight import sharing

    host.run()
    if of == "version of the package":
        monkeypatch.setattr(sharing, "version", lambda _: "0.0.0")
    else:
        monkeypatch.setitem(globals(), "FACTS", replace(FACTS, versions={"botocore": "1.40.61"}))
    assert "DescribeLogGroups" in host.run()[1]


def test_what_failed_is_looked_at_by_each_and_seen_to_be_mended_at_once(host):
    broken = {"DescribeLogGroups": {"logGroups": []}}
    assert status(host.run(broken)[0], "LOG-05") == "fail"
    report, asked = host.run(broken)
    assert status(report, "LOG-05") == "fail"
    assert "DescribeLogGroups" in asked
    assert status(host.run()[0], "LOG-05") == "pass"


@pytest.mark.parametrize("lost", sorted(OWN))
def test_who_cannot_read_what_is_its_own_shares_nothing(host, lost):
    host.run()
    report, asked = host.run({lost: denied(lost)})
    assert not [one for one in report.results if "process of this host" in one.summary]
    assert lost in asked


def test_a_preflight_that_is_asked_for_looks_at_everything_and_tells_the_others(host):
    _, asked = host.run(takes=False)
    assert "DescribeLogGroups" in asked
    assert "DescribeLogGroups" in host.run(takes=False)[1]
    assert "DescribeLogGroups" not in host.run()[1]


def test_what_it_finds_broken_the_others_do_not_go_on_believing(host):
    host.run()
    assert status(host.run({"DescribeLogGroups": {"logGroups": []}}, takes=False)[0], "LOG-05") == "fail"
    assert "DescribeLogGroups" in host.run()[1]


def test_what_it_could_not_read_the_others_may_go_on_believing(host):
    slow = ThrottledError("slow", operation="x", code="ThrottlingException", status=429)
    host.run()
    host.run({"DescribeLogGroups": slow}, takes=False)
    assert "DescribeLogGroups" not in host.run()[1]


def test_a_pass_is_taken_for_ten_minutes_and_no_longer_however_often(host):
    host.run()
    for _ in range(3):
        host.now += 200
        assert "DescribeLogGroups" not in host.run()[1]
    host.now += 1
    assert "DescribeLogGroups" in host.run()[1]


def test_where_there_is_nothing_to_share_nothing_is_written(host, monkeypatch):
    from bedrock_gateway.preflight import sharing

    monkeypatch.setattr(sharing, "may_be_shared", lambda _row: False)
    host.run(level="minimal", principal="app")
    assert list(host.home.iterdir()) == []


def poisoned(host, change):
    host.run()
    [file] = (host.home / "bedrock-gateway").glob("*.json")
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda there: there | {"key": "0" * 64}, "another-key"),
        (lambda there: there | {"written": NOW + 3600}, "of-the-future"),
        (lambda there: there | {"passes": there["passes"] | {"LOG-01": NOW}}, "malformed"),
    ],
)
def test_a_poisoned_file_changes_no_result_and_is_an_event(host, change, reason):
    poisoned(host, change)
    broken = {"DescribeLogGroups": {"logGroups": []}}
    report, asked = host.run(broken)
    assert status(report, "LOG-05") == "fail"
    assert "DescribeLogGroups" in asked
    assert host.ignored == [reason]
    assert [one.name for one in host.events[-1:]] == ["preflight.ended"]
    host.run()
    assert host.ignored == [reason]  # what was not believed was replaced


def test_without_a_place_to_write_everything_is_looked_at_and_that_is_an_event(host):
    host.home = host.home / "missing"
    report, asked = host.run()
    assert report.ok
    assert "DescribeLogGroups" in asked
    assert host.ignored == ["no-directory"]


def test_what_is_written_names_no_account_role_or_destination(host):
    host.run()
    [file] = (host.home / "bedrock-gateway").glob("*.json")
    assert not [one for one in (ACCOUNT, "arn:", "app", "bedrock/", "example") if one in file.read_text() + file.name]
