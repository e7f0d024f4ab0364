"""A preflight where nothing is as it should be: by the command, and by the gate of both drivers.

Never a pass, never a traceback; the exit code, and whether calls are let through, are those of DESIGN's exit codes.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest

from bedrock_gateway import GatewayConfig, cli
from bedrock_gateway.errors import PreflightFailedError

from . import server

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

SOON_SECONDS, PATIENCE_SECONDS = 1.0, 30.0
"""The deadline where nobody will ever answer, and the one where somebody does at once: a busy machine takes its time."""
TOML = """\
format = 1
application = "helpdesk"

[env.test]
account = "123456789012"
region = "{region}"
local = true
endpoint = "{endpoint}"

[principals.app]
capabilities = ["converse", "preflight-standard"]
models = ["us.amazon.nova-lite-v1:0"]

[logging]
log_group = "/bedrock/invocations"
role = "AmazonBedrockGateway-logging"
bucket = "example-logs"

[reliability.retries]
attempts = 1

[preflight]
mode = "enforce"
deadline_seconds = {deadline}
"""
KEYS = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
SSO = """\
[default]
sso_session = corporate
sso_account_id = 123456789012
sso_role_name = app
[sso-session corporate]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
"""
PORTAL = b"<html><body>Sign in to the guest network</body></html>"


def query_error(code: str, status: int):
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return server.reply(body.encode(), status, content_type="text/xml")


def either(query: Callable[..., bool], rest: Callable[..., bool]):
    """One script for the services of the query protocol (STS, IAM), one for the rest."""

    def script(connection, request):
        return (query if b"Action=" in request.body else rest)(connection, request)

    return script


def refused(code: str, status: int):
    return either(query_error(code, status), server.error(code, status))


def page(status: int, **headers: str):
    return server.reply(PORTAL, status, content_type="text/html", **headers)


@dataclass(frozen=True)
class Case:
    """What is wrong, and what it must come to."""

    exit_code: int
    says: str
    """On the line of LOG-01 or of the check that is named; a pattern."""
    check: str = "LOG-01"
    status: str = "unknown"
    answers: Any = None
    environment: Any = None
    profile: str = ""
    region: str = "us-east-1"
    endpoint: str | None = None
    deadline: float = PATIENCE_SECONDS


NOBODY = "http://127.0.0.1:9"  # discard: nobody listens
CASES = {
    "no credentials": Case(2, "no credentials were found", "ID-01", "fail", environment={}),
    "half of the credentials": Case(
        2, "cannot be used: PartialCredentialsError", "ID-01", "fail", environment={"AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"}
    ),
    "a sign-in that has expired": Case(2, "cannot be used: SSOTokenLoadError", "ID-01", "fail", environment={}, profile=SSO),
    "a process that gives no credentials": Case(
        2, "cannot be used: CredentialRetrievalError", "ID-01", "fail", environment={}, profile="[default]\ncredential_process = false\n"
    ),
    "expired credentials": Case(2, "ExpiredToken", "ID-01", "fail", answers=refused("ExpiredToken", 403)),
    "deleted credentials": Case(2, "InvalidClientTokenId", "ID-01", "fail", answers=refused("InvalidClientTokenId", 403)),
    "throttled": Case(3, "gave no answer \\(Throttling", answers=refused("ThrottlingException", 429)),
    "throttled, as query services say it": Case(3, "gave no answer \\(Throttling", answers=refused("Throttling", 400)),
    "out of order": Case(3, "gave no answer", answers=refused("ServiceUnavailableException", 503)),
    "hanging": Case(3, "no answer within 1 s|gave no answer|not read in time", answers=server.silent(PATIENCE_SECONDS), deadline=SOON_SECONDS),
    "an answer in the tiniest pieces": Case(3, "no answer within 1 s|gave no answer|not read in time", answers=server.trickle(server.head(200, {"content-length": "9999"}), b" " * 9999, 0.1), deadline=SOON_SECONDS),
    "nobody there": Case(3, "gave no answer", endpoint=NOBODY),
    "hung up on": Case(3, "gave no answer", answers=server.reset),
    "a portal": Case(3, "not AWS's; a proxy or a portal", answers=page(200)),
    "a portal that asks to sign in": Case(3, "gave no answer|not AWS's", answers=page(401)),
    "a proxy that asks for a password": Case(3, "gave no answer|not AWS's", answers=page(407)),
    "a proxy that refuses": Case(3, "denied|gave no answer|not AWS's", answers=page(403)),
    "a proxy that finds nothing": Case(3, "gave no answer|not AWS's", answers=page(404)),
    "a proxy without its server": Case(3, "gave no answer|not AWS's", answers=page(502)),
    "a portal elsewhere": Case(3, "gave no answer|not AWS's", answers=page(302, location="http://127.0.0.1:9/")),
    "not one byte": Case(3, "not AWS's", answers=server.reply(b"")),
    "JSON of somebody else": Case(3, "not AWS's|gave no answer", answers=server.reply(b'{"hello": "world"}')),
    "half of JSON": Case(3, "not AWS's|gave no answer", answers=server.reply(b'{"loggingConfig": {"clou')),
    "a list": Case(3, "not AWS's|gave no answer", answers=server.reply(b"[1, 2]")),
    "a logging configuration that is a word": Case(3, "not AWS's|gave no answer", answers=server.reply(b'{"loggingConfig": "on"}')),
    "noise": Case(3, "not AWS's|gave no answer", answers=server.reply(bytes(range(256)))),
}  # fmt: skip


BY_DEFAULT = {
    "command": CASES.keys() - {
        "half of the credentials", "deleted credentials", "throttled, as query services say it", "a portal that asks to sign in", "a proxy without its server", "a list",
        "an answer in the tiniest pieces", "out of order", "noise", "hung up on", "a portal elsewhere", "a proxy that finds nothing", "a process that gives no credentials",
    },
    "gate": {"no credentials", "expired credentials", "throttled", "hanging", "a portal"},
}  # fmt: skip


def cases(way: str):
    """All of them; the rest only with --full, as each makes clients of its own."""
    return [
        pytest.param(one, id=name, marks=() if name in BY_DEFAULT[way] else pytest.mark.full)
        for name, one in CASES.items()
    ]


@pytest.fixture
def case(request, monkeypatch, tmp_path, faults):
    """The process as the case has it: its environment, its profile, and who answers."""
    found: Case = request.param
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCKGW_"))]:
        monkeypatch.delenv(name)
    for name, value in (KEYS if found.environment is None else found.environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    if found.profile:
        (tmp_path / "AWS_CONFIG_FILE").write_text(found.profile)
    faults.answer(found.answers or server.reply({}))
    text = TOML.format(region=found.region, endpoint=found.endpoint or faults.endpoint, deadline=found.deadline)
    (tmp_path / "gateway.toml").write_text(text)
    return found


def command(tmp_path, capsys, case, *options: str):
    file = str(tmp_path / "gateway.toml")
    began = time.monotonic()
    code = cli.main(["preflight", "--config", file, "--deadline", str(case.deadline), *options])
    assert time.monotonic() - began < PATIENCE_SECONDS
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


@pytest.mark.parametrize("case", cases("command"), indirect=True)
def test_the_command_exits_as_designed_and_says_why_in_one_line(case, tmp_path, capsys, faults):
    code, out, err = command(tmp_path, capsys, case)
    faults.drop()
    assert (code, err) == (case.exit_code, ""), out
    lines = [line for line in out.splitlines() if re.match(rf"\S \S+ +{case.check} ", line)]
    assert len(lines) == 1
    assert lines[0].split()[1] == case.status
    assert re.search(case.says, lines[0]), lines[0]
    asked = re.findall(r"^. pass +(LOG-\d+|MOD-0[1-8]|GOV-\d+|KB-0[1-7]|ID-0[234])", out, re.MULTILINE)
    assert set(asked) <= {"LOG-17"}


@pytest.mark.parametrize("case", cases("gate"), indirect=True)
def test_the_gate_lets_no_call_pass(both, case, tmp_path, faults):
    async def body():
        config = GatewayConfig.from_file(tmp_path / "gateway.toml")
        async with both.gateway(config, observers=()) as gateway:
            began = time.monotonic()
            with pytest.raises(PreflightFailedError) as caught:
                await gateway.converse("Hello")
            assert time.monotonic() - began < PATIENCE_SECONDS
        assert "\n" not in str(caught.value)
        report = caught.value.report
        assert report.exit_code() == case.exit_code
        assert {one.id: one.status for one in report.results}[case.check] == case.status
        faults.drop()

    both.run(body)
    assert not [one for one in faults.requests if "/converse" in one.line]


@pytest.mark.parametrize(
    ("region", "says"),
    [
        (None, "no Region: add `region`"),
        ("", "is not a Region"),
        ("US-EAST-1", "is not a Region"),
        ("moon-1", "is not a Region"),
        ("aws-global", "is not a Region"),
        ("us-east-1.example.org", "is not a Region"),
        ("us-east-1/\\u001b[31m", "is not a Region"),
    ],
)
def test_without_a_region_or_with_what_is_none_nothing_is_begun(region, says, tmp_path, monkeypatch, capsys):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    text = TOML.format(region=region, endpoint=NOBODY, deadline=1)
    (tmp_path / "gateway.toml").write_text(text if region is not None else re.sub('(?m)^region = "None"$', "", text))
    code, out, err = command(tmp_path, capsys, Case(2, ""))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert says in err
    assert "\x1b" not in err


def test_a_region_that_does_not_exist_is_said_to_and_nothing_passes_for_it(tmp_path, monkeypatch, capsys):
    import socket

    def resolve(host, *_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name, value in (KEYS | {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SESSION_TOKEN": "x"}).items():
        monkeypatch.setenv(name, value)
    text = TOML.format(region="us-nowhere-1", endpoint=NOBODY, deadline=1)
    (tmp_path / "gateway.toml").write_text(re.sub(r"(?m)^(local|endpoint) = .*$", "", text))
    code, out, err = command(tmp_path, capsys, Case(1, ""))
    assert (code, err) == (1, "")  # a finding: it cannot be told from a machine that resolves nothing, and is said so
    assert re.search("fail +REG-03 .*no Bedrock in us-nowhere-1, or no DNS", out)
    assert re.search("unknown +LOG-01 ", out)


HOSTILE = "\x1b]0;owned\x07\x1b[2J</script><script>alert(1)</script>$(touch owned)`id`;'\"\u202e\n\r\x00| %s {}"


def test_hostile_names_in_what_aws_answers_steer_no_terminal_and_break_no_form(tmp_path, monkeypatch, capsys, faults):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    role = f"arn:aws:iam::123456789012:role/{HOSTILE}"
    there = {
        "cloudWatchConfig": {"logGroupName": HOSTILE, "roleArn": role},
        "s3Config": {"bucketName": HOSTILE, "keyPrefix": HOSTILE},
        "textDataDeliveryEnabled": False,
    }
    identity = (
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/"
        f"{escape(re.sub('[^ -~]', '', HOSTILE))}/s</Arn><Account>123456789012</Account><UserId>AROAX:s</UserId>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    query = server.reply(identity.encode(), content_type="text/xml")
    faults.answer(either(query, server.reply({"loggingConfig": there, "message": HOSTILE, "status": HOSTILE})))
    text = TOML.format(region="us-east-1", endpoint=faults.endpoint, deadline=PATIENCE_SECONDS)
    (tmp_path / "gateway.toml").write_text(text)
    case = Case(1, "", deadline=PATIENCE_SECONDS)
    page_file = tmp_path / "report.html"
    code, out, err = command(tmp_path, capsys, case, "--html", str(page_file))
    assert (code, err) == (1, "")
    assert re.search("fail +LOG-03 ", out)
    assert all(one.isprintable() for line in out.split("\n") for one in line)
    assert all(re.match(r"[✓!✗?·-] |      (fix: |\$ )|standard preflight|\d+ ", line) for line in out.splitlines())
    assert page_file.read_text().count("<script") == 1
    assert "owned" in page_file.read_text()
    code, out, _ = command(tmp_path, capsys, case, "--output", "json")
    report = json.loads(out)
    assert code == 1
    assert all(one.isprintable() for one in out if one != "\n")
    commands = [one["fix"]["command"] for one in report["results"] if one["fix"] and one["fix"]["command"]]
    for one in commands:  # what a shell would run beside the command itself
        words = list(shlex.shlex(one, posix=True, punctuation_chars=True))
        assert not {"touch", "id", "`id`"} & set(words), one
    faults.drop()
