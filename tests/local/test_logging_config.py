"""Logging over HTTP: what Put refuses, what it writes, and where the records arrive."""

import gzip
import json
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
REGION, ACCOUNT = "us-east-1", "123456789012"
CONDITION = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"},
}
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture
def account():
    from bedrock_gateway.local import LocalBedrock

    with LocalBedrock().serve() as server:

        def client(service):
            return boto3.client(
                service, endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )  # fmt: skip

        yield client


def trust(condition):
    principal = {"Service": "bedrock.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def watch(client, condition=CONDITION):
    group, role = f"/b/{uuid.uuid4().hex}", f"logging-{uuid.uuid4().hex[:8]}"
    client("logs").create_log_group(logGroupName=group)
    arn = client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust(condition))["Role"]["Arn"]
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:aws/bedrock/modelinvocations"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": stream}]}
    client("iam").put_role_policy(RoleName=role, PolicyName="write", PolicyDocument=json.dumps(policy))
    return {"logGroupName": group, "roleArn": arn}


def lines(client, config):
    found = client("logs").get_log_events(
        logGroupName=config["logGroupName"], logStreamName="aws/bedrock/modelinvocations", startFromHead=True
    )
    return [event["message"] for event in found["events"]]


def test_a_record_arrives_with_the_request_id_of_the_reply(account):
    config = watch(account)
    account("bedrock").put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": config})
    reply = account("bedrock-runtime").converse(modelId=HAIKU, messages=MESSAGES, requestMetadata={"team": "a"})
    check, record = lines(account, config)
    assert check == "Permissions are correctly set for Amazon Bedrock logs."
    record = json.loads(record)
    assert record["requestId"] == reply["ResponseMetadata"]["RequestId"]
    assert record["requestMetadata"] == {"team": "a"}


@pytest.mark.parametrize(
    "condition",
    [
        {**CONDITION, "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:*"}},
        {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    ],
)
def test_put_refuses_a_role_whose_trust_names_another_source(account, condition):
    config = watch(account, condition)
    with pytest.raises(ClientError, match=r"Failed to validate permissions for log group: .* Verify the IAM role"):
        account("bedrock").put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": config})
    assert "loggingConfig" not in account("bedrock").get_model_invocation_logging_configuration()


def test_a_bucket_needs_a_policy_for_the_service_and_then_holds_gzipped_records(account):
    bucket = f"logs-{uuid.uuid4().hex[:8]}"
    account("s3").create_bucket(Bucket=bucket)
    config = {"s3Config": {"bucketName": bucket, "keyPrefix": "p"}}
    with pytest.raises(ClientError, match="S3 bucket"):
        account("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    resource = f"arn:aws:s3:::{bucket}/p/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/*"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject",
        "Resource": resource, "Condition": CONDITION,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    account("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    account("bedrock-runtime").converse(modelId=HAIKU, messages=MESSAGES)
    keys = [one["Key"] for one in account("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    check, record = sorted(keys, key=lambda key: key.endswith(".gz"))
    assert check.endswith("BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check")
    body = account("s3").get_object(Bucket=bucket, Key=record)["Body"].read()
    assert json.loads(gzip.decompress(body))["operation"] == "Converse"


def test_a_role_broken_afterwards_loses_records_and_the_call_still_answers(account):
    config = watch(account)
    account("bedrock").put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": config})
    role = config["roleArn"].rpartition("/")[2]
    account("iam").delete_role_policy(RoleName=role, PolicyName="write")
    account("bedrock-runtime").converse(modelId=HAIKU, messages=MESSAGES)
    assert len(lines(account, config)) == 1
