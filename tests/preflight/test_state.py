"""What is seen of set-up's folder on this host: nothing is written, and nothing is guessed."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.preflight import readers
from bedrock_gateway.preflight.state import FOLDER, Creation, read_state

CREATION = {"format": 1, "knowledge_base": "handbook", "account": "111122223333", "region": "us-east-1"}


def manifest(tmp_path: Any, name: str, content: Any) -> None:
    kept = tmp_path / FOLDER
    kept.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (kept / f"{name}.json").write_text(text, encoding="utf-8")


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above_and_not_made(tmp_path):
    found = read_state(tmp_path)
    assert found.folder == str(tmp_path)
    assert found.writable
    assert found.lockable
    assert found.free_bytes > 0
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_not_complete_is_told(tmp_path):
    manifest(tmp_path, "begun", {**CREATION, "complete": False})
    manifest(tmp_path, "made", {**CREATION, "knowledge_base": "made", "complete": True})
    found = read_state(tmp_path)
    assert found.unfinished == (Creation("handbook", "111122223333", "us-east-1"),)
    assert found.unreadable == ()


@pytest.mark.parametrize("name", ["\x1b[2J", "a; rm -rf /", "", 7, "x" * 64])
def test_a_name_that_no_knowledge_base_can_have_is_not_repeated(tmp_path, name):
    manifest(tmp_path, "odd", {**CREATION, "knowledge_base": name or None, "complete": False})
    found = read_state(tmp_path)
    assert found.unfinished == ()
    assert found.unreadable == (("odd.json",) if name else ())


def test_the_name_of_a_file_is_shown_without_what_a_terminal_would_do(tmp_path):
    manifest(tmp_path, "\x1b[2J", "{")
    assert read_state(tmp_path).unreadable == ("\\x1b[2J.json",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_manifest_and_nobody_waits_for_it(tmp_path):
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / "pipe.json")
    assert read_state(tmp_path).unreadable == ("pipe.json",)


def test_a_folder_that_may_not_be_looked_at_says_so(tmp_path, monkeypatch):
    def refused(_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr("bedrock_gateway.preflight.state.os.listdir", refused)
    assert read_state(tmp_path).error == "Permission denied"


@pytest.mark.parametrize("content", ["{", "[]", "7", json.dumps(CREATION), "\x00", "[" * 100_000])
def test_a_manifest_that_is_none_is_unreadable_and_no_traceback(tmp_path, content):
    manifest(tmp_path, "odd", content)
    found = read_state(tmp_path)
    assert found.unfinished == ()
    assert found.unreadable == ("odd.json",)


def test_a_manifest_is_not_read_through_a_link(tmp_path):
    real = tmp_path / "elsewhere.json"
    real.write_text(json.dumps({**CREATION, "complete": False}), encoding="utf-8")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "link.json").symlink_to(real)
    assert read_state(tmp_path).unreadable == ("link.json",)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_seen(tmp_path):
    tmp_path.chmod(0o500)
    assert not read_state(tmp_path).writable


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {place} rw shared:1 - nfs4 server:/x rw\n", "nfs4"),
        ("1 0 0:1 / / rw - overlay overlay rw\n2 1 0:2 / {place}-other rw - tmpfs tmpfs rw\n", "overlay"),
        ("1 0 0:1 / {place} rw - ext4 /dev/a rw\n2 1 0:2 / {place} rw - tmpfs tmpfs rw\n", "tmpfs"),
        ("", None),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(tmp_path, monkeypatch, mounts, kind):
    table = tmp_path / "mountinfo"
    table.write_text(mounts.format(place=tmp_path.resolve()), encoding="utf-8")
    monkeypatch.setattr("bedrock_gateway.preflight.state._MOUNTS", table)
    assert read_state(tmp_path).filesystem == kind


@pytest.mark.parametrize(("master", "worker", "before"), [(True, 0, True), (True, 1, False), (None, 0, False)])
def test_only_the_master_of_uwsgi_is_before_the_fork(monkeypatch, master, worker, before):
    module = SimpleNamespace(opt={b"master": master} if master else {}, worker_id=lambda: worker)
    monkeypatch.setitem(readers.sys.modules, "uwsgi", module)
    assert readers._server() == ("uwsgi", before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_knows_that_its_parent_had_built_clients(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    config = GatewayConfig(
        application="helpdesk",
        account="111122223333",
        region="us-east-1",
        principals={"app": {"capabilities": ["preflight-minimal"]}},
    )
    with Gateway(config, observers=()) as gateway:
        assert not gateway._perform.made().forked
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            os._exit(0 if gateway._perform.made().forked else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
