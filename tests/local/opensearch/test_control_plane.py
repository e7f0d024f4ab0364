"""OpenSearch Serverless as boto3 sees it: policies, collections and indexes, and what is refused."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import SCHEMA, data, encryption, network

LINKED = "AWSServiceRoleForAmazonOpenSearchServerless"


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"]


def test_a_collection_is_creating_first_and_active_later(search, name):
    clock = search.clock(creating_seconds=120)
    identifier = search.collection(name)
    shown = search.client.batch_get_collection(names=[name])["collectionDetails"][0]
    assert (shown["id"], shown["status"], shown["kmsKeyArn"]) == (identifier, "CREATING", "auto")
    assert "collectionEndpoint" not in shown
    clock.now = 120
    shown = search.client.batch_get_collection(ids=[identifier])["collectionDetails"][0]
    assert shown["status"] == "ACTIVE"
    assert shown["collectionEndpoint"] == f"https://{identifier}.us-east-1.aoss.amazonaws.com"
    assert [one["name"] for one in search.client.list_collections()["collectionSummaries"]] == [name]


def test_a_collection_that_failed_says_so(search, name):
    search.timing.failing.add(name)
    search.collection(name)
    shown = search.client.batch_get_collection(names=[name])["collectionDetails"][0]
    assert shown["status"] == "FAILED"
    assert shown["failureMessage"]


def test_a_collection_needs_an_encryption_policy_that_is_about_it(search, name):
    search.client.create_security_policy(type="encryption", name="other", policy=encryption("other", "else-*"))
    code, message = refused(search.client.create_collection, name=name)
    assert code == "ValidationException"
    assert message.startswith(f"No matching security policy of encryption type found for collection name: {name}.")
    search.client.create_collection(name="else-where")


def test_names_are_taken_once(search, name):
    search.collection(name)
    assert refused(search.client.create_collection, name=name)[0] == "ConflictException"
    assert refused(search.client.create_security_policy, type="network", name=name, policy=network(name)) == (
        "ConflictException",
        f"Policy with name {name} and type network already exists",
    )
    assert (
        refused(search.client.create_access_policy, type="data", name=name, policy=data(name, search.root))[0]
        == "ConflictException"
    )


def test_the_same_client_token_makes_one_thing(search, name):
    same = {"type": "encryption", "name": name, "policy": encryption(name), "clientToken": "a" * 20}
    first = search.client.create_security_policy(**same)["securityPolicyDetail"]
    assert search.client.create_security_policy(**same)["securityPolicyDetail"] == first
    one = {"name": name, "clientToken": "b" * 20}
    made = search.client.create_collection(**one)["createCollectionDetail"]["id"]
    assert search.client.create_collection(**one)["createCollectionDetail"]["id"] == made
    assert refused(search.client.create_collection, **{**one, "description": "x"})[0] == "ConflictException"


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("encryption", "{"),
        ("encryption", "[]"),
        ("encryption", json.dumps({"Rules": [], "AWSOwnedKey": True})),
        ("encryption", json.dumps({"Rules": [{"ResourceType": "collection", "Resource": ["collection/a"]}]})),
        ("encryption", encryption("a").replace("collection/a", "index/a/b")),
        ("network", network("a").replace('"AllowFromPublic": true', '"AllowFromPublic": "yes"')),
        ("network", network("a", "bedrock.amazonaws.com").replace("bedrock", "lambda")),
        ("network", network("a", "bedrock.amazonaws.com").replace("false", "true")),
        ("data", data("a", "nobody")),
        ("data", data("a")),
        ("data", data("a", "arn:aws:iam::123456789012:role/x", permissions=("aoss:APIAccessAll",))),
        ("data", data("a", "arn:aws:iam::123456789012:role/x").replace("Principal", "Principals")),
    ],
)
def test_a_policy_that_is_none_is_refused(search, kind, policy):
    make = search.client.create_access_policy if kind == "data" else search.client.create_security_policy
    code, message = refused(make, type=kind, name="abc", policy=policy)
    assert code == "ValidationException"
    assert "Policy json is invalid" in message


def test_policies_are_shown_changed_listed_and_deleted(search, name):
    client = search.client
    client.create_access_policy(type="data", name=name, description="first", policy=data(name, search.root))
    shown = client.get_access_policy(type="data", name=name)["accessPolicyDetail"]
    assert shown["policy"] == json.loads(data(name, search.root))
    changed = client.update_access_policy(
        type="data", name=name, policyVersion=shown["policyVersion"], policy=data("other", search.root)
    )["accessPolicyDetail"]
    assert changed["policyVersion"] != shown["policyVersion"]
    assert (changed["description"], changed["policy"]) == ("first", json.loads(data("other", search.root)))
    again = {"type": "data", "name": name, "policyVersion": shown["policyVersion"], "policy": data(name, search.root)}
    assert refused(client.update_access_policy, **again)[0] == "ValidationException"
    assert [one["name"] for one in client.list_access_policies(type="data")["accessPolicySummaries"]] == [name]
    assert client.list_access_policies(type="data", resource=["index/none/*"])["accessPolicySummaries"] == []
    assert client.get_policies_stats()["TotalPolicyCount"] == 1
    client.delete_access_policy(type="data", name=name)
    code, message = refused(client.get_access_policy, type="data", name=name)
    assert (code, message) == ("ResourceNotFoundException", f"Policy with name {name} and type data is not found")
    assert refused(client.delete_security_policy, type="network", name=name)[0] == "ResourceNotFoundException"


def test_a_deleted_collection_is_deleting_then_gone_and_its_policies_stay(search, name):
    clock = search.clock(deleting_seconds=60)
    identifier = search.collection(name)
    assert search.client.delete_collection(id=identifier)["deleteCollectionDetail"]["status"] == "DELETING"
    assert search.client.batch_get_collection(names=[name])["collectionDetails"][0]["status"] == "DELETING"
    assert refused(search.client.create_collection, name=name)[0] == "ConflictException"
    clock.now = 60
    reply = search.client.batch_get_collection(names=[name])
    assert reply["collectionDetails"] == []
    assert reply["collectionErrorDetails"][0]["errorCode"] == "NOT_FOUND"
    assert refused(search.client.delete_collection, id=identifier)[0] == "ResourceNotFoundException"
    assert search.client.get_policies_stats()["TotalPolicyCount"] == 3


def test_tags_are_kept_and_changed(search, name):
    identifier = search.collection(name, tags=[{"key": "team", "value": "red"}])
    arn = search.client.batch_get_collection(ids=[identifier])["collectionDetails"][0]["arn"]
    search.client.tag_resource(resourceArn=arn, tags=[{"key": "cost", "value": "1"}])
    search.client.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert search.client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "cost", "value": "1"}]


def test_the_first_collection_brings_the_service_linked_role(search, name):
    search.collection(name)
    role = search.served.client("iam").get_role(RoleName=LINKED)["Role"]
    assert role["Path"] == "/aws-service-role/observability.aoss.amazonaws.com/"


# -- indexes -----------------------------------------------------------------------------------------------------------


def test_an_index_is_made_shown_and_deleted(search, name):
    identifier = search.collection(name)
    one = {"id": identifier, "indexName": "pages"}
    search.client.create_index(**one, indexSchema=SCHEMA)
    assert search.client.get_index(**one)["indexSchema"] == SCHEMA
    assert refused(search.client.create_index, **one, indexSchema=SCHEMA)[0] == "ConflictException"
    search.client.delete_index(**one)
    assert refused(search.client.get_index, **one) == ("ResourceNotFoundException", "no such index [pages]")
    assert refused(search.client.get_index, id="none", indexName="pages")[0] == "ResourceNotFoundException"


def changed(**field):
    vector = {**SCHEMA["mappings"]["properties"]["vector"], **field}
    return {**SCHEMA, "mappings": {"properties": {"vector": vector}}}


@pytest.mark.parametrize(
    ("index", "schema"),
    [
        ("Pages", SCHEMA),
        ("_pages", SCHEMA),
        ("pages", changed(dimension=0)),
        ("pages", changed(dimension="1024")),
        ("pages", changed(method={"engine": "annoy"})),
        ("pages", changed(method={"engine": "faiss", "space_type": "round"})),
        ("pages", {"mappings": SCHEMA["mappings"]}),
        ("pages", {"mappings": []}),
    ],
)
def test_an_index_that_cannot_be_is_refused(search, name, index, schema):
    identifier = search.collection(name)
    assert refused(search.client.create_index, id=identifier, indexName=index, indexSchema=schema)[0] == (
        "ValidationException"
    )


def test_vectors_need_a_collection_for_them(search, name):
    identifier = search.collection(name, type="SEARCH")
    code, message = refused(search.client.create_index, id=identifier, indexName="pages", indexSchema=SCHEMA)
    assert code == "ValidationException"
    assert "knn_vector" in message


def test_an_index_is_nobodys_but_whom_a_data_access_policy_names(search, name):
    identifier = search.collection(name, "arn:aws:iam::123456789012:user/somebody")
    code, message = refused(search.client.create_index, id=identifier, indexName="pages", indexSchema=SCHEMA)
    assert code == "AccessDeniedException"
    assert message == "User does not have permissions for the requested resource"


def test_a_data_access_policy_holds_a_while_after_it_was_written(search, name):
    clock = search.clock(access_seconds=40)
    identifier = search.collection(name)
    one = {"id": identifier, "indexName": "pages", "indexSchema": SCHEMA}
    clock.now = 39
    assert refused(search.client.create_index, **one)[0] == "AccessDeniedException"
    clock.now = 40
    search.client.create_index(**one)
    shown = search.client.get_access_policy(type="data", name=name)["accessPolicyDetail"]
    search.client.update_access_policy(
        type="data", name=name, policyVersion=shown["policyVersion"], policy=data("other", search.root)
    )
    search.client.get_index(id=identifier, indexName="pages")  # what held, holds until then
    clock.now = 80
    assert refused(search.client.get_index, id=identifier, indexName="pages")[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("services", "reached"), [(("aoss.amazonaws.com",), True), (("bedrock.amazonaws.com",), False)]
)
def test_the_index_operations_come_from_the_service_itself(search, name, services, reached):
    identifier = search.collection(name)
    search.client.delete_security_policy(type="network", name=name)
    search.client.create_security_policy(type="network", name=name, policy=network(name, *services))
    one = {"id": identifier, "indexName": "pages", "indexSchema": SCHEMA}
    if reached:
        search.client.create_index(**one)
    else:
        assert refused(search.client.create_index, **one)[0] == "AccessDeniedException"


def test_a_collection_that_is_still_being_made_has_no_index(search, name):
    search.clock(creating_seconds=60)
    identifier = search.collection(name)
    assert refused(search.client.create_index, id=identifier, indexName="pages", indexSchema=SCHEMA)[0] == (
        "ValidationException"
    )


# -- IAM ---------------------------------------------------------------------------------------------------------------

BOUND = {"StringEquals": {"aoss:collection": "bound-one"}}


def test_policies_are_bound_to_a_collection_by_its_name(search):
    allowed = {"Effect": "Allow", "Action": "aoss:*SecurityPolicy", "Resource": "*", "Condition": BOUND}
    key = search.served.user("binder", allowed)
    client = search.served.client("opensearchserverless", key)
    client.create_security_policy(type="encryption", name="bound", policy=encryption("bound-one"))
    client.get_security_policy(type="encryption", name="bound")
    for names in (("other",), ("bound-one", "other")):
        code, message = refused(
            client.create_security_policy, type="encryption", name="more", policy=encryption(*names)
        )
        assert code == "AccessDeniedException"
        assert "aoss:CreateSecurityPolicy" in message
    search.client.create_security_policy(type="encryption", name="theirs", policy=encryption("other"))
    assert refused(client.delete_security_policy, type="encryption", name="theirs")[0] == "AccessDeniedException"
    client.delete_security_policy(type="encryption", name="bound")


def test_the_first_collection_asks_for_the_right_to_make_the_role(search, name):
    iam = search.served.client("iam")
    for role in iam.list_roles(PathPrefix="/aws-service-role/observability")["Roles"]:
        iam.delete_role(RoleName=role["RoleName"])
    allowed = {"Effect": "Allow", "Action": ["aoss:CreateCollection"], "Resource": "*"}
    client = search.served.client("opensearchserverless", search.served.user(f"maker-{name}", allowed))
    search.client.create_security_policy(type="encryption", name=name, policy=encryption(f"{name}*"))
    code, message = refused(client.create_collection, name=name)
    assert code == "AccessDeniedException"
    assert "iam:CreateServiceLinkedRole" in message
    search.client.create_collection(name=f"{name}-one")
    client.create_collection(name=name)


def test_a_collection_is_deleted_by_whom_its_tags_permit(search, name):
    condition = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    allowed = {"Effect": "Allow", "Action": "aoss:DeleteCollection", "Resource": "*", "Condition": condition}
    client = search.served.client("opensearchserverless", search.served.user(f"remover-{name}", allowed))
    red = search.collection(name, tags=[{"key": "team", "value": "red"}])
    blue = search.collection(f"{name}-blue", tags=[{"key": "team", "value": "blue"}])
    assert refused(client.delete_collection, id=blue)[0] == "AccessDeniedException"
    client.delete_collection(id=red)


def test_an_index_needs_the_action_and_access_to_the_collection(search, name):
    user = f"arn:aws:iam::123456789012:user/indexer-{name}"
    identifier = search.collection(name, user)
    keys = {"Effect": "Allow", "Action": "aoss:CreateIndex", "Resource": "*"}
    client = search.served.client("opensearchserverless", search.served.user(f"indexer-{name}", keys))
    one = {"id": identifier, "indexName": "pages", "indexSchema": SCHEMA}
    code, message = refused(client.create_index, **one)
    assert code == "AccessDeniedException"
    assert "aoss:APIAccessAll" in message
    both = {
        "Effect": "Allow",
        "Action": "aoss:APIAccessAll",
        "Resource": f"arn:aws:aoss:us-east-1:123456789012:collection/{identifier}",
    }
    search.served.client("iam").put_user_policy(
        UserName=f"indexer-{name}",
        PolicyName="second",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [both]}),
    )
    client.create_index(**one)
