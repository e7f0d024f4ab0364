"""Faults by name: in process and over HTTP, and what is said of those that cannot be made."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from bedrock_gateway.local import ROOT_ACCESS_KEY, ROOT_SECRET_KEY, LocalBedrock
from bedrock_gateway.local.disturbances import Disturbance, Disturbances
from bedrock_gateway.local.fault_control import PATH
from bedrock_gateway.local.faults import FAULTS

REGION = "us-east-1"


@pytest.fixture
def local():
    with LocalBedrock(region=REGION, pace_seconds=0) as made:
        made.reset()
        yield made
        made.state.of(Disturbances).clear()


def client(local, endpoint, service, **config):
    key, secret = local.root_credentials
    once = Config(retries={"total_max_attempts": 1}, **config)
    return boto3.client(
        service, REGION, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, config=once
    )


def asked(endpoint, method="GET", *, who=(ROOT_ACCESS_KEY, ROOT_SECRET_KEY), **content):
    token = base64.b64encode(":".join(who).encode()).decode()
    body = json.dumps(content).encode() if content else None
    request = urllib.request.Request(endpoint + PATH, body, {"Authorization": f"Basic {token}"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_fault_is_made_in_process(local):
    iam = local.session().client("iam")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}')  # fmt: skip
    local.fault("an administrator", role="app")
    attached = iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["AdministratorAccess"]


def test_what_is_no_fault_or_lacks_a_detail_is_said(local):
    with pytest.raises(ValueError, match="did you mean 'no bucket policy'"):
        local.fault("no bucket polcy")
    with pytest.raises(ValueError, match="which role"):
        local.fault("an administrator")
    with pytest.raises(ValueError, match="which bucket"):
        local.fault("no bucket policy")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        local.fault("no bucket policy", bucket="not-there")
    with pytest.raises(ValueError, match="a disturbance is one of throttled"):
        local.state.of(Disturbances).add(Disturbance("noisy"))


def test_faults_are_made_over_http_by_root_alone(local):
    with local.serve() as server:
        status, names = asked(server.endpoint)
        assert status == 200
        assert names["no bucket policy"] == "calls"
        assert names["root without MFA"] == "switch"
        assert set(names) == set(FAULTS)
        assert asked(server.endpoint, "POST", name="root without MFA") == (200, {"made": "root without MFA"})
        summary = client(local, server.endpoint, "iam").get_account_summary()["SummaryMap"]
        assert summary["AccountMFAEnabled"] == 0
        assert asked(server.endpoint, "POST", name="none")[0] == 400
        assert asked(server.endpoint, "POST", region=3)[0] == 400
        assert asked(server.endpoint, "POST", name="no bucket policy", details={"bucket": "not-there"})[0] == 409
        assert asked(server.endpoint, "DELETE")[0] == 405
        for who in (("", ""), (ROOT_ACCESS_KEY, "wrong"), ("AKIAIOSFODNN7OTHER00", ROOT_SECRET_KEY)):
            assert asked(server.endpoint, "POST", who=who, name="keys of root")[0] == 401
        assert (
            client(local, server.endpoint, "iam").get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
        )


THROTTLES = [
    ("bedrock", "list_foundation_models", "ThrottlingException", 429),
    ("iam", "list_users", "Throttling", 400),
    ("s3", "list_buckets", "SlowDown", 503),
    ("logs", "describe_log_groups", "ThrottlingException", 400),
]


@pytest.mark.parametrize(("service", "operation", "code", "status"), THROTTLES)
def test_a_throttled_service_says_so_in_its_own_words_and_no_other_one(local, service, operation, code, status):
    local.fault("a throttled endpoint", service=service)
    with local.serve() as server:
        with pytest.raises(ClientError) as caught:
            getattr(client(local, server.endpoint, service), operation)()
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
        assert client(local, server.endpoint, "sts").get_caller_identity()["Account"] == local.account


def test_a_disturbance_can_be_about_one_operation_and_be_over_after_a_while(local):
    rule = Disturbance("unavailable", "sts", "GetCallerIdentity", times=1)
    local.state.of(Disturbances).add(rule)
    sts = local.session().client("sts", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        sts.get_caller_identity()
    assert sts.get_caller_identity()["Account"] == local.account


def test_an_endpoint_that_never_answers_lets_go_when_it_is_told_to(local):
    local.fault("an endpoint that never answers", service="sts")
    with local.serve() as server:
        sts = client(local, server.endpoint, "sts", read_timeout=0.2)
        with pytest.raises(ReadTimeoutError):
            sts.get_caller_identity()
        local.state.of(Disturbances).clear()
        assert client(local, server.endpoint, "sts").get_caller_identity()["Account"] == local.account


def test_the_clock_is_in_every_answer_and_signatures_go_by_it(local):
    with local.serve() as server:
        sts = client(local, server.endpoint, "sts")
        local.fault("a clock two minutes off", seconds="120")
        ahead = sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
        local.fault("a clock two minutes off", seconds="-120")
        behind = sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
        assert ahead != behind
        local.fault("a clock two minutes off", seconds="1000")
        with pytest.raises(ClientError) as caught:
            sts.get_caller_identity()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_making_a_local_bedrock_loads_neither_moto_nor_boto3_for_its_faults():
    code = (
        "import sys; from bedrock_gateway.local import LocalBedrock; LocalBedrock();"
        "print([name for name in ('moto', 'boto3', 'bedrock_gateway.local.faults.buckets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
