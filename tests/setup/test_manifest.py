"""The manifest: one owner, one process, one place; replaced in one step; never trusted where others could write it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway import ConfigError, GatewayConfig
from bedrock_gateway.cli.init import TEMPLATE
from bedrock_gateway.setup.knowledge.blueprint import blueprint_of
from bedrock_gateway.setup.knowledge.manifest import Manifest, manifest_path


@pytest.fixture
def blueprint():
    return blueprint_of(GatewayConfig.from_toml(TEMPLATE), "handbook")


@pytest.fixture
def path(tmp_path, blueprint):
    return manifest_path(tmp_path, blueprint)


def begun(path, blueprint):
    manifest = Manifest.new(path, blueprint, create_role=True)
    manifest.exists("role", "role", blueprint.role_arn)
    manifest.begin("vector index", "vector index", blueprint.index_arn)
    manifest.token("knowledge base")
    manifest.close()
    return manifest


def test_what_was_written_is_read_again(path, blueprint):
    made = begun(path, blueprint)
    again = Manifest.open(path, blueprint)
    assert (again.id, again.tokens, again.records, again.create_role) == (
        made.id,
        made.tokens,
        made.records,
        True,
    )
    again.close()
    assert again.existing == (
        f"role {blueprint.role_arn}",
        f"vector index {blueprint.index_arn} (may exist: its answer was lost)",
    )


def test_a_token_stays_the_same_and_is_one_that_aws_takes(path, blueprint):
    first = begun(path, blueprint).tokens["knowledge base"]
    again = Manifest.open(path, blueprint)
    assert again.token("knowledge base") == first
    assert 33 <= len(first) <= 256
    again.close()


def test_only_its_owner_can_read_it(path, blueprint):
    begun(path, blueprint)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_there_is_never_half_of_it(path, blueprint, monkeypatch):
    """A write that fails leaves the old file, and nothing beside it."""
    manifest = Manifest.new(path, blueprint, create_role=True)
    before = path.read_text()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ConfigError, match="No space left"):
        manifest.exists("role", "role", blueprint.role_arn)
    manifest.close()
    assert path.read_text() == before
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


def test_what_a_killed_process_left_beside_it_is_cleared_away(path, blueprint):
    begun(path, blueprint)
    (path.parent / f".{path.name}.abcd1234").write_text("{")
    again = Manifest.open(path, blueprint)
    again.save()
    again.close()
    assert not list(path.parent.glob(".*"))


def test_a_second_process_is_kept_out(path, blueprint, tmp_path):
    manifest = Manifest.new(path, blueprint, create_role=True)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bedrock_gateway import GatewayConfig\n"
        "from bedrock_gateway.cli.init import TEMPLATE\n"
        "from bedrock_gateway.setup.knowledge.blueprint import blueprint_of\n"
        "from bedrock_gateway.setup.knowledge.manifest import Manifest\n"
        "made = Manifest.open(Path(sys.argv[1]), blueprint_of(GatewayConfig.from_toml(TEMPLATE), 'handbook'))\n"
        "made.close()\n"
    )
    run = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert "another process, or another task of this one, is working on" in done.stderr
    manifest.close()
    assert subprocess.run(run, capture_output=True, text=True, check=False).returncode == 0


def test_a_second_creation_in_one_place_is_refused_with_what_to_do(path, blueprint):
    begun(path, blueprint)
    with pytest.raises(ConfigError, match=r"kb resume.*kb delete"):
        Manifest.new(path, blueprint, create_role=False)


def test_where_there_is_none_there_is_none(path, blueprint):
    assert Manifest.open(path, blueprint) is None
    assert Manifest.peek(path, blueprint) is None
    assert not path.parent.exists()


def changed(path, **values):
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | values))
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"account": "123456789012"}, "belongs to account '123456789012'"),
        ({"region": "eu-west-1"}, "belongs to region 'eu-west-1'"),
        ({"application": "payroll"}, "belongs to application 'payroll'"),
        ({"knowledge_base": "other"}, "that of knowledge base 'other'"),
        ({"format": 2}, "has format 2"),
        ({"account": 7}, "damaged"),
        ({"resources": {"role": {"kind": "role"}}}, "damaged"),
        ({"tokens": []}, "damaged"),
    ],
)
def test_one_from_elsewhere_or_damaged_is_refused(path, blueprint, values, message):
    begun(path, blueprint)
    changed(path, **values)
    for read in (Manifest.open, Manifest.peek):
        with pytest.raises(ConfigError, match=message):
            read(path, blueprint)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', "\x00", "{}", "1" * 2_000_000])
def test_what_is_no_manifest_is_refused(path, blueprint, content):
    begun(path, blueprint)
    path.write_text(content)
    with pytest.raises(ConfigError):
        Manifest.open(path, blueprint)


def test_a_link_is_not_followed(path, blueprint, tmp_path):
    begun(path, blueprint)
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a link"):
        Manifest.open(path, blueprint)


def test_one_that_others_can_write_is_not_trusted(path, blueprint):
    begun(path, blueprint)
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        Manifest.open(path, blueprint)


def test_what_aws_never_changes_cannot_be_changed_by_going_on(path, blueprint):
    begun(path, blueprint)
    other = blueprint_of(
        GatewayConfig.from_toml(TEMPLATE.replace('store = "s3-vectors"', 'store = "s3-vectors"\ndimensions = 256')),
        "handbook",
    )
    manifest = Manifest.open(path, other)
    with pytest.raises(ConfigError, match="another dimensions"):
        manifest.check_unchanged(other)
    manifest.check_unchanged(blueprint)
    manifest.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_one_is_refused_or_read_and_nothing_else(path, blueprint, data):
    if not path.exists():
        begun(path, blueprint)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from(
            [whole[:at], whole[:at] + bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[at + 1 :]]
        )
    )
    other = path.with_name("damaged.json")
    other.write_bytes(damaged)
    other.chmod(0o600)
    try:
        read = Manifest.peek(other, blueprint)
    except ConfigError:
        return
    assert (read.account, read.region, read.application) == ("111122223333", "us-east-2", "helpdesk")


def test_a_lock_that_nobody_holds_any_more_is_let_go(path, blueprint):
    """As where a task is cancelled while a thread takes it."""
    begun(path, blueprint)
    manifest = Manifest.open(path, blueprint)
    with pytest.raises(ConfigError, match="is working on"):
        Manifest.open(path, blueprint)
    del manifest
    Manifest.open(path, blueprint).close()
