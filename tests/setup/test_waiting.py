"""What passes by itself is waited for, bounded and with progress; nothing else is. Time is a number here."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from bedrock_gateway import InvalidRequestError, ServiceError, SetupIncompleteError, TransportError
from bedrock_gateway.errors import ConflictError, IngestionFailedError
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import Patience

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

CANNOT_ASSUME = "Bedrock Knowledge Base was unable to assume the given role. Provide the proper permissions and retry."
CANNOT_EMBED = (
    "Knowledge base role arn:aws:iam::123456789012:role/x is not able to call specified embedding model y: no"
)
NO_VECTORS = (
    "The knowledge base storage configuration provided is invalid... User: arn:aws:sts::123456789012:assumed-role/x/y is "
    "not authorized to perform: s3vectors:GetIndex on resource: z because no identity-based policy allows it"
)
FORBIDDEN = (
    "The knowledge base storage configuration provided is invalid... Request failed: [security_exception] 403 Forbidden"
)
RUNNING = "There is an ongoing ingestion job with ID ABCDEFGHIJ for the knowledge base with ID KB12345678."


def refused(operation, code, message, status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


def refusing(operation, code, message, times, status=400):
    """Refuse the first *times* calls of *operation* in AWS's words."""
    left = [times]

    def around(watched, send):
        if send.operation == operation and left[0]:
            left[0] -= 1
            raise refused(operation, code, message, status)
        return watched.perform(send)

    return around


@pytest.mark.parametrize("message", [CANNOT_ASSUME, CANNOT_EMBED, NO_VECTORS, FORBIDDEN])
def test_a_role_that_is_not_known_everywhere_yet_is_waited_for(account, message):
    view, watched = account.view(
        refusing("CreateKnowledgeBase", "ValidationException", message, 5), sleeps_for_real=False
    )
    account.create(view, ingest=False, patience=Patience())
    assert watched.sent.count("CreateKnowledgeBase") == 6
    assert watched.slept[:5] == [1, 2, 4, 8, 15]
    told = [one for one in account.events if one.name == "setup.progressed" and one.progress == "waiting"]
    assert len(told) >= 5
    assert "ValidationException" in told[0].reason
    assert account.inventory() == account.planned()


def test_the_wait_for_a_role_is_bounded_and_what_exists_is_listed(account):
    view, watched = account.view(
        refusing("CreateKnowledgeBase", "ValidationException", CANNOT_ASSUME, 10_000), sleeps_for_real=False
    )
    with pytest.raises(SetupIncompleteError) as caught:
        account.create(view, patience=Patience())
    assert isinstance(caught.value.__cause__, InvalidRequestError)
    assert 100 < watched.clock <= 120
    assert caught.value.step == "knowledge base"
    kinds = [one.split(" arn")[0].split(" handbook")[0] for one in caught.value.exists]
    assert kinds == ["role", "vector bucket", "vector index"]
    assert "kb resume handbook" in str(caught.value)
    account.resume()
    assert account.inventory() == account.planned()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationException", "The embedding model does not exist."),
        ("ValidationException", "1 validation error detected"),
        ("AccessDeniedException", CANNOT_ASSUME),
    ],
)
def test_any_other_refusal_is_an_error_at_once(account, code, message):
    view, watched = account.view(refusing("CreateKnowledgeBase", code, message, 10_000), sleeps_for_real=False)
    with pytest.raises(SetupIncompleteError) as caught:
        account.create(view)
    assert isinstance(caught.value.__cause__, ServiceError)
    assert watched.sent.count("CreateKnowledgeBase") == 1
    assert watched.slept == []


def test_a_policy_on_a_role_that_is_not_seen_yet_is_waited_for(account):
    view, watched = account.view(
        refusing("PutRolePolicy", "NoSuchEntity", "The role cannot be found.", 2, 404), sleeps_for_real=False
    )
    account.create(view, ingest=False)
    assert watched.sent.count("PutRolePolicy") == 3


def test_a_role_that_exists_and_is_not_shown_yet_is_looked_at_again(account):
    """The answer of CreateRole is lost, the second one says that it exists, and GetRole does not know it yet."""
    state = {"lost": False, "blind": 2}

    def around(watched, send):
        if send.operation == "GetRole" and state["lost"] and state["blind"]:
            state["blind"] -= 1
            raise refused("GetRole", "NoSuchEntity", "The role with name x cannot be found.", 404)
        reply = watched.perform(send)
        if send.operation == "CreateRole" and not state["lost"]:
            state["lost"] = True
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        return reply

    view, _ = account.view(around, sleeps_for_real=False)
    account.create(view, ingest=False)
    assert state == {"lost": True, "blind": 0}
    assert account.inventory() == account.planned()


def test_another_job_of_the_knowledge_base_is_waited_for(account):
    account.create()
    view, watched = account.view(
        refusing("StartIngestionJob", "ConflictException", RUNNING, 3, 409), sleeps_for_real=False
    )
    (job,) = knowledge.ingest(view, "handbook", folder=account.folder, patience=Patience())
    assert job.status == "COMPLETE"
    assert watched.sent.count("StartIngestionJob") == 4


def test_the_wait_for_another_job_is_bounded(account):
    account.create()
    view, watched = account.view(
        refusing("StartIngestionJob", "ConflictException", RUNNING, 10_000, 409), sleeps_for_real=False
    )
    with pytest.raises(ConflictError, match="ongoing ingestion job"):
        knowledge.ingest(view, "handbook", folder=account.folder, patience=Patience(queue=60))
    assert 30 < watched.clock <= 60


def test_the_local_bedrock_says_of_a_running_job_what_is_waited_for(account):
    """A stopped clock in the local Bedrock: the first job has not ended when the second is asked for."""
    created = account.create()
    agent = account.root("bedrock-agent")
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
    s3 = account.root("s3")
    for number in range(30):
        s3.put_object(Bucket=bucket, Key=f"more/{number}.txt", Body=b"A line about laptops.\n" * 400)
    try:
        ids = {"knowledgeBaseId": created.id, "dataSourceId": created.data_sources["handbook-0"]}
        agent.start_ingestion_job(**ids)
        view, watched = account.view()
        (job,) = knowledge.ingest(view, "handbook", folder=account.folder, patience=Patience(first_wait=0.05))
        assert job.status == "COMPLETE"
        assert watched.sent.count("StartIngestionJob") >= 2
    finally:
        for number in range(30):
            s3.delete_object(Bucket=bucket, Key=f"more/{number}.txt")


def answering(operation, member, *replies):
    """Answer *operation* with these changes over the real reply, the last one for ever."""
    left = list(replies)

    def around(watched, send):
        reply = watched.perform(send)
        if send.operation == operation:
            change = left.pop(0) if len(left) > 1 else left[0]
            return {**reply, member: {**reply[member], **change}}
        return reply

    return around


def test_a_knowledge_base_that_is_still_being_made_is_waited_for(account):
    creating = {"status": "CREATING"}
    view, watched = account.view(
        answering("GetKnowledgeBase", "knowledgeBase", creating, creating, creating, {}), sleeps_for_real=False
    )
    account.create(view, ingest=False)
    assert watched.sent.count("GetKnowledgeBase") == 4


def test_a_knowledge_base_that_never_comes_up_ends_the_wait_with_what_exists(account):
    view, watched = account.view(
        answering("GetKnowledgeBase", "knowledgeBase", {"status": "CREATING"}), sleeps_for_real=False
    )
    with pytest.raises(SetupIncompleteError, match="still CREATING") as caught:
        account.create(view, patience=Patience())
    assert isinstance(caught.value.__cause__, TransportError)
    assert 800 < watched.clock <= 900
    assert any("knowledge base handbook" in one and "may exist" not in one for one in caught.value.exists)


def test_a_knowledge_base_that_failed_says_why(account):
    failed = {"status": "FAILED", "failureReasons": ["The role was deleted."]}
    view, _ = account.view(answering("GetKnowledgeBase", "knowledgeBase", failed), sleeps_for_real=False)
    with pytest.raises(SetupIncompleteError, match="FAILED: The role was deleted"):
        account.create(view)


def test_a_first_ingestion_that_failed_is_another_one_the_next_time(account):
    """The role loses its rights just before the job begins; going on writes its policy again."""

    def around(watched, send):
        if send.operation == "StartIngestionJob":
            account.root("iam").delete_role_policy(
                RoleName="AmazonBedrockGateway-kb-handbook", PolicyName="bedrock-gateway"
            )
        return watched.perform(send)

    view, _ = account.view(around)
    with pytest.raises(SetupIncompleteError) as caught:
        account.create(view)
    cause = caught.value.__cause__
    assert isinstance(cause, IngestionFailedError)
    assert "not authorized" in cause.job.failure_reasons[0]
    view, watched = account.view()
    created = account.resume(view)
    assert created.jobs[0].status == "COMPLETE"
    assert watched.sent.count("StartIngestionJob") == 1


def test_documents_that_fail_are_named_with_the_reason(account):
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
    s3 = account.root("s3")
    s3.put_object(Bucket=bucket, Key="broken.md", Body=b"\xff\xfe\x00 not a text \x80")
    s3.put_object(Bucket=bucket, Key="broken.md.metadata.json", Body=b"{")
    try:
        created = account.create()
        (failed,) = knowledge.failed_documents(created.jobs[0])
        assert failed.uri == f"s3://{bucket}/broken.md"
        assert "metadata" in failed.reason
    finally:
        for key in ("broken.md", "broken.md.metadata.json"):
            s3.delete_object(Bucket=bucket, Key=key)
