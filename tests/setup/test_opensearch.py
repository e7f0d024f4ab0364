"""A knowledge base on OpenSearch Serverless: killed anywhere, lost answers, waits, what is not ours; and what is planned."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway import AsyncGateway, NotOursError, SetupIncompleteError
from bedrock_gateway.cli.kb.planning import as_text
from bedrock_gateway.errors import AccessDeniedError, ConfigError
from bedrock_gateway.local.opensearch.state import Timing
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import Patience
from bedrock_gateway.setup.knowledge.blueprint import MARK

from .conftest import QUICK, Killed
from .test_saga import dies, loses, some

if TYPE_CHECKING:
    from .conftest import Account

NAME = "helpdesk-handbook"
MAKING = (
    "CreateRole",
    "PutRolePolicy",
    "CreateSecurityPolicy",
    "CreateAccessPolicy",
    "CreateCollection",
    "CreateIndex",
    "CreateKnowledgeBase",
    "CreateDataSource",
    "StartIngestionJob",
)
REMOVING = (
    "DeleteDataSource",
    "DeleteKnowledgeBase",
    "DeleteCollection",
    "DeleteAccessPolicy",
    "DeleteSecurityPolicy",
    "DeleteRolePolicy",
    "DeleteRole",
)


@pytest.fixture
def account(search_account: Account) -> Account:
    """The account whose knowledge base stands on OpenSearch Serverless."""
    return search_account


def policies(account):
    search = account.root("opensearchserverless")
    security = {
        kind: search.get_security_policy(type=kind, name=NAME)["securityPolicyDetail"]
        for kind in ("encryption", "network")
    }
    return {**security, "data": search.get_access_policy(type="data", name=NAME)["accessPolicyDetail"]}


def test_what_is_made_is_what_was_planned_and_every_bit_of_it_is_ours(account):
    created = account.create()
    assert account.inventory() == account.planned()
    assert created.jobs[0].documents_indexed == 1
    search = account.root("opensearchserverless")
    (collection,) = search.batch_get_collection(names=[NAME])["collectionDetails"]
    tags = search.list_tags_for_resource(resourceArn=collection["arn"])["tags"]
    assert tags == [{"key": MARK, "value": "helpdesk/handbook"}]
    assert {one["description"] for one in policies(account).values()} == {f"{MARK} helpdesk/handbook"}
    base = account.root("bedrock-agent").get_knowledge_base(knowledgeBaseId=created.id)["knowledgeBase"]
    store = base["storageConfiguration"]["opensearchServerlessConfiguration"]
    assert (store["collectionArn"], store["vectorIndexName"]) == (collection["arn"], "handbook")


def test_nobody_reaches_the_collection_from_the_internet_and_only_two_use_it(account):
    account.create()
    (part,) = policies(account)["network"]["policy"]
    assert part["AllowFromPublic"] is False
    assert part["SourceServices"] == ["bedrock.amazonaws.com", "aoss.amazonaws.com"]
    role, creator = policies(account)["data"]["policy"]
    assert role["Principal"] == ["arn:aws:iam::123456789012:role/bedrock-gateway/AmazonBedrockGateway-kb-handbook"]
    assert creator["Principal"][0].startswith("arn:aws:sts::123456789012:assumed-role/")
    assert creator["Rules"][0]["Permission"] == ["aoss:CreateIndex", "aoss:DescribeIndex"]
    assert {one for part in (role, creator) for one in part["Rules"][0]["Resource"]} == {f"index/{NAME}/handbook"}


@pytest.mark.full
def test_it_is_found_by_words_and_by_vectors(account):
    created = account.create()
    found = account.root("bedrock-agent-runtime").retrieve(
        knowledgeBaseId=created.id,
        retrievalQuery={"text": "paid leave"},
        retrievalConfiguration={"vectorSearchConfiguration": {"overrideSearchType": "HYBRID"}},
    )["retrievalResults"]
    assert "25 days" in found[0]["content"]["text"]


def test_the_plan_says_what_is_made_what_it_costs_and_what_it_takes(account):
    plan = knowledge.plan(account.config, "handbook", principal="operator", create_role=True)
    assert [one.kind for one in plan.resources if one.made][1:6] == [
        "encryption policy",
        "network policy",
        "data access policy",
        "collection",
        "search index",
    ]
    assert plan.floor_usd_a_month == pytest.approx(350.4)
    assert plan.missing == ()
    shown = plan.to_dict()["store_policies"]
    assert shown["encryption policy"]["AWSOwnedKey"] is True
    actions = {one for statement in plan.creator.policy.statements for one in statement.actions}
    assert {"aoss:CreateCollection", "aoss:CreateIndex"} <= actions
    assert not any(one.startswith("s3vectors:") for one in actions)
    assert any("AWSServiceRoleForAmazonOpenSearchServerless" in one for one in plan.warnings)
    assert any("one that AWS owns" in one for one in plan.immutable)
    text = as_text(plan)
    for line in (
        "The collection's network policy:",
        "350.40 USD a month",
        "make  data access policy helpdesk-handbook",
    ):
        assert line in text


def test_removing_leaves_the_account_as_it_was_and_the_documents_in_place(account):
    before = account.inventory()
    account.create()
    removed = account.delete()
    assert removed.kept == ()
    assert account.inventory() == before == Counter()
    assert account.manifests == []


# -- killed, and lost answers ------------------------------------------------------------------------------------------


def dies_at(operation, time, *, answered):
    """The process is killed at the *time*-th call of *operation*, counted from 1."""
    seen = []

    def around(watched, send):
        if send.operation != operation:
            return watched.perform(send)
        seen.append(send)
        if len(seen) < time:
            return watched.perform(send)
        if answered:
            watched.perform(send)
        raise Killed

    return around


def steps(operations, *chosen):
    """(operation, which call of it, answered, what then): *chosen* by default, the rest with --full."""
    for operation in operations:
        for time in (1, 2) if "SecurityPolicy" in operation else (1,):
            for answered in (False, True):
                for then in ("resume", "delete"):
                    case = (operation, time, answered, then)
                    yield case if case in chosen else pytest.param(*case, marks=pytest.mark.full)


def goes_on(account, then, *, ingest=False):
    if then == "resume":
        account.resume(ingest=ingest)
    else:
        account.delete()
    assert account.inventory() == (account.planned() if then == "resume" else Counter())


@pytest.mark.parametrize(
    ("operation", "time", "answered", "then"),
    list(
        steps(
            MAKING,
            ("CreateCollection", 1, True, "resume"),
            ("CreateIndex", 1, True, "delete"),
        )
    ),
)
def test_a_creation_that_was_killed_is_gone_on_with_or_removed(account, operation, time, answered, then):
    """Between two of these calls nothing is changed, so that being killed there is being killed after the first."""
    view, watched = account.view(dies_at(operation, time, answered=answered))
    with pytest.raises(Killed):
        account.create(view)
    assert watched.sent[-1] == operation
    goes_on(account, then, ingest=operation == "StartIngestionJob")


@pytest.mark.parametrize(
    ("operation", "time", "answered", "then"), list(steps(REMOVING, ("DeleteCollection", 1, True, "delete")))
)
def test_a_removal_that_was_killed_is_gone_on_with_or_taken_back(account, operation, time, answered, then):
    account.create(ingest=False)
    view, _ = account.view(dies_at(operation, time, answered=answered))
    with pytest.raises(Killed):
        account.delete(view)
    goes_on(account, then)


@pytest.mark.parametrize("operation", some(MAKING, "CreateCollection"))
def test_a_lost_answer_makes_no_second_one(account, operation):
    view, watched = account.view(loses(operation))
    account.create(view)
    assert watched.sent.count(operation) >= 2
    assert account.inventory() == account.planned()


@pytest.mark.full
def test_a_lost_manifest_adopts_what_carries_our_mark(account):
    created = account.create()
    for path in account.manifests:
        path.unlink()
    again = account.resume()
    assert again.id == created.id
    assert account.inventory() == account.planned()
    account.delete()
    assert account.inventory() == Counter()


def test_a_collection_of_ours_that_is_being_deleted_is_waited_for(account):
    timing = account.world.local.state.of(Timing)
    after, watched = account.view(sleeps_for_real=False)
    timing.clock, timing.deleting_seconds = (lambda: watched.clock), 60.0
    account.create(ingest=False)
    view, _ = account.view(dies("DeleteCollection", answered=True))
    with pytest.raises(Killed):
        account.delete(view)
    assert "collection helpdesk-handbook" in account.inventory()
    account.resume(after, ingest=False, patience=Patience())
    assert watched.clock >= 60
    assert account.inventory() == account.planned()


# -- what passes by itself ---------------------------------------------------------------------------------------------


def waits(account, step):
    return [
        one
        for one in account.events
        if one.name == "setup.progressed" and (one.step, one.progress) == (step, "waiting")
    ]


def test_policies_collection_and_index_that_take_their_time_are_waited_for_with_progress(account):
    """The service's clock is that of the waits: it goes on while set-up sleeps, and only then."""
    view, watched = account.view(sleeps_for_real=False)
    timing = account.world.local.state.of(Timing)
    timing.clock = lambda: watched.clock
    timing.creating_seconds, timing.access_seconds, timing.index_seconds = 100.0, 160.0, 30.0
    account.create(view, ingest=False, patience=Patience())
    assert account.inventory() == account.planned()
    assert waits(account, "collection")[0].reason == "CREATING"
    assert "does not have permissions" in waits(account, "search index")[0].reason
    assert any("no such index" in one.reason for one in waits(account, "knowledge base"))
    assert watched.clock >= 190


def test_a_data_access_policy_that_never_holds_ends_the_wait_with_what_exists(account):
    account.world.local.state.of(Timing).access_seconds = 10_000.0
    view, watched = account.view(sleeps_for_real=False)
    with pytest.raises(SetupIncompleteError, match="does not have permissions") as caught:
        account.create(view, patience=Patience())
    assert caught.value.step == "search index"
    assert isinstance(caught.value.__cause__, AccessDeniedError)
    assert 100 < watched.clock <= 125
    assert [one.split(" helpdesk")[0] for one in caught.value.exists][1:] == [
        "encryption policy",
        "network policy",
        "data access policy",
        "collection",
    ]
    account.world.local.state.of(Timing).access_seconds = 0.0
    account.root("opensearchserverless").delete_access_policy(type="data", name=NAME)
    account.resume()
    assert account.inventory() == account.planned()


@pytest.mark.full
def test_a_right_that_is_missing_is_not_waited_for(account):
    """IAM's denial is another than the data access policy's: it names the action."""
    iam, world = account.root("iam"), account.world
    role = (
        world.become("operator").client("sts", endpoint_url=world.endpoint).get_caller_identity()["Arn"].split("/")[1]
    )
    denied = {"Effect": "Deny", "Action": "aoss:CreateIndex", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    iam.put_role_policy(RoleName=role, PolicyName="no-index", PolicyDocument=document)
    try:
        view, watched = account.view(sleeps_for_real=False)
        with pytest.raises(SetupIncompleteError, match="aoss:CreateIndex"):
            account.create(view)
        assert watched.sent.count("CreateIndex") == 1
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="no-index")


@pytest.mark.full
def test_a_collection_that_failed_says_why_and_can_be_removed(account):
    timing = account.world.local.state.of(Timing)
    timing.failing.add(NAME)
    with pytest.raises(SetupIncompleteError, match=r"FAILED.*could not be created"):
        account.create()
    account.delete()
    assert account.inventory() == Counter()


# -- what is not ours --------------------------------------------------------------------------------------------------


def somebody(account, kind):
    """Somebody else's thing under our name."""
    search = account.root("opensearchserverless")
    rule = {"ResourceType": "collection", "Resource": [f"collection/{NAME}"]}
    encryption = json.dumps({"Rules": [rule], "AWSOwnedKey": True})
    if kind == "encryption policy":
        search.create_security_policy(type="encryption", name=NAME, policy=encryption, description="theirs")
    elif kind == "network policy":
        network = json.dumps([{"Rules": [rule], "AllowFromPublic": True}])
        search.create_security_policy(type="network", name=NAME, policy=network)
    elif kind == "data access policy":
        rule = {"ResourceType": "index", "Resource": [f"index/{NAME}/*"], "Permission": ["aoss:*"]}
        data = json.dumps([{"Rules": [rule], "Principal": ["arn:aws:iam::123456789012:role/theirs"]}])
        search.create_access_policy(type="data", name=NAME, policy=data, description=f"{MARK} other/handbook")
    else:
        search.create_security_policy(type="encryption", name="theirs", policy=encryption)
        search.create_collection(name=NAME, tags=[{"key": MARK, "value": "other/handbook"}])


@pytest.mark.parametrize("kind", ["encryption policy", "network policy", "data access policy", "collection"])
def test_what_is_somebody_elses_is_never_touched(account, kind):
    somebody(account, kind)
    before = account.inventory()
    view, watched = account.view()
    with pytest.raises(NotOursError, match=kind):
        account.create(view)
    assert not any(one.startswith(("Create", "Update", "Delete", "Put")) for one in watched.sent)
    assert account.inventory() == before


@pytest.mark.full
def test_what_lost_our_mark_is_kept_and_said(account):
    account.create(ingest=False)
    search = account.root("opensearchserverless")
    shown = policies(account)["network"]
    search.update_security_policy(
        type="network", name=NAME, policyVersion=shown["policyVersion"], description="taken over"
    )
    removed = account.delete()
    (kept,) = removed.kept
    assert kept.startswith("network policy helpdesk-handbook")
    assert account.inventory() == Counter({f"network policy {NAME}": 1})


def test_whoever_goes_on_is_let_in_and_what_others_put_in_stays(account):
    """Another session than the one that began; an administrator has given somebody else access meanwhile."""
    view, _ = account.view(dies("CreateCollection", answered=True))
    with pytest.raises(Killed):
        account.create(view)
    search, shown = account.root("opensearchserverless"), policies(account)["data"]
    reader = {
        "Rules": [{"ResourceType": "index", "Resource": [f"index/{NAME}/*"], "Permission": ["aoss:ReadDocument"]}],
        "Principal": ["arn:aws:iam::123456789012:role/reader"],
    }
    other = [
        {**part, "Principal": ["arn:aws:iam::123456789012:user/gone"]} if "creates" in part["Description"] else part
        for part in shown["policy"]
    ]
    search.update_access_policy(
        type="data", name=NAME, policyVersion=shown["policyVersion"], policy=json.dumps([*other, reader])
    )
    account.resume()
    assert account.inventory() == account.planned()
    now = policies(account)["data"]["policy"]
    assert reader in now
    assert not any("user/gone" in str(part) for part in now)


@pytest.mark.parametrize("how", ["killed", "by hand"])
def test_a_job_of_a_data_source_that_is_gone_is_not_waited_for(account, how):
    """The first job is done, its data source is removed, and going on makes another one of each."""
    created = account.create()
    if how == "killed":
        view, _ = account.view(dies("DeleteDataSource", answered=True))
        with pytest.raises(Killed):
            account.delete(view)
    else:
        ids = {"knowledgeBaseId": created.id, "dataSourceId": created.data_sources["handbook-0"]}
        account.root("bedrock-agent").delete_data_source(**ids)
    again = account.resume()
    assert again.data_sources != created.data_sources
    assert again.jobs[0].documents_indexed == 1
    assert account.inventory() == account.planned()


@pytest.mark.full
def test_async_makes_and_removes_the_same(account):
    async def both():
        async with AsyncGateway(account.config, principal="operator", session=_session(account)) as gateway:
            options = {"folder": account.folder, "patience": QUICK}
            await knowledge.create(gateway, "handbook", create_role=True, **options)
            made = account.inventory()
            await knowledge.delete(gateway, "handbook", **options)
            return made

    assert asyncio.run(both()) == account.planned()
    assert account.inventory() == Counter()


def _session(account):
    aiobotocore = pytest.importorskip("aiobotocore.session")
    frozen = account.world.become("operator").get_credentials().get_frozen_credentials()
    session = aiobotocore.AioSession()
    session.set_credentials(frozen.access_key, frozen.secret_key, frozen.token)
    return session


def test_a_partition_whose_collections_bedrock_does_not_take_is_refused_at_once(account):
    config = account.config.model_copy(update={"region": "us-gov-west-1"})
    with pytest.raises(ConfigError, match="no collection of partition aws-us-gov"):
        knowledge.plan(config, "handbook", principal="operator")
