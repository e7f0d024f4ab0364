"""The canary end to end, with both drivers: the local Bedrock really delivers what it finds, or loses it, as AWS does."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from bedrock_gateway import GatewayConfig
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.generate import generate

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

STREAM = "aws/bedrock/modelinvocations"
MODEL = "us.amazon.nova-lite-v1:0"
CAPABILITIES = ("converse", "converse-stream", "preflight-deep", "preflight-canary")
ALLOWED = ("CAN-01", "CAN-02", "CAN-03", "CAN-04", "LOG-16")
LOST = {"CAN-03": "warn", "CAN-04": "skip", "LOG-16": "warn"}


class Scene:
    """The account, with a principal of the canary's own, and how to break and mend it."""

    def __init__(self, account: Any) -> None:
        self.account, self.world = account, account.world
        principals = {
            "canary": {"capabilities": list(CAPABILITIES), "models": [MODEL]},
            "blind": {"capabilities": ["converse", "preflight-minimal", "preflight-canary"], "models": [MODEL]},
            "app": {"capabilities": ["converse", "preflight-minimal"], "models": [MODEL]},
        }
        known = self.world.config.logging.model_dump()
        self.logging = {**known, "large_data_bucket": known["bucket"]}
        self.config = account.config(principals=principals, logging=self.logging)
        self.group, self.bucket, self.role = known["log_group"], known["bucket"], known["role"]
        self.logs = self.client("logs")
        self._roles()
        self.mended: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        return self.world.client(self.world.admin, service)

    def _roles(self) -> None:
        iam = self.client("iam")
        arns = [self.world.create_role(name)["Arn"] for name in ("canary", "blind")]
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arns}
        document = {"Version": "2012-10-17", "Statement": [allow]}
        iam.put_user_policy(UserName="you", PolicyName="assume-more", PolicyDocument=json.dumps(document))
        granted = {"canary": CAPABILITIES, "blind": ("converse", "preflight-minimal")}
        for name, capabilities in granted.items():
            policy = generate(capabilities, self.config.scope("canary")).policy.to_json()
            iam.put_role_policy(RoleName=name, PolicyName="generated", PolicyDocument=policy)

    def put_logging(self, **changed: Any) -> None:
        arn = self.client("iam").get_role(RoleName=self.role)["Role"]["Arn"]
        large = {"bucketName": self.bucket}
        watch = {"logGroupName": self.group, "roleArn": arn, "largeDataDeliveryS3Config": large}
        config = {"cloudWatchConfig": watch, "textDataDeliveryEnabled": True} | changed
        self.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)

    def write(self, lines: list[str]) -> None:
        """Lines of somebody else in the stream of the records."""
        moment = int(datetime.now(UTC).timestamp() * 1000)
        for start in range(0, len(lines), 5000):
            events = [{"timestamp": moment, "message": line} for line in lines[start : start + 5000]]
            self.logs.put_log_events(logGroupName=self.group, logStreamName=STREAM, logEvents=events)

    @contextmanager
    def without_trust(self) -> Any:
        iam = self.client("iam")
        before = iam.get_role(RoleName=self.role)["Role"]["AssumeRolePolicyDocument"]
        other = json.loads(json.dumps(before).replace("bedrock.amazonaws.com", "lambda.amazonaws.com"))
        iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=json.dumps(other))
        yield
        iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=json.dumps(before))

    @contextmanager
    def without_group(self) -> Any:
        self.logs.delete_log_group(logGroupName=self.group)
        yield
        self.logs.create_log_group(logGroupName=self.group)
        self.logs.put_retention_policy(logGroupName=self.group, retentionInDays=30)

    @contextmanager
    def without_bucket_policy(self) -> Any:
        s3 = self.client("s3")
        before = s3.get_bucket_policy(Bucket=self.bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=self.bucket)
        yield
        s3.put_bucket_policy(Bucket=self.bucket, Policy=before)


@pytest.fixture(scope="module")
def scene(account):
    made = Scene(account)
    made.put_logging()
    return made


@pytest.fixture
def once(both):
    """For what one driver shows as well as two: what was found does not depend on it."""
    if both.is_async:
        pytest.skip("the drivers differ, not what they find")


@pytest.fixture
def flown(both, account, scene):
    """Run the canary with a driver; each record is looked for once, as it is delivered before the call is answered."""

    def run(level: str = "minimal", name: str = "canary", **options: Any) -> Any:
        async def body() -> Any:
            events: list[Any] = []
            session = both.session(*account.credentials(name))
            async with both.gateway(
                scene.config, principal=name, session=session, observers=[events.append]
            ) as gateway:
                given = {"canary": True, "canary_seconds": 0, "deadline_seconds": 60} | options
                return await gateway.preflight(level, **given), events

        return both.run(body)

    return run


def outcome(report: Any) -> dict[str, str]:
    return {one.id: one.status for one in report.results if one.category == "CAN" or one.id == "LOG-16"}


def said(report: Any) -> dict[str, str]:
    return {one.id: one.summary for one in report.results if one.category == "CAN"}


def test_both_calls_leave_their_records(flown):
    report, events = flown()
    assert outcome(report) == dict.fromkeys(ALLOWED, "pass"), said(report)
    ended = [one for one in events if one.name == "gateway.call_ended"]
    assert [(one.capability, one.outcome) for one in ended] == [("converse", "ok"), ("converse-stream", "ok")]
    assert all(one.output_tokens == 1 for one in ended)
    assert [one.name for one in events].count("preflight.ended") == 1
    assert events[-1].name == "preflight.ended"
    assert {one.check for one in events if one.name == "preflight.check_ended"} == {one.id for one in report.results}


def test_a_large_body_arrives_in_the_bucket(flown):
    report, _ = flown("deep")
    assert outcome(report) == dict.fromkeys((*ALLOWED, "CAN-05"), "pass"), said(report)


def test_a_role_that_lost_its_trust_leaves_no_record(flown, scene):
    with scene.without_trust():
        report, _ = flown()
        assert outcome(report) == dict.fromkeys(ALLOWED, "pass") | LOST, said(report)
        assert "within 0 s" in said(report)["CAN-03"]


@pytest.mark.usefixtures("once")
def test_where_the_metrics_show_failed_deliveries_a_missing_record_fails(flown, scene):
    with scene.without_trust():
        flown()
        report, _ = flown("deep")
        assert outcome(report)["CAN-03"] == outcome(report)["LOG-16"] == "fail", said(report)


@pytest.mark.usefixtures("once")
def test_a_log_group_that_is_gone_fails(flown, scene):
    with scene.without_group():
        report, _ = flown()
    assert outcome(report) == dict.fromkeys(ALLOWED, "pass") | {"CAN-03": "fail", "CAN-04": "skip", "LOG-16": "fail"}


@pytest.mark.usefixtures("once")
def test_a_large_body_that_the_bucket_refuses_is_lost(flown, scene):
    with scene.without_bucket_policy():
        report, _ = flown("deep")
    assert outcome(report)["CAN-05"] == "fail", said(report)
    assert "lost" in said(report)["CAN-05"]


@pytest.mark.usefixtures("once")
def test_bodies_that_are_declared_off_are_not_in_the_records(flown, scene):
    scene.put_logging(textDataDeliveryEnabled=False)
    report, _ = flown()
    scene.put_logging()
    assert outcome(report) == dict.fromkeys(ALLOWED, "pass"), said(report)
    assert "without" in said(report)["CAN-04"]


@pytest.mark.full
@pytest.mark.usefixtures("once")
def test_ten_thousand_lines_of_others_are_looked_through_page_by_page(flown, scene):
    flown()  # makes the stream
    record = {"requestId": "somebody-else", "requestMetadata": {"bgw_purpose": "canary"}}
    scene.write(["no JSON", '{"requestId"', '["a"]', json.dumps(record)] * 2_501)
    report, _ = flown(canary_seconds=60)
    with scene.without_group():
        pass
    assert outcome(report) == dict.fromkeys(ALLOWED, "pass"), said(report)


def test_who_may_not_search_the_log_is_told_what_to_grant(flown):
    report, _ = flown(name="blind")
    assert outcome(report)["CAN-01"] == "pass"
    assert outcome(report)["CAN-03"] == "unknown"
    [fix] = {one.fix for one in report.results if one.id == "CAN-03"}
    assert fix.iam_action in {"logs:DescribeLogGroups", "logs:FilterLogEvents"}
    assert fix.command.startswith("bedrock-gateway policy --principal blind")


@pytest.mark.usefixtures("once")
def test_nothing_is_called_where_it_is_not_asked_for(flown):
    report, events = flown(canary=False)
    assert outcome(report) == {}
    assert not [one for one in events if one.name == "gateway.call_ended"]


def test_a_principal_without_the_capability_is_refused_before_anything_is_asked(flown):
    with pytest.raises(ConfigError, match="preflight-canary"):
        flown(name="app")


@pytest.mark.usefixtures("once")
def test_without_logging_no_model_is_called(flown, scene):
    scene.client("bedrock").delete_model_invocation_logging_configuration()
    report, events = flown()
    scene.put_logging()
    assert set(outcome(report).values()) == {"skip"}
    assert not [one for one in events if one.name == "gateway.call_ended"]


@pytest.mark.usefixtures("once")
def test_under_a_gate_it_runs_once_and_opens_the_way(both, account, scene):
    async def body() -> None:
        events: list[Any] = []
        values = {name: getattr(scene.config, name) for name in GatewayConfig.model_fields}
        config = GatewayConfig(**(values | {"preflight": {"mode": "enforce", "deadline_seconds": 60}}))
        session = both.session(*account.credentials("canary"))
        async with both.gateway(config, principal="canary", session=session, observers=[events.append]) as gateway:
            report = await gateway.preflight("minimal", canary=True, canary_seconds=0, deadline_seconds=60)
            assert outcome(report) == dict.fromkeys(ALLOWED, "pass")
            await gateway.converse("Hello", max_tokens=1)
        assert [one.name for one in events].count("preflight.ended") == 1
        assert [one.name for one in events].count("gateway.call_ended") == 3

    both.run(body)


def test_the_command_line_runs_it(account, scene, tmp_path, monkeypatch, capsys):
    from bedrock_gateway.cli import main

    written = scene.world.config_file.read_text()
    file = tmp_path / "gateway.toml"
    more = f'\n[principals.canary]\ncapabilities = {json.dumps(CAPABILITIES)}\nmodels = ["{MODEL}"]\n'
    file.write_text(written + more)
    key, secret, token = account.credentials("canary")
    for name, value in {"ACCESS_KEY_ID": key, "SECRET_ACCESS_KEY": secret, "SESSION_TOKEN": token}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    options = ["--level", "minimal", "--canary", "--canary-wait", "0", "--deadline", "60", "--output", "json"]
    code = main(["preflight", "--config", str(file), "--principal", "canary", *options])
    found = {one["id"]: one["status"] for one in json.loads(capsys.readouterr().out)["results"]}
    assert {found[one] for one in ALLOWED} == {"pass"}, found
    assert code == 0


def test_arguments_are_checked(both, scene):
    async def body() -> None:
        async with both.gateway(GatewayConfig(**scene.config.model_dump()), principal="canary") as gateway:
            for options in ({"canary": 1}, {"canary_seconds": -1}, {"canary_seconds": "x"}):
                with pytest.raises(Exception, match="preflight"):
                    await gateway.preflight(**options)

    both.run(body)
