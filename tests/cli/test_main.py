"""The frame of the command line: exit codes, one line an error, nothing heavy loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bedrock_gateway import cli, errors
from bedrock_gateway.cli.output import clean


def service(kind: type[errors.ServiceError], code: str = "X") -> errors.ServiceError:
    return kind("refused", operation="Converse", code=code)


RAISED = {
    "config": (errors.ConfigError("bad"), 2),
    "governance": (errors.GovernanceError("bad", rule="declared-models"), 2),
    "extra": (errors.MissingExtraError(extra="local", needed_for="this"), 2),
    "port in use": (OSError(98, "Address already in use"), 2),
    "credentials expired": (service(errors.ServiceError, "ExpiredTokenException"), 2),
    "denied": (service(errors.AccessDeniedError), 1),
    "preflight": (errors.PreflightFailedError("failed", report=None), 1),
    "transport": (errors.TransportError("lost", operation="Converse", sent=False), 3),
    "throttled": (service(errors.ThrottledError), 3),
    "unavailable": (service(errors.UnavailableError), 3),
    "fault of ours": (ValueError("secret"), 2),
    "interrupted": (KeyboardInterrupt(), 130),
}


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(_args) -> int:
        raise error

    def add_parser(subparsers) -> None:
        subparsers.add_parser("init").set_defaults(run=run)

    monkeypatch.setattr(cli.importlib, "import_module", lambda _: SimpleNamespace(add_parser=add_parser))


@pytest.mark.parametrize("case", RAISED.values(), ids=RAISED)
def test_an_error_is_one_line_and_an_exit_code(
    case: tuple[BaseException, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, case[0])
    assert cli.main(["init"]) == case[1]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert "secret" not in err


def test_a_traceback_is_shown_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, errors.ConfigError("bad"))
    monkeypatch.setenv("BEDROCKGW_DEBUG_TRACEBACKS", "1")
    with pytest.raises(errors.ConfigError):
        cli.main(["init"])


@pytest.mark.parametrize("argv", [[], ["polcy"], ["init", "--nonsense"], ["init", "a", "b"]])
def test_bad_usage_is_one_line_and_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_version_and_help_are_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert cli.main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("bedrock-gateway ")
    assert all(name in out for name in cli.COMMANDS)
    assert err == ""


def test_escapes_from_outside_do_not_reach_the_terminal() -> None:
    assert clean("a\x1b[31mb\x07\u202ec\x9b\n") == "a[31mbc\n"


def test_help_loads_neither_clients_nor_pydantic() -> None:
    code = (
        "import sys, json\nfrom bedrock_gateway.cli import main\nmain(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"boto3", "moto", "numpy", "pydantic", "rich"} & set(json.loads(done.stderr))


def test_a_reader_that_leaves_causes_no_complaint() -> None:
    code = "import sys; from bedrock_gateway.cli import main; sys.exit(main(['--help']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
