"""The recipes of docs/preflight.md for Kubernetes, ECS and Lambda, run as far as that goes without a cluster or an account."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import time
from pathlib import Path

import pytest

from bedrock_gateway import GatewayConfig, PreflightFailedError, cli

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "start_up"
CONFIG_FILE = re.compile(r"^/(?:etc/bedrock-gateway|app)/gateway\.toml$")


@pytest.fixture
def shell(account, tmp_path, monkeypatch):
    """The application's container: its credentials, its gateway.toml."""
    key, secret, token = account.credentials("app")
    for name, value in {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "XDG_RUNTIME_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    text = account.world.config_file.read_text()
    declared = text.replace(
        "[logging]", '[preflight]\nmode = "enforce"\nshare = true\ndeadline_seconds = 60\n\n[logging]'
    )
    (tmp_path / "gateway.toml").write_text(declared)
    return tmp_path


@pytest.fixture
def switched_off(account):
    world = account.world
    bedrock = world.client(world.admin, "bedrock")
    there = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    bedrock.delete_model_invocation_logging_configuration()
    yield
    bedrock.put_model_invocation_logging_configuration(loggingConfig=there)


def run(words: list[str], shell: Path) -> int:
    """Run a recipe's command, with the file that is mounted there."""
    assert words[0] == "bedrock-gateway"
    here = [str(shell / "gateway.toml") if CONFIG_FILE.match(word) else word for word in words[1:]]
    assert here != words[1:], "the recipe names no configuration file"
    return cli.main(here)


def kubernetes() -> dict[str, dict]:
    yaml = pytest.importorskip("yaml")
    found = {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
    assert found.keys() == {"ServiceAccount", "ConfigMap", "Deployment"}
    return found


def pod() -> dict:
    return kubernetes()["Deployment"]["spec"]["template"]["spec"]


def task() -> dict:
    return json.loads((FOLDER / "ecs_task_definition.json").read_text())


def commands() -> dict[str, list[str]]:
    [ecs] = [one for one in task()["containerDefinitions"] if one["name"] == "preflight"]
    return {"kubernetes": pod()["initContainers"][0]["command"], "ecs": ecs["entryPoint"] + ecs["command"]}


@pytest.mark.parametrize("where", ["kubernetes", "ecs"])
def test_the_command_of_a_recipe_lets_start_what_may_start(where, shell, capsys):
    assert run(commands()[where], shell) == 0
    assert "pass           LOG-01" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["kubernetes", "ecs"])
@pytest.mark.usefixtures("switched_off")
def test_and_nothing_else(where, shell, capsys):
    assert run(commands()[where], shell) == 1
    assert "fail           LOG-01" in capsys.readouterr().out


def test_what_is_mounted_is_a_configuration_of_the_principal_that_is_named():
    found = kubernetes()
    config = GatewayConfig.from_toml(found["ConfigMap"]["data"]["gateway.toml"])
    assert (config.preflight.mode, config.preflight.share) == ("enforce", True)
    command = commands()["kubernetes"]
    assert command[command.index("--principal") + 1] in config.principals
    role = found["ServiceAccount"]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    assert role.split(":")[4] == config.account


def test_the_names_within_the_manifests_lead_somewhere():
    found, spec = kubernetes(), pod()
    assert spec["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    for container in [*spec["initContainers"], *spec["containers"]]:
        mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
        assert set(mounted.values()) <= volumes.keys()
        assert mounted["/etc/bedrock-gateway"] == "config"
        assert {one["value"] for one in container["env"]} <= mounted.keys()
        ports = {one["name"] for one in container.get("ports", ())}
        assert {one["httpGet"]["port"] for name, one in container.items() if name.endswith("Probe")} <= ports
    template = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"].items() <= template.items()


def probes(container: dict) -> dict[str, str]:
    """What restarts a container, or takes its traffic, as text."""
    return {name: json.dumps(one) for name, one in container.items() if name in {"livenessProbe", "healthCheck"}}


def test_what_restarts_a_container_never_asks_aws():
    containers = [*pod()["containers"], *task()["containerDefinitions"]]
    restarting = [text for one in containers for text in probes(one).values()]
    assert len(restarting) == 2
    for text in restarting:
        assert "preflight" not in text
        assert "bedrock" not in text
        assert "/ready" not in text


def test_the_task_definition_is_one_that_the_api_takes():
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    report = ParamValidator().validate(task(), model.input_shape)
    assert not report.has_errors(), report.generate_report()
    unknown = set(task()) - set(model.input_shape.members)
    container = model.input_shape.members["containerDefinitions"].member
    unknown |= {name for one in task()["containerDefinitions"] for name in set(one) - set(container.members)}
    assert not unknown
    assert [one["name"] for one in task()["containerDefinitions"] if one["essential"]] == ["app"]


class Context:
    """What Lambda hands over beside the event; the recipe needs nothing of it."""

    aws_request_id = "11111111-2222-3333-4444-555555555555"


def cold_start(shell: Path):
    """Import the handler as a new execution environment does, from its own folder."""
    path = shell / "lambda_handler.py"
    path.write_text((FOLDER / "lambda_handler.py").read_text())
    spec = importlib.util.spec_from_file_location("lambda_handler", path)
    module = importlib.util.module_from_spec(spec)
    # A busy machine makes clients for longer than Lambda's ten seconds allow.
    code = path.read_text().replace("deadline_seconds=8", "deadline_seconds=60")
    assert code != path.read_text()
    exec(compile(code, str(path), "exec"), module.__dict__)
    return module


def test_a_function_answers_once_its_init_phase_has_passed_and_looks_again_as_that_ages(shell, account, monkeypatch):
    account.local._gate.decisions.clear()
    module = cold_start(shell)
    with module.gateway as gateway:
        assert module.handler({"question": "Hello"}, Context())["answer"]
        assert looked(account) == 1
        later = time.monotonic() + 1_000
        monkeypatch.setattr(gateway._gate, "_clock", lambda: later)
        assert module.handler({"question": "Hello"}, Context())["answer"]
        assert looked(account) == 2
        assert module.handler({"question": "Hello"}, Context())["answer"]
        assert looked(account) == 2


def looked(account) -> int:
    asked = "bedrock:GetModelInvocationLoggingConfiguration"
    return sum(one.operation == asked for one in account.local.decisions)


@pytest.mark.usefixtures("switched_off")
def test_a_function_does_not_start_where_logging_is_off(shell):
    with pytest.raises(PreflightFailedError, match="LOG-01"):
        cold_start(shell)


def test_the_handler_is_short_and_reads_the_file_beside_it():
    text = (FOLDER / "lambda_handler.py").read_text()
    assert text.count("\n") <= 40
    assert "gateway.preflight(" in text.partition("def handler")[0]
    assert os.sep not in re.findall(r'with_name\("([^"]+)"\)', text)[0]
