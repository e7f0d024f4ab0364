"""What the account says of itself: quotas, metrics, its root user, MFA, and when services were last used."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.account.quotas import TOKENS_A_MINUTE, Quotas
from bedrock_gateway.local.account.root import Root
from bedrock_gateway.local.models.fault_rules import FaultRule, Faults
from tests.local.conftest import Served, allow, policy, said

REGION, ACCOUNT, NOVA = "us-east-1", "123456789012", "amazon.nova-lite-v1:0"
ON_DEMAND = "On-demand model inference tokens per minute for Amazon Nova Lite"


@pytest.fixture(scope="module")
def served():
    with LocalBedrock(region=REGION, pace_seconds=0) as local, local.serve() as server:
        local.reset()
        yield Served(local, server.endpoint)
        local.reset()


def quotas_of(client, operation="list_service_quotas"):
    pages = client.get_paginator(operation).paginate(ServiceCode="bedrock")
    return {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}


def test_every_model_has_the_quotas_of_how_it_can_be_called(served):
    found = quotas_of(served.client("service-quotas"))
    assert found[ON_DEMAND]["Value"] == TOKENS_A_MINUTE
    assert ON_DEMAND.replace("On-demand", "Cross-region") in found
    assert len({quota["QuotaCode"] for quota in found.values()}) == len(found)
    assert all("L-" in quota["QuotaCode"] and ":servicequotas:" in quota["QuotaArn"] for quota in found.values())


def test_what_the_account_was_given_differs_from_the_default(served):
    client = served.client("service-quotas")
    code = quotas_of(client)[ON_DEMAND]["QuotaCode"]
    served.local.state.of(Quotas).values[REGION, ON_DEMAND] = 0.0
    assert client.get_service_quota(ServiceCode="bedrock", QuotaCode=code)["Quota"]["Value"] == 0
    assert quotas_of(client)[ON_DEMAND]["Value"] == 0
    default = client.get_aws_default_service_quota(ServiceCode="bedrock", QuotaCode=code)["Quota"]
    assert (
        default["Value"] == quotas_of(client, "list_aws_default_service_quotas")[ON_DEMAND]["Value"] == TOKENS_A_MINUTE
    )
    with pytest.raises(ClientError) as caught:
        client.get_service_quota(ServiceCode="bedrock", QuotaCode="L-00000000")
    assert caught.value.response["Error"]["Code"] == "NoSuchResourceException"


def test_quotas_are_read_by_who_may(served):
    mine = served.client("service-quotas", served.user("counter", allow("servicequotas:ListServiceQuotas")))
    assert mine.list_service_quotas(ServiceCode="bedrock", MaxResults=1)["NextToken"] == "1"
    with pytest.raises(ClientError) as caught:
        mine.get_service_quota(ServiceCode="bedrock", QuotaCode="L-00000000")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def total(served, metric, model=None, region=REGION):
    now = datetime.now(UTC)
    dimensions = [{"Name": "ModelId", "Value": model}] if model else []
    stat = {"Metric": {"Namespace": "AWS/Bedrock", "MetricName": metric, "Dimensions": dimensions}, "Period": 300}
    found = served.client("cloudwatch", region=region).get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": stat | {"Stat": "Sum"}}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=2),
    )
    return sum(found["MetricDataResults"][0]["Values"])


def test_a_call_is_an_invocation_a_throttle_or_an_error(served):
    client = served.client("bedrock-runtime", region="us-west-2")
    for _ in range(3):
        client.converse(modelId=NOVA, messages=said("Hello"))
    rules = served.local.state.of(Faults).rules
    rules += [FaultRule(code="ThrottlingException", status=429, times=1)]
    for call in (
        lambda: client.converse(modelId=NOVA, messages=said("Hello")),
        lambda: client.invoke_model(modelId="us.amazon.nova-lite-v1:0", body="not JSON"),
    ):
        with pytest.raises(ClientError):
            call()
    rules.clear()
    counted = {
        name: total(served, name, region="us-west-2")
        for name in ("Invocations", "InvocationThrottles", "InvocationClientErrors")
    }
    assert counted == {"Invocations": 3, "InvocationThrottles": 1, "InvocationClientErrors": 1}
    assert total(served, "InvocationClientErrors", NOVA, "us-west-2") == 0
    assert total(served, "InputTokenCount", NOVA, "us-west-2") > 0


def test_a_record_that_comes_and_one_that_is_lost_are_counted(served):
    group, role = "/metrics", served.role("writes", allow("logs:*"))
    served.client("logs").create_log_group(logGroupName=group)
    config = {"cloudWatchConfig": {"logGroupName": group, "roleArn": role}, "textDataDeliveryEnabled": True}
    served.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    client = served.client("bedrock-runtime")
    client.converse(modelId=NOVA, messages=said("Hello"))
    served.client("iam").delete_role_policy(RoleName="writes", PolicyName="inline")
    client.converse(modelId=NOVA, messages=said("Hello"))
    served.client("bedrock").delete_model_invocation_logging_configuration()
    client.converse(modelId=NOVA, messages=said("Hello"))
    name = "ModelInvocationLogsCloudWatchDelivery"
    assert (total(served, f"{name}Success"), total(served, f"{name}Failure")) == (1, 1)
    assert total(served, "ModelInvocationLogsS3DeliverySuccess") == 0


def test_metrics_go_on_after_everything_was_forgotten():
    with LocalBedrock(region=REGION, account="111122223333", pace_seconds=0) as local, local.serve() as server:
        mine = Served(local, server.endpoint)
        for _ in range(2):
            local.reset()
            mine.client("bedrock-runtime").converse(modelId=NOVA, messages=said("Hello"))
            assert total(mine, "Invocations") == 1


def test_root_has_mfa_and_no_keys_until_somebody_says_otherwise(served):
    iam, root = served.client("iam"), served.local.state.of(Root)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]) == (1, 0)
    assert summary["GroupPolicySizeQuota"] == 5120
    root.mfa, root.access_keys = False, True
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["AccountMFAEnabled"], summary["AccountAccessKeysPresent"]) == (0, 1)
    root.mfa, root.access_keys = True, False


def test_the_credential_report_begins_with_root(served):
    iam = served.client("iam")
    iam.create_user(UserName="reported")
    iam.create_access_key(UserName="reported")
    iam.generate_credential_report()
    rows = list(csv.DictReader(iam.get_credential_report()["Content"].decode().splitlines()))
    assert (rows[0]["user"], rows[0]["mfa_active"], rows[0]["access_key_1_active"]) == (
        "<root_account>",
        "true",
        "false",
    )
    mine = next(row for row in rows if row["user"] == "reported")
    assert (mine["mfa_active"], mine["access_key_1_active"]) == ("false", "true")


def test_a_user_sees_its_own_mfa_devices_without_naming_itself(served):
    iam = served.client("iam")
    key = served.user("careful", allow("iam:ListMFADevices", f"arn:aws:iam::{ACCOUNT}:user/careful"))
    mine = served.client("iam", key)
    assert mine.list_mfa_devices()["MFADevices"] == []
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="careful")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="careful", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    assert [one["SerialNumber"] for one in mine.list_mfa_devices()["MFADevices"]] == [serial]
    assert mine.list_mfa_devices(UserName="careful")["MFADevices"]


def test_what_was_asked_last_is_told_for_every_service_that_the_policies_name(served):
    iam = served.client("iam")
    key = served.user("seldom", allow("bedrock:InvokeModel"), allow("s3:ListAllMyBuckets"), allow("kms:Decrypt"))
    served.client("bedrock-runtime", key).converse(modelId=NOVA, messages=said("Hello"))
    with pytest.raises(ClientError):
        served.client("iam", key).list_roles()
    job = iam.generate_service_last_accessed_details(Arn=f"arn:aws:iam::{ACCOUNT}:user/seldom")["JobId"]
    report = iam.get_service_last_accessed_details(JobId=job)
    found = {one["ServiceNamespace"]: one.get("LastAuthenticated") for one in report["ServicesLastAccessed"]}
    assert set(found) == {"bedrock", "s3", "kms", "iam"}
    assert found["s3"] is found["kms"] is None
    assert abs(found["bedrock"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert found["iam"] is not None
    assert report["JobStatus"] == "COMPLETED"


def test_a_role_that_a_session_used_was_used(served):
    iam, user = served.client("iam"), served.user("assumer", allow("sts:AssumeRole"))
    who = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="used", AssumeRolePolicyDocument=policy(who))
    iam.put_role_policy(RoleName="used", PolicyName="call", PolicyDocument=policy(allow("bedrock:*")))
    arn = f"arn:aws:iam::{ACCOUNT}:role/used"
    given = served.client("sts", user).assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]
    served.client("bedrock", given).list_foundation_models()
    job = iam.generate_service_last_accessed_details(Arn=arn)["JobId"]
    (found,) = iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    assert (found["ServiceNamespace"], found["LastAuthenticatedEntity"]) == ("bedrock", arn)
