"""SIGKILL to a real process, at a step and in the middle of writing its manifest; a new process goes on or removes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from .test_saga import MAKING, REMOVING

# Kills itself at the first call of an operation, before it is sent or with its answer on the way, or at the n-th write of
# the manifest between the new file and the old one's replacement. Everything else is the command line as it is.
SUICIDE = """
import os, signal, sys
from pathlib import Path
from bedrock_gateway import cli
from bedrock_gateway._drive import sync
from bedrock_gateway._commands import Send

what, when = sys.argv[1], sys.argv[2]
send, replace, writes = sync._ACTS[Send], Path.replace, [0]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def sent(self, command):
    if command.operation == what and when == "before":
        die()
    reply = send(self, command)
    if command.operation == what:
        die()
    return reply

def replaced(self, target):
    writes[0] += 1
    if what == "write" and writes[0] == int(when):
        die()
    return replace(self, target)

sync._ACTS[Send] = sent
Path.replace = replaced
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.fixture
def shell(account, tmp_path):
    """Run the command line as the operator, in a process of its own."""
    (tmp_path / "gateway.toml").write_text(account.world.config_file.read_text())
    frozen = account.world.become("operator").get_credentials().get_frozen_credentials()
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(*words, kill=None):
        head = [sys.executable, "-c", SUICIDE, *kill] if kill else [sys.executable, "-m", "bedrock_gateway"]
        options = ["--create-role"] if words[0] in {"create", "resume"} else []
        command = [*head, "kb", *words, "handbook", "--principal", "operator", *options]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def killed(shell, *words, kill):
    done = shell(*words, kill=kill)
    assert done.returncode == -signal.SIGKILL, done.stderr


def converges(account, shell, then):
    done = shell(then)
    assert done.returncode == 0, done.stderr
    assert account.inventory() == (account.planned() if then == "resume" else Counter())


def every(chosen):
    for operation in MAKING:
        for when in ("before", "after"):
            for then in ("resume", "delete"):
                case = (operation, when, then)
                yield case if case in chosen else pytest.param(*case, marks=pytest.mark.full)


@pytest.mark.parametrize(
    ("operation", "when", "then"),
    list(every({("CreateKnowledgeBase", "after", "resume"), ("CreateIndex", "after", "delete")})),
)
def test_a_creation_that_was_killed(account, shell, operation, when, then):
    killed(shell, "create", kill=(operation, when))
    converges(account, shell, then)


@pytest.mark.full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", REMOVING)
def test_a_removal_that_was_killed(account, shell, operation, when):
    assert shell("create").returncode == 0
    killed(shell, "delete", kill=(operation, when))
    converges(account, shell, "delete")


def writes(chosen):
    for number in range(1, 16):
        for then in ("resume", "delete"):
            case = (number, then)
            yield case if case in chosen else pytest.param(*case, marks=pytest.mark.full)


@pytest.mark.parametrize(("number", "then"), list(writes({(8, "resume")})))
def test_a_write_of_the_manifest_that_was_killed(account, shell, number, then):
    killed(shell, "create", kill=("write", str(number)))
    if then == "delete" and not list(account.inventory()):
        then = "resume"  # there may be no manifest yet: nothing to remove
    converges(account, shell, then)
