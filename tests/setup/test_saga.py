"""Killed at any step, an answer lost at any step: one knowledge base after going on, nothing after removing."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from botocore.exceptions import ConnectionClosedError

from bedrock_gateway import NotOursError, SetupIncompleteError
from bedrock_gateway.setup.knowledge.blueprint import MARK

from .conftest import Killed

MAKING = (
    "CreateRole",
    "PutRolePolicy",
    "CreateVectorBucket",
    "CreateIndex",
    "CreateKnowledgeBase",
    "CreateDataSource",
    "StartIngestionJob",
)
REMOVING = (
    "DeleteDataSource",
    "DeleteKnowledgeBase",
    "DeleteIndex",
    "DeleteVectorBucket",
    "DeleteRolePolicy",
    "DeleteRole",
)


def some(operations, *chosen):
    """*chosen* by default, the rest with --full."""
    return [one if one in chosen else pytest.param(one, marks=pytest.mark.full) for one in operations]


def dies(operation, *, answered):
    """The process is killed at the first call of *operation*: before it is sent, or with its answer on the way."""

    def around(watched, send):
        if send.operation != operation:
            return watched.perform(send)
        if answered:
            watched.perform(send)
        raise Killed

    return around


def dies_at(number, *, answered):
    def around(watched, send):
        if len(watched.sent) != number:
            return watched.perform(send)
        if answered:
            with contextlib.suppress(Exception):
                watched.perform(send)
        raise Killed

    return around


def loses(operation):
    """The first answer of *operation* is lost on its way: the call was carried out, and is sent again."""
    lost = []

    def around(watched, send):
        reply = watched.perform(send)
        if send.operation == operation and not lost:
            lost.append(reply)
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        return reply

    return around


def test_what_is_made_is_what_was_planned_and_every_bit_of_it_is_marked(account):
    created = account.create()
    assert account.inventory() == account.planned()
    iam, vectors, agent = account.root("iam"), account.root("s3vectors"), account.root("bedrock-agent")
    role = iam.get_role(RoleName="AmazonBedrockGateway-kb-handbook")["Role"]
    assert {"Key": MARK, "Value": "helpdesk/handbook"} in role["Tags"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("AmazonBedrockGateway-boundary")
    (bucket,) = vectors.list_vector_buckets()["vectorBuckets"]
    (index,) = vectors.list_indexes(vectorBucketName=bucket["vectorBucketName"])["indexes"]
    tags = vectors.list_tags_for_resource
    assert tags(resourceArn=bucket["vectorBucketArn"])["tags"] == {MARK: "helpdesk"}
    assert tags(resourceArn=index["indexArn"])["tags"] == {MARK: "helpdesk/handbook"}
    base = agent.get_knowledge_base(knowledgeBaseId=created.id)["knowledgeBase"]
    assert base["description"].startswith(f"{MARK} helpdesk/handbook ")
    assert created.jobs[0].documents_indexed == 1
    assert created.jobs[0].local


def test_removing_leaves_the_account_as_it_was_and_the_documents_in_place(account):
    before = account.inventory()
    account.create()
    removed = account.delete()
    assert removed.kept == ()
    assert account.inventory() == before == Counter()
    assert account.manifests == []
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
    assert account.root("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@pytest.mark.parametrize(
    "operation", some(MAKING, "CreateRole", "CreateIndex", "CreateKnowledgeBase", "StartIngestionJob")
)
def test_killed_with_the_answer_on_its_way_going_on_makes_one_of_each(account, operation):
    view, watched = account.view(dies(operation, answered=True))
    with pytest.raises(Killed):
        account.create(view)
    assert watched.sent[-1] == operation
    created = account.resume()
    assert account.inventory() == account.planned()
    assert created.jobs[0].status == "COMPLETE"


@pytest.mark.parametrize("operation", some(MAKING, "CreateVectorBucket", "CreateKnowledgeBase", "CreateDataSource"))
def test_killed_with_the_answer_on_its_way_removing_leaves_nothing(account, operation):
    view, _ = account.view(dies(operation, answered=True))
    with pytest.raises(Killed):
        account.create(view)
    account.delete()
    assert account.inventory() == Counter()
    assert account.manifests == []


@pytest.mark.parametrize(("operation", "then"), [("CreateIndex", "delete"), ("CreateKnowledgeBase", "resume")])
def test_killed_before_it_was_sent(account, operation, then):
    view, _ = account.view(dies(operation, answered=False))
    with pytest.raises(Killed):
        account.create(view)
    getattr(account, then)()
    assert account.inventory() == (account.planned() if then == "resume" else Counter())


@pytest.mark.parametrize("operation", some(REMOVING, "DeleteDataSource", "DeleteKnowledgeBase", "DeleteRole"))
def test_a_removal_that_was_killed_is_taken_up_again(account, operation):
    account.create(ingest=False)
    view, watched = account.view(dies(operation, answered=True))
    with pytest.raises(Killed):
        account.delete(view)
    assert watched.sent[-1] == operation
    account.delete()
    assert account.inventory() == Counter()
    assert account.manifests == []


@pytest.mark.full
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("then", ["resume", "delete"])
def test_killed_at_every_call_there_is(account, then, answered):
    """Every call, those that only look included, until a creation is through."""
    number = 0
    while True:
        number += 1
        account.wipe()
        view, watched = account.view(dies_at(number, answered=answered))
        try:
            account.create(view)
        except Killed:
            pass
        else:
            break
        if then == "delete" and account.manifests:
            account.delete()
        elif then == "resume":
            account.resume()
        expected = account.planned() if then == "resume" else Counter()
        assert account.inventory() == expected, watched.sent[-1]
    assert number > len(MAKING) + 8


@pytest.mark.parametrize("operation", some(MAKING, "CreateRole", "CreateVectorBucket", "CreateKnowledgeBase"))
def test_a_lost_answer_is_asked_for_again_and_makes_no_second_one(account, operation):
    view, watched = account.view(loses(operation))
    account.create(view)
    assert watched.sent.count(operation) == 2
    assert account.inventory() == account.planned()


def test_going_on_after_everything_is_there_changes_nothing(account):
    first = account.create()
    view, watched = account.view()
    again = account.resume(view)
    assert (again.id, again.data_sources) == (first.id, first.data_sources)
    assert not set(watched.sent) & (set(MAKING) - {"PutRolePolicy"})


def test_a_lost_manifest_is_made_anew_from_what_carries_our_mark(account):
    first = account.create()
    for path in account.manifests:
        path.unlink()
    again = account.resume()
    assert (again.id, again.data_sources) == (first.id, first.data_sources)
    assert account.inventory() == account.planned()
    account.delete()
    assert account.inventory() == Counter()


def test_what_somebody_removed_in_between_is_made_again(account):
    first = account.create(ingest=False)
    agent = account.root("bedrock-agent")
    agent.delete_knowledge_base(knowledgeBaseId=first.id)
    second = account.resume(ingest=False)
    assert second.id != first.id
    assert account.inventory() == account.planned()


# -- what is not ours --------------------------------------------------------------------------------------------------

TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


def foreign_role(account, path="/bedrock-gateway/"):
    account.root("iam").create_role(
        RoleName="AmazonBedrockGateway-kb-handbook", Path=path, AssumeRolePolicyDocument=TRUST
    )


def foreign_bucket(account, tags=None):
    name = account.config.knowledge_bases["handbook"].vector_bucket
    account.root("s3vectors").create_vector_bucket(vectorBucketName=name, **({"tags": tags} if tags else {}))


def foreign_index(account, **changed):
    foreign_bucket(account, {MARK: "helpdesk"})
    base = account.config.knowledge_bases["handbook"]
    form = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"} | changed
    account.root("s3vectors").create_index(vectorBucketName=base.vector_bucket, indexName=base.vector_index, **form)


def foreign_knowledge_base(account):
    """Of our name, on somebody else's index, under somebody else's role."""
    vectors, iam = account.root("s3vectors"), account.root("iam")
    vectors.create_vector_bucket(vectorBucketName="example-theirs")
    keys = {"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]}
    form = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine", "metadataConfiguration": keys}
    vectors.create_index(vectorBucketName="example-theirs", indexName="theirs", **form)
    role = iam.create_role(RoleName="theirs", Path="/bedrock-gateway/", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    everything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    iam.put_role_policy(RoleName="theirs", PolicyName="all", PolicyDocument=everything)
    account.root("bedrock-agent").create_knowledge_base(
        name="handbook",
        roleArn=role,
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {
                "embeddingModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
            },
        },
        storageConfiguration={
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {
                "indexArn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/example-theirs/index/theirs"
            },
        },
    )


FOREIGN = {
    "role": foreign_role,
    "vector bucket": foreign_bucket,
    "vector index": foreign_index,
    "knowledge base": foreign_knowledge_base,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_is_found_before_anything_is_made(account, kind):
    FOREIGN[kind](account)
    before = account.inventory()
    with pytest.raises(NotOursError, match="was not touched") as caught:
        account.create()
    assert caught.value.kind == kind
    assert account.inventory() == before
    assert account.manifests == []


def test_a_role_of_that_name_under_another_path_is_not_ours(account):
    foreign_role(account, "/")
    try:
        with pytest.raises(NotOursError) as caught:
            account.create()
        assert caught.value.kind == "role"
        assert account.inventory() == Counter()
    finally:
        account.root("iam").delete_role(RoleName="AmazonBedrockGateway-kb-handbook")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("CreateRole", "role"), ("CreateVectorBucket", "vector bucket"), ("CreateKnowledgeBase", "knowledge base")],
)
def test_what_somebody_makes_between_the_look_and_the_call_is_theirs(account, operation, kind):
    def around(watched, send):
        if send.operation == operation:
            FOREIGN[kind](account)
        return watched.perform(send)

    view, _ = account.view(around)
    with pytest.raises((NotOursError, SetupIncompleteError)) as caught:
        account.create(view)
    cause = caught.value if isinstance(caught.value, NotOursError) else caught.value.__cause__
    assert isinstance(cause, NotOursError)
    assert cause.kind == kind
    if account.manifests:
        account.delete()
    left = account.inventory()
    assert sum(count for name, count in left.items() if name.startswith(kind)) >= 1
    assert left.keys() <= {name for name in left if "theirs" in name or name.startswith(kind)}


def test_what_does_not_carry_our_tag_any_more_is_kept_and_said(account):
    account.create()
    vectors, base = account.root("s3vectors"), account.config.knowledge_bases["handbook"]
    arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{base.vector_bucket}/index/{base.vector_index}"
    vectors.untag_resource(resourceArn=arn, tagKeys=[MARK])
    removed = account.delete()
    assert any("vector index" in one and "carry our tag" in one for one in removed.kept)
    assert any("vector bucket" in one and "other knowledge bases" in one for one in removed.kept)
    assert set(account.inventory()) == {f"vector index {arn}", f"vector bucket {arn.partition('/index/')[0]}"}


def test_a_vector_bucket_that_holds_another_index_stays(account):
    account.create()
    base = account.config.knowledge_bases["handbook"]
    account.root("s3vectors").create_index(
        vectorBucketName=base.vector_bucket,
        indexName="another",
        dataType="float32",
        dimension=1024,
        distanceMetric="cosine",
    )
    removed = account.delete()
    assert [one.partition(" arn")[0] for one in removed.kept] == ["vector bucket"]
    assert sum(account.inventory().values()) == 2


def test_an_id_that_somebody_wrote_into_the_manifest_is_not_deleted(account):
    """The knowledge base of that id stands on another's index: it is not ours, whatever the manifest says."""
    created = account.create(ingest=False)
    account.root("bedrock-agent").delete_knowledge_base(knowledgeBaseId=created.id)
    foreign_knowledge_base(account)
    (theirs,) = account.root("bedrock-agent").list_knowledge_bases()["knowledgeBaseSummaries"]
    (path,) = account.manifests
    path.write_text(path.read_text().replace(created.id, theirs["knowledgeBaseId"]))
    path.chmod(0o600)
    removed = account.delete()
    assert any("was not made by this set-up" in one for one in removed.kept)
    assert "knowledge base handbook" in account.inventory()


def test_a_description_that_somebody_changed_does_not_keep_ours_from_being_removed(account):
    created = account.create(ingest=False)
    agent = account.root("bedrock-agent")
    shown = agent.get_knowledge_base(knowledgeBaseId=created.id)["knowledgeBase"]
    members = ("name", "roleArn", "knowledgeBaseConfiguration", "storageConfiguration")
    agent.update_knowledge_base(
        knowledgeBaseId=created.id, description="Our handbook", **{name: shown[name] for name in members}
    )
    assert account.delete().kept == ()
    assert account.inventory() == Counter()
