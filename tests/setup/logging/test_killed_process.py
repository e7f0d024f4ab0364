"""SIGKILL to a real process in the middle of `apply`; a new process goes on, and another one takes it back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.local import LocalBedrock
from tests.setup.logging.conftest import ACCOUNT, BUCKET, GROUP, REGION, ROLE

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
format = 1
application = "helpdesk"
[env.laptop]
account = "{account}"
region = "{region}"
local = true
endpoint = "{endpoint}"
[principals.operator]
capabilities = ["logging-admin", "preflight-standard"]
[logging]
log_group = "{group}"
bucket = "{bucket}"
"""
PROGRAM = """
import os, signal, sys
from bedrock_gateway import Gateway
from bedrock_gateway.setup import logging

what, step = sys.argv[1:3]
with Gateway.from_file("gateway.toml", observers=[]) as gateway:
    perform = gateway._perform

    class Dying:
        def __call__(self, command):
            if getattr(command, "operation", "") == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return perform(command)

        def __getattr__(self, name):
            return getattr(perform, name)

    gateway.__dict__["_perform"] = Dying()
    if what == "apply":
        print(len(logging.apply(gateway, folder=".", create_boundary=True).plan.pending))
    else:
        print(*logging.undo(gateway, folder=".").kept, sep="|")
"""


@pytest.mark.full
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("step", ["PutRolePolicy", "PutModelInvocationLoggingConfiguration"])
def test_a_killed_process_is_gone_on_with_by_the_next_and_taken_back_by_another(tmp_path: Path, step: str) -> None:
    with LocalBedrock(account=ACCOUNT, region=REGION, pace_seconds=0) as local, local.serve() as server:
        local.reset()
        where = {"account": ACCOUNT, "region": REGION, "endpoint": server.endpoint, "group": GROUP, "bucket": BUCKET}
        (tmp_path / "gateway.toml").write_text(TOML.format(**where))
        key, secret = local.root_credentials
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
            environment.pop(name, None)

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", PROGRAM, *words]
            return subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
            )

        assert run("apply", step).returncode == -signal.SIGKILL
        bedrock, iam = (local.session(region=REGION).client(name) for name in ("bedrock", "iam"))
        assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()
        done = run("apply", "nothing")
        assert done.returncode == 0, done.stderr
        assert 0 < int(done.stdout) < 6
        assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"]["s3Config"] == {
            "bucketName": BUCKET
        }
        undone = run("undo", "nothing")
        assert undone.returncode == 0, undone.stderr
        assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()
        assert ROLE not in {one["RoleName"] for one in iam.list_roles()["Roles"]}
        assert undone.stdout.count("by hand") == 2
        local.reset()
