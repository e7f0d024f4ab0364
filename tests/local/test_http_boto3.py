"""Bare boto3 over HTTP: every listing pages, every reply has boto3's shape, every error the service's own code."""

from __future__ import annotations

import base64
import concurrent.futures
import json
from typing import Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.config import Config
from botocore.exceptions import ClientError

REGION, ACCOUNT = "us-east-1", "123456789012"
NOVA, HAIKU = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"


def failed(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def paged(client: Any, operation: str, key: str, size: int, **params: Any) -> list[Any]:
    """Every row of a paginated operation, after a check that no page is larger than *size*."""
    pages = list(client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": size}))
    assert len(pages) > 1, "the test needs more than one page"
    assert all(len(page[key]) <= size for page in pages)
    return [row for page in pages for row in page[key]]


def test_a_reply_carries_bedrocks_headers_and_one_request_id(served):
    reply = served.client("bedrock-runtime").invoke_model(modelId=HAIKU, body=served.claude("Hello"))
    headers = reply["ResponseMetadata"]["HTTPHeaders"]
    assert json.loads(reply["body"].read())["content"][0]["text"]
    assert reply["contentType"] == "application/json"
    for name in ("invocation-latency", "input-token-count", "output-token-count"):
        assert int(headers[f"x-amzn-bedrock-{name}"]) > 0
    assert headers["x-amzn-requestid"] == reply["ResponseMetadata"]["RequestId"]
    assert "content-encoding" not in headers


def test_a_body_without_content_type_is_json(served):
    client = served.client("bedrock-runtime")
    client.meta.events.register("before-sign", lambda request, **_: request.headers.__delitem__("Content-Type"))
    assert client.invoke_model(modelId=HAIKU, body=served.claude())["body"].read()


def test_both_streams_end_with_their_usage(served):
    client = served.client("bedrock-runtime")
    events = list(client.converse_stream(modelId=NOVA, messages=served.said("one two three"))["stream"])
    assert list(events[0]) == ["messageStart"]
    assert [next(iter(event)) for event in events[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0
    chunks = client.invoke_model_with_response_stream(
        modelId=HAIKU, body=served.claude("one two"), accept="application/json"
    )
    rows = [json.loads(event["chunk"]["bytes"]) for event in chunks["body"]]
    assert chunks["contentType"] == "application/json"
    assert [rows[0]["type"], rows[-1]["type"]] == ["message_start", "message_stop"]
    assert rows[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0


def test_listings_of_bedrock_page(served):
    bedrock = served.client("bedrock")
    profiles = paged(bedrock, "list_inference_profiles", "inferenceProfileSummaries", 7)
    assert len({row["inferenceProfileArn"] for row in profiles}) == len(profiles) > 30
    for number in range(3):
        source = {"copyFrom": f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"}
        bedrock.create_inference_profile(inferenceProfileName=f"page-{number}", modelSource=source)
    own = paged(bedrock, "list_inference_profiles", "inferenceProfileSummaries", 1, typeEquals="APPLICATION")
    assert {f"page-{number}" for number in range(3)} <= {row["inferenceProfileName"] for row in own}
    assert failed(bedrock.list_inference_profiles, nextToken="!")[0] == "ValidationException"


@pytest.mark.parametrize(
    ("member", "value", "key"),
    [
        ("byProvider", "Amazon", "providerName"),
        ("byOutputModality", "EMBEDDING", "outputModalities"),
        ("byInferenceType", "INFERENCE_PROFILE", "inferenceTypesSupported"),
    ],
)
def test_models_are_filtered(served, member, value, key):
    bedrock = served.client("bedrock")
    everything, found = (bedrock.list_foundation_models(**one)["modelSummaries"] for one in ({}, {member: value}))
    assert found == [row for row in everything if value in (row[key] if isinstance(row[key], list) else [row[key]])]
    assert 0 < len(found) < len(everything)


def test_listings_of_knowledge_bases_page(served):
    agent, runtime = served.client("bedrock-agent"), served.client("bedrock-agent-runtime")
    base, source = served.knowledge_base("paging", one__txt="Annual leave is 25 days. " * 40)
    served.knowledge_base("paging2", one__txt="Nothing of interest.")
    bases = paged(agent, "list_knowledge_bases", "knowledgeBaseSummaries", 1)
    assert {"paging", "paging2"} <= {row["name"] for row in bases}
    where = {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::docs-paging"}}
    agent.create_data_source(knowledgeBaseId=base, name="other", dataSourceConfiguration=where)
    sources = paged(agent, "list_data_sources", "dataSourceSummaries", 1, knowledgeBaseId=base)
    assert {row["name"] for row in sources} == {"s3", "other"}
    served.ingest(base, source)
    jobs = paged(agent, "list_ingestion_jobs", "ingestionJobSummaries", 1, knowledgeBaseId=base, dataSourceId=source)
    assert len(jobs) == 2
    pages = runtime.get_paginator("retrieve").paginate(knowledgeBaseId=base, retrievalQuery={"text": "annual leave"})
    assert [row["location"]["s3Location"]["uri"] for page in pages for row in page["retrievalResults"]]


def test_listings_of_other_services_page(served):
    s3, vectors, logs, iam = (served.client(name) for name in ("s3", "s3vectors", "logs", "iam"))
    s3.create_bucket(Bucket="many-objects")
    vectors.create_vector_bucket(vectorBucketName="many-vectors")
    for number in range(3):
        s3.put_object(Bucket="many-objects", Key=f"a/{number}", Body=b"x")
        logs.create_log_group(logGroupName=f"/many/{number}")
        iam.create_role(RoleName=f"many-{number}", AssumeRolePolicyDocument=served.trust())
        vectors.create_index(
            vectorBucketName="many-vectors", indexName=f"index-{number}", dataType="float32", dimension=2,
            distanceMetric="cosine",
        )  # fmt: skip
    assert len(paged(s3, "list_objects_v2", "Contents", 2, Bucket="many-objects")) == 3
    found = paged(logs, "describe_log_groups", "logGroups", 2, logGroupNamePrefix="/many/")
    assert len(found) == 3
    assert len(paged(iam, "list_roles", "Roles", 2)) >= 3
    indexes = vectors.get_paginator("list_indexes").paginate(vectorBucketName="many-vectors")
    assert len([row for page in indexes for row in page["indexes"]]) == 3


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "status"),
    [
        ("bedrock-runtime", "converse", {"modelId": "no.such-model", "messages": []}, "ValidationException", 400),
        ("bedrock", "get_inference_profile", {"inferenceProfileIdentifier": "us.no"}, "ResourceNotFoundException", 404),
        ("bedrock-agent", "get_knowledge_base", {"knowledgeBaseId": "ABCDEFGHIJ"}, "ResourceNotFoundException", 404),
        ("bedrock-agent", "list_agents", {}, "NotImplementedException", 501),
        ("bedrock", "list_custom_models", {}, "NotImplementedException", 501),
        ("s3", "get_object", {"Bucket": "no-such-bucket", "Key": "k"}, "NoSuchBucket", 404),
        ("s3", "head_object", {"Bucket": "no-such-bucket", "Key": "k"}, "404", 404),
        ("iam", "get_role", {"RoleName": "nobody"}, "NoSuchEntity", 404),
        ("logs", "get_log_events", {"logGroupName": "/no", "logStreamName": "no"}, "ResourceNotFoundException", 400),
        ("s3vectors", "get_vector_bucket", {"vectorBucketName": "nothing"}, "NotFoundException", 404),
        ("service-quotas", "list_services", {}, "NotImplemented", 501),
        ("accessanalyzer", "list_analyzers", {}, "NotImplemented", 501),
        ("pricing", "describe_services", {}, "NotImplemented", 501),
        ("ec2", "describe_vpc_block_public_access_options", {}, "NotImplemented", 501),
        ("route53", "get_geo_location", {}, "NotImplemented", 501),
    ],
)
def test_an_error_has_the_services_own_code(served, service, operation, params, code, status):
    assert failed(getattr(served.client(service), operation), **params) == (code, status)


def test_the_caller_is_who_signed(served):
    assert served.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    key = served.user("whoami")
    assert served.client("sts", key).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/whoami"


def test_a_session_of_a_user_has_the_users_rights_and_needs_its_token(served):
    key = served.user("for-a-while", served.allow("bedrock:ListFoundationModels"))
    session = served.client("sts", key).get_session_token(DurationSeconds=900)["Credentials"]
    assert served.client("sts", session).get_caller_identity()["Arn"].endswith(":user/for-a-while")
    assert served.client("bedrock", session).list_foundation_models()["modelSummaries"]
    assert failed(served.client("bedrock", session).list_inference_profiles) == ("AccessDeniedException", 403)
    cut = {name: value for name, value in session.items() if name != "SessionToken"}
    assert failed(served.client("bedrock", cut).list_foundation_models) == ("UnrecognizedClientException", 403)


def test_a_boundary_of_a_user_can_be_put_and_taken_away(served):
    iam = served.client("iam")
    models = served.client("bedrock", served.user("bounded", served.allow("bedrock:*"))).list_foundation_models
    document = served.policy(served.allow("s3:*"))
    arn = iam.create_policy(PolicyName="s3-only", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary=arn)
    assert failed(models) == ("AccessDeniedException", 403)
    iam.delete_user_permissions_boundary(UserName="bounded")
    assert models()["modelSummaries"]
    missing = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert failed(iam.put_user_permissions_boundary, UserName="bounded", PermissionsBoundary=missing) == (
        "NoSuchEntity",
        404,
    )


def test_an_object_survives_the_way_there_and_back_with_its_checksum(served):
    once = {"total_max_attempts": 1}  # the SDK sends a bad digest again, and waits in between
    s3 = served.client("s3", config=Config(request_checksum_calculation="when_supported", retries=once))
    s3.create_bucket(Bucket="round-trip")
    for algorithm in ("CRC32", "SHA256"):
        key = f"a b+c/ü~{algorithm}.bin"
        s3.put_object(Bucket="round-trip", Key=key, Body=bytes(range(256)) * 5000, ChecksumAlgorithm=algorithm)
        found = s3.get_object(Bucket="round-trip", Key=key, ChecksumMode="ENABLED")
        assert found["Body"].read() == bytes(range(256)) * 5000
        assert s3.head_object(Bucket="round-trip", Key=key)["ContentLength"] == 256 * 5000
    wrong = {"Bucket": "round-trip", "Key": "k", "Body": b"x"}
    md5, sha256 = (base64.b64encode(b"0" * size).decode() for size in (16, 32))
    assert failed(s3.put_object, **wrong, ContentMD5=md5) == ("BadDigest", 400)
    assert failed(s3.put_object, **wrong, ChecksumSHA256=sha256) == ("BadDigest", 400)
    assert failed(s3.head_object, Bucket="round-trip", Key="k") == ("404", 404)


def test_thirty_two_threads_get_what_each_asked_for(served):
    runtime, s3 = served.client("bedrock-runtime"), served.client("s3")
    s3.create_bucket(Bucket="threads")

    def work(number: int) -> tuple[str, bytes, str]:
        reply = runtime.converse(modelId=NOVA, messages=served.said(f"number {number}."))
        s3.put_object(Bucket="threads", Key=str(number), Body=str(number).encode())
        stream = runtime.converse_stream(modelId=NOVA, messages=served.said(f"stream {number}."))["stream"]
        deltas = [event["contentBlockDelta"]["delta"]["text"] for event in stream if "contentBlockDelta" in event]
        body = s3.get_object(Bucket="threads", Key=str(number))["Body"].read()
        return reply["output"]["message"]["content"][0]["text"], body, "".join(deltas)

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for number, (text, body, streamed) in enumerate(pool.map(work, range(96))):
            assert text.endswith(f"number {number}.")
            assert streamed.endswith(f"stream {number}.")
            assert body == str(number).encode()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_works_without_credentials_and_for_its_method_alone(served, version):
    import urllib3

    s3 = served.client("s3", config=Config(signature_version=version))
    served.client("s3").create_bucket(Bucket=f"presigned-{version}")
    where = {"Bucket": f"presigned-{version}", "Key": "a b/ü.txt"}
    http = urllib3.PoolManager(retries=False)
    put = s3.generate_presigned_url("put_object", where)
    assert http.request("PUT", put, body=b"hello").status == 200
    get = s3.generate_presigned_url("get_object", {**where, "ResponseContentType": "text/x"})
    assert http.request("GET", get).data == b"hello"
    for url, method in ((get, "DELETE"), (put, "GET"), (get.replace("Expires=", "Expires=9"), "GET")):
        refusal = http.request(method, url)
        assert (refusal.status, b"<Code>" in refusal.data) == (403, True)
    over = s3.generate_presigned_url("get_object", where, ExpiresIn=-1 if version == "s3" else 0)
    served.local.app.gate.directory.now = later(served)
    try:
        refusal = http.request("GET", over)
    finally:
        del served.local.app.gate.directory.now
    assert (refusal.status, b"Request has expired" in refusal.data) == (403, True)


def later(served: Any) -> Any:
    import datetime as dt

    then = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    return lambda: then


def test_a_reply_and_its_log_record_carry_one_request_id(served):
    logs, bedrock, runtime = (served.client(name) for name in ("logs", "bedrock", "bedrock-runtime"))
    logs.create_log_group(logGroupName="/invocations")
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/invocations:log-stream:aws/bedrock/modelinvocations"
    role = served.role("logging", served.allow(["logs:CreateLogStream", "logs:PutLogEvents"], stream))
    condition = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"},
    }
    statement = {**json.loads(served.trust())["Statement"][0], "Condition": condition}
    config = {
        "cloudWatchConfig": {"logGroupName": "/invocations", "roleArn": role},
        "textDataDeliveryEnabled": True,
    }

    def put(region: str) -> None:
        where = {"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{region}:{ACCOUNT}:*"}}
        trust = served.policy({**statement, "Condition": {**condition, **where}})
        served.client("iam").update_assume_role_policy(RoleName="logging", PolicyDocument=trust)
        bedrock.put_model_invocation_logging_configuration(loggingConfig=config)

    assert failed(put, region="eu-west-1") == ("ValidationException", 400)
    put(REGION)
    replies = {
        "InvokeModel": runtime.invoke_model(modelId=HAIKU, body=served.claude()),
        "InvokeModelWithResponseStream": runtime.invoke_model_with_response_stream(modelId=HAIKU, body=served.claude()),
        "Converse": runtime.converse(modelId=NOVA, messages=served.said("Hello")),
        "ConverseStream": runtime.converse_stream(modelId=NOVA, messages=served.said("Hello")),
    }
    chunks = list(replies["InvokeModelWithResponseStream"]["body"])
    assert list(replies["ConverseStream"]["stream"])
    bedrock.delete_model_invocation_logging_configuration()
    name = "aws/bedrock/modelinvocations"
    events = logs.get_log_events(logGroupName="/invocations", logStreamName=name, startFromHead=True)["events"]
    records = [json.loads(event["message"]) for event in events[1:]]
    known = {record["operation"]: record for record in records}
    assert known.keys() == replies.keys()
    for operation, reply in replies.items():
        assert known[operation]["requestId"] == reply["ResponseMetadata"]["RequestId"]
        assert known[operation]["identity"] == {"arn": f"arn:aws:iam::{ACCOUNT}:root"}
    assert len(known["InvokeModelWithResponseStream"]["output"]["outputBodyJson"]) == len(chunks)
