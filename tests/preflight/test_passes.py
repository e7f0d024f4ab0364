"""The file in which the processes of a host tell each other what passed: what is believed, and everything that is not."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway.preflight.passes import MOST_BYTES, MOST_SECONDS, Passes

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = "a" * 64, "b" * 64
KNOWN = frozenset({"LOG-05", "LOG-06", "MOD-01"})
NOW = 1_764_147_000.0
AT_ONCE, PATIENCE_SECONDS = 0.0, 30.0


class Host:
    """A directory of a user, and a clock."""

    def __init__(self, home: Path) -> None:
        self.home, self.now = home, NOW
        self.folder = home / "bedrock-gateway"
        self.file, self.lock = self.folder / f"{KEY}.json", self.folder / f"{KEY}.lock"

    def passes(self, **environment: str) -> Passes:
        return Passes(clock=lambda: self.now, environment=environment or {"XDG_RUNTIME_DIR": str(self.home)})

    def take(self, key: str = KEY, until: float = AT_ONCE, passes: Passes | None = None) -> dict[str, Any]:
        one = passes or self.passes()
        try:
            return one.take(key, KNOWN, until)
        finally:
            if passes is None:
                one.release()

    def give(self, **ages: float) -> str | None:
        return self.passes().give(KEY, KNOWN, {name.replace("_", "-"): age for name, age in ages.items()})

    def put(self, data: bytes, mode: int = 0o600) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.file.write_bytes(data)
        self.file.chmod(mode)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def whole(**changes: Any) -> dict[str, Any]:
    return {"format": 1, "key": KEY, "written": NOW, "passes": {"LOG-05": NOW - 10}} | changes


def test_what_one_process_gives_another_takes_until_it_is_ten_minutes_old(host):
    assert host.take() == {"passes": {}, "ignored": None}
    assert host.give(LOG_05=0, MOD_01=300) is None
    assert host.take()["passes"] == {"LOG-05": 0, "MOD-01": 300}
    assert host.take(OTHER)["passes"] == {}
    host.now += MOST_SECONDS - 300
    assert host.take()["passes"] == {"LOG-05": 300, "MOD-01": 600}
    host.now += 1
    assert host.take()["passes"] == {"LOG-05": 301}
    host.now += 300
    assert host.take() == {"passes": {}, "ignored": None}


def test_a_pass_that_was_taken_grows_no_younger_by_being_given_on(host):
    host.give(LOG_05=0)
    host.now += 400
    taken = host.take()["passes"]
    host.passes().give(KEY, KNOWN, taken)
    assert host.take()["passes"] == {"LOG-05": 400}


def test_what_no_longer_passes_is_taken_back_and_what_was_not_looked_at_stays(host):
    host.give(LOG_05=0, LOG_06=0)
    host.passes().give(KEY, KNOWN, {"MOD-01": 0}, frozenset({"LOG-06"}))
    assert host.take()["passes"].keys() == {"LOG-05", "MOD-01"}


def test_file_and_directory_are_for_their_owner_alone_and_say_nothing(host):
    host.give(LOG_05=0)
    assert stat.S_IMODE(host.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in host.folder.iterdir()} == {0o600}
    assert json.loads(host.file.read_text()).keys() == {"format", "key", "written", "passes"}
    assert [one.name for one in host.folder.iterdir() if one.suffix == ".tmp"] == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_umask_changes_nothing(host, umask):
    before = os.umask(umask)
    try:
        host.give(LOG_05=0)
    finally:
        os.umask(before)
    assert host.take()["passes"] == {"LOG-05": 0}


def linked(host):
    elsewhere = host.home / "elsewhere"
    elsewhere.write_text(json.dumps(whole()))
    elsewhere.chmod(0o600)
    host.folder.mkdir(mode=0o700)
    host.file.symlink_to(elsewhere)


def hard_linked(host):
    host.put(json.dumps(whole()).encode())
    os.link(host.file, host.home / "another name")


def a_pipe(host):
    host.folder.mkdir(mode=0o700)
    os.mkfifo(host.file, 0o600)


def a_socket(host):
    host.folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(host.file))


def a_directory(host):
    host.file.mkdir(mode=0o700, parents=True)
    host.folder.chmod(0o700)


def a_linked_directory(host):
    (host.home / "elsewhere").mkdir(mode=0o700)
    host.folder.symlink_to(host.home / "elsewhere")


def an_open_directory(host):
    host.put(json.dumps(whole()).encode())
    host.folder.chmod(0o755)


def a_file_instead(host):
    host.folder.write_text("")


def text(data: Any, mode: int = 0o600) -> Any:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return lambda host: host.put(raw, mode)


POISONED = {
    "a symbolic link": (linked, "no-plain-file"),
    "a second name": (hard_linked, "no-plain-file"),
    "a pipe": (a_pipe, "no-plain-file"),
    "a socket": (a_socket, "no-plain-file"),
    "a directory": (a_directory, "no-plain-file"),
    "a linked directory": (a_linked_directory, "no-directory"),
    "a directory that others may enter": (an_open_directory, "directory-open-to-others"),
    "a file instead of the directory": (a_file_instead, "no-directory"),
    "a file that others may read": (text(whole(), 0o644), "file-open-to-others"),
    "a file that others may write": (text(whole(), 0o620), "file-open-to-others"),
    "huge": (text(json.dumps(whole()).encode() + b" " * MOST_BYTES), "too-large"),
    "empty": (text(b""), "no-json"),
    "truncated": (text(json.dumps(whole()).encode()[:-1]), "no-json"),
    "more behind it": (text(json.dumps(whole()).encode() + b"{}"), "no-json"),
    "nested": (text(b"[" * 50_000), "no-json"),
    "no text": (text(b"\xff\x00"), "no-json"),
    "not a number": (text(json.dumps(whole(written=float("nan"))).encode()), "no-json"),
    "infinite": (text(json.dumps(whole(passes={"LOG-05": float("-inf")})).encode()), "no-json"),
    "beyond all numbers": (text(b'{"format":1,"key":"%s","written":-1e999,"passes":{}}' % KEY.encode()), "malformed"),
    "a member twice": (text(b'{"format":1,"format":1,"key":"x","written":1,"passes":{}}'), "no-json"),
    "another format": (text(whole(format=2)), "another-format"),
    "true for 1": (text(whole(format=True)), "another-format"),
    "another key": (text(whole(key=OTHER)), "another-key"),
    "no key": (text({"format": 1, "written": NOW, "passes": {}}), "malformed"),
    "one member more": (text(whole(more=1)), "malformed"),
    "a list": (text([whole()]), "malformed"),
    "passes as a list": (text(whole(passes=["LOG-05"])), "malformed"),
    "a time as text": (text(whole(passes={"LOG-05": str(NOW)})), "malformed"),
    "true for a time": (text(whole(written=True)), "malformed"),
    "no time": (text(whole(passes={"LOG-05": None})), "malformed"),
    "what is never shared": (text(whole(passes={"LOG-01": NOW})), "malformed"),
    "a pass of the future": (text(whole(passes={"LOG-05": NOW + 1})), "of-the-future"),
    "written in the future": (text(whole(written=NOW + 1)), "of-the-future"),
}


@pytest.mark.parametrize(("poison", "reason"), POISONED.values(), ids=POISONED)
def test_what_is_not_wholly_ours_is_ignored_with_a_reason(host, poison, reason, monkeypatch):
    monkeypatch.chdir(host.home)
    poison(host)
    assert host.take() == {"passes": {}, "ignored": reason}


@pytest.mark.parametrize(("poison", "reason"), POISONED.values(), ids=POISONED)
def test_what_is_not_believed_is_replaced_where_that_can_be_done(host, poison, reason, monkeypatch):
    monkeypatch.chdir(host.home)
    poison(host)
    elsewhere = host.home / "elsewhere"
    before = elsewhere.read_bytes() if elsewhere.is_file() else None
    if host.give(LOG_06=0) is None:
        assert host.take()["passes"] == {"LOG-06": 0}
        assert not host.file.is_symlink()
    else:
        assert reason in {"no-directory", "directory-open-to-others", "no-plain-file"}
    assert (elsewhere.read_bytes() if elsewhere.is_file() else None) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(("which", "reason"), [("file", "file-of-another"), ("folder", "directory-of-another")])
def test_what_belongs_to_another_is_ignored(host, which, reason):
    host.put(json.dumps(whole()).encode())
    os.chown(getattr(host, which), 12345, 12345)
    assert host.take() == {"passes": {}, "ignored": reason}


def test_the_owner_is_compared_with_who_this_process_is(host, monkeypatch):
    host.put(json.dumps(whole()).encode())
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert host.take() == {"passes": {}, "ignored": "directory-of-another"}


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": ""},
        {"HOME": "relative"},
        {"HOME": "/nonexistent/home"},
        {"HOME": "/proc"},
        {"XDG_RUNTIME_DIR": "/nonexistent"},
        {"HOME": "a\x00b"},
    ],
    ids=str,
)
def test_without_a_place_to_write_nothing_is_shared(host, environment):
    passes = host.passes(**environment)
    assert passes.take(KEY, KNOWN, AT_ONCE) == {"passes": {}, "ignored": "no-directory"}
    assert passes.give(KEY, KNOWN, {"LOG-05": 0}) == "no-directory"


def test_without_a_runtime_directory_it_is_below_the_home_directory(host):
    passes = host.passes(HOME=str(host.home), XDG_RUNTIME_DIR="")
    assert passes.give(KEY, KNOWN, {"LOG-05": 0}) is None
    assert (host.home / ".cache" / "bedrock-gateway" / f"{KEY}.json").exists()


def test_a_lock_that_is_no_file_of_ours_is_ignored(host):
    host.folder.mkdir(mode=0o700)
    os.mkfifo(host.lock, 0o600)
    assert host.take() == {"passes": {}, "ignored": "no-plain-file"}


def test_who_comes_second_waits_for_the_first_and_takes_what_it_found(host):
    first, second, found = host.passes(), host.passes(), []
    assert first.take(KEY, KNOWN, AT_ONCE)["passes"] == {}
    waiting = threading.Thread(
        target=lambda: found.append(second.take(KEY, KNOWN, time.monotonic() + PATIENCE_SECONDS))
    )
    waiting.start()
    first.give(KEY, KNOWN, {"LOG-05": 0})
    waiting.join(PATIENCE_SECONDS)
    assert found == [{"passes": {"LOG-05": 0}, "ignored": None}]
    third = host.passes()
    assert third.take(KEY, KNOWN, AT_ONCE)["passes"] == {"LOG-05": 0}


def test_a_run_in_which_nothing_passed_lets_the_others_go_on_at_once(host):
    first = host.passes()
    first.take(KEY, KNOWN, AT_ONCE)
    first.give(KEY, KNOWN, {})
    second, third = host.passes(), host.passes()
    assert second.take(KEY, KNOWN, AT_ONCE)["passes"] == {}
    began = time.monotonic()
    assert third.take(KEY, KNOWN, time.monotonic() + PATIENCE_SECONDS)["passes"] == {}
    assert time.monotonic() - began < PATIENCE_SECONDS / 3


def test_who_holds_the_lock_for_too_long_is_not_waited_for(host):
    first, second = host.passes(), host.passes()
    first.take(KEY, KNOWN, AT_ONCE)
    assert second.take(KEY, KNOWN, time.monotonic() + 0.1) == {"passes": {}, "ignored": None}
    second.give(KEY, KNOWN, {"LOG-05": 0})
    assert host.take()["passes"] == {"LOG-05": 0}
    first.release()


def test_many_that_write_and_read_at_once_never_see_half_a_file(host):
    names = sorted(KNOWN)
    seen: list[dict[str, Any]] = []

    def work(at: int) -> None:
        for turn in range(40):
            if (at + turn) % 2:
                host.passes().give(KEY, KNOWN, {names[(at + turn) % 3]: 1.0})
            else:
                seen.append(host.take())

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE_SECONDS)
    assert {one["ignored"] for one in seen} == {None}
    assert all(one["passes"].keys() <= KNOWN for one in seen)
    assert host.take()["passes"]
    # Whoever finds a file takes no lock; what is half written is called otherwise, and gone.
    assert {".json"} <= {one.suffix for one in host.folder.iterdir()} <= {".json", ".lock"}


HOLDER = """
import os, sys
from bedrock_gateway.preflight.passes import Passes
held = Passes()
held.take(sys.argv[1], frozenset(), 0.0)
print("held", flush=True)
sys.stdin.read()
os._exit(1)
"""


def test_a_process_that_died_with_the_lock_blocks_nobody(host):
    environment = os.environ | {"XDG_RUNTIME_DIR": str(host.home)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        refused = host.passes()
        assert refused.take(KEY, KNOWN, AT_ONCE)["passes"] == {}
        assert refused._lock is None
        holder.kill()
        holder.wait(PATIENCE_SECONDS)
        after = host.passes()
        after.take(KEY, KNOWN, AT_ONCE)
        assert after._lock is not None
        after.release()


def test_the_child_of_a_fork_does_not_keep_its_parents_lock(host):
    held = host.passes()
    held.take(KEY, KNOWN, AT_ONCE)
    out, into = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        os.close(into)
        os.read(out, 1)  # as long as the parent is there
        os._exit(0)
    os.close(out)
    try:
        held.release()
        after = host.passes()
        after.take(KEY, KNOWN, AT_ONCE)
        assert after._lock is not None
        after.release()
    finally:
        os.close(into)
        os.waitpid(child, 0)


def test_who_was_let_go_while_waiting_takes_no_lock(host):
    first, second = host.passes(), host.passes()
    first.take(KEY, KNOWN, AT_ONCE)
    waiting = threading.Thread(target=lambda: second.take(KEY, KNOWN, time.monotonic() + PATIENCE_SECONDS))
    waiting.start()
    second.release()
    waiting.join(PATIENCE_SECONDS)
    first.release()
    assert second._lock is None


def test_files_of_yesterday_are_removed_and_only_ours(host):
    host.give(LOG_05=0)
    old, foreign = host.folder / f"{OTHER}.json", host.folder / "notes.txt"
    for one in (old, foreign):
        one.write_text("")
        os.utime(one, (NOW - 100_000, NOW - 100_000))
    os.utime(host.file, (NOW, NOW))
    host.give(LOG_05=0)
    assert not old.exists()
    assert foreign.exists()
    assert host.file.exists()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([KEY, NOW, NOW - 5, "LOG-05"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["format", "key", "written", "passes", "LOG-05", "LOG-01"]) | st.text(), inner
        )
    ),
    max_leaves=12,
)
FILES = st.binary(max_size=200) | st.one_of(
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["format", "key", "written", "passes"]), JSON).map(
        lambda changes: json.dumps(whole(**changes)).encode()
    ),
    st.integers(0, 90).map(lambda at: json.dumps(whole()).encode()[:at]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=FILES)
def test_no_file_whatever_leads_to_an_error_or_to_a_pass_that_is_none(host, data):
    host.put(data)
    found = host.take()
    assert found.keys() == {"passes", "ignored"}
    assert found["passes"].keys() <= KNOWN
    assert all(0 <= age <= MOST_SECONDS for age in found["passes"].values())
    if found["passes"]:
        there = json.loads(data)
        assert (there["format"], there["key"]) == (1, KEY)
        assert all(there["passes"][name] == pytest.approx(NOW - age) for name, age in found["passes"].items())


MEMBERS = {
    "format": st.sampled_from([1, 1, 1, 2, True, "1"]),
    "key": st.sampled_from([KEY, KEY, KEY, OTHER, None]),
    "written": st.floats(NOW - 700, NOW + 50),
    "passes": st.dictionaries(st.sampled_from([*sorted(KNOWN), "LOG-01"]), st.floats(NOW - 700, NOW + 50), max_size=3),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(there=st.fixed_dictionaries(MEMBERS))
def test_exactly_the_passes_of_a_file_that_is_ours_are_believed(host, there):
    host.put(json.dumps(there).encode())
    moments = [there["written"], *there["passes"].values()]
    good = (
        there["format"] == 1
        and there["format"] is not True
        and there["key"] == KEY
        and there["passes"].keys() <= KNOWN
        and max(moments) <= NOW
        and there["written"] >= NOW - MOST_SECONDS
    )
    wanted = {name for name, moment in there["passes"].items() if moment >= NOW - MOST_SECONDS} if good else set()
    assert set(host.take()["passes"]) == wanted
