"""The documents of what Bedrock does by itself: the work is done under them, and not without any part of them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.iam import roles
from bedrock_gateway.local.delivery import Deliveries

from .setting import Setting
from .stories import MESSAGES, logging_config, storage, vector_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .account import Account

NAMES = Setting(knowledge_base=None)


def parts(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement, action and resource of a document, and every value of a trust condition made wrong."""
    for number, statement in enumerate(policy["Statement"]):
        if len(policy["Statement"]) > 1:
            less = copy.deepcopy(policy)
            del less["Statement"][number]
            yield f"without {statement['Sid']}", less
        for element in ("Action", "Resource"):
            values = statement.get(element, [])
            for value in values if isinstance(values, list) else []:
                less = copy.deepcopy(policy)
                less["Statement"][number][element] = [one for one in values if one != value]
                yield f"without {value}", less
        for element in ("Action", "Resource"):
            if isinstance(statement.get(element), str):
                other = copy.deepcopy(policy)
                # Behind a wildcard, a letter would match the one identifier in 36 that ends in it.
                wrong = "sts:TagSession" if statement[element] == "sts:AssumeRole" else f"{statement[element]}-other"
                other["Statement"][number][element] = wrong
                yield f"{element} of {statement.get('Sid', 'the trust')} is another", other
        if "Principal" in statement:
            other = copy.deepcopy(policy)
            other["Statement"][number]["Principal"] = {"Service": "lambda.amazonaws.com"}
            yield "for another service", other
        for operator, keys in statement.get("Condition", {}).items():
            for key, value in keys.items():
                other = copy.deepcopy(policy)
                other["Statement"][number]["Condition"][operator][key] = _another(value)
                yield f"{key} is {_another(value)}", other


def _another(value: str) -> str:
    if value.isdigit():
        return "111122223333"
    return value.replace("us-east-1", "us-west-2") if "us-east-1" in value else f"other-{value}"


def put_policy(account: Account, role: str, policy: dict[str, Any]) -> None:
    account.client("iam", who="root").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="deliver", PolicyDocument=json.dumps(policy)
    )


def put_trust(account: Account, role: str, trust: dict[str, Any]) -> None:
    account.client("iam", who="root").update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(trust)
    )


# -- the role of a knowledge base --------------------------------------------------------------------------------------


def works(account: Account, s: Setting) -> bool:
    """Make a knowledge base, fill it, ask it, take a document away and see it gone; all of it is the role's work."""
    agent = account.client("bedrock-agent", s.region, who="root")
    ask = account.client("bedrock-agent-runtime", s.region, who="root")
    s3 = account.client("s3", s.region, who="root")
    gone = {"Bucket": s.document_bucket, "Key": f"{s.prefix}gone.txt"}
    s3.put_object(**gone, Body=b"This will be taken away.")
    base = None
    try:
        base = agent.create_knowledge_base(
            name=account.unique("proof"),
            roleArn=s.role_arn(s.kb_role),
            knowledgeBaseConfiguration=vector_base(s),
            storageConfiguration=storage(s),
        )["knowledgeBase"]["knowledgeBaseId"]
        where = {"bucketArn": f"arn:aws:s3:::{s.document_bucket}", "inclusionPrefixes": [s.prefix]}
        configuration = {"type": "S3", "s3Configuration": where}
        source = agent.create_data_source(
            knowledgeBaseId=base, name="documents", dataSourceConfiguration=configuration
        )["dataSource"]["dataSourceId"]
        made = replace(s, knowledge_base=base, data_source=source)
        filled = account.ingested(made)
        s3.delete_object(**gone)
        emptied = account.ingested(made)
        found = ask.retrieve(knowledgeBaseId=base, retrievalQuery={"text": "leave"})["retrievalResults"]
    except ClientError:
        return False
    finally:
        s3.delete_object(**gone)
        if base:
            agent.delete_knowledge_base(knowledgeBaseId=base)
    jobs = (filled, emptied)
    return (
        all(job["status"] == "COMPLETE" and job["statistics"]["numberOfDocumentsFailed"] == 0 for job in jobs)
        and emptied["statistics"]["numberOfDocumentsDeleted"] == 1
        and bool(found)
    )


@pytest.fixture(scope="module")
def kb(account: Account) -> tuple[Setting, roles.RoleDocuments]:
    s = replace(account.setting(), knowledge_base=None)
    return s, roles.kb_role(s.scope())


KB_PARTS = [
    *(("permissions", name) for name, _ in parts(roles.kb_role(NAMES.scope()).permissions.dump())),
    *(("trust", name) for name, _ in parts(roles.kb_role(NAMES.scope()).trust.dump())),
]


def test_a_knowledge_base_works_under_its_generated_role(
    account: Account, kb: tuple[Setting, roles.RoleDocuments]
) -> None:
    assert works(account, kb[0])


@pytest.mark.parametrize("number", range(len(KB_PARTS)), ids=[f"{kind}: {name}" for kind, name in KB_PARTS])
def test_a_knowledge_base_does_not_work_without_any_part_of_its_role(
    account: Account, kb: tuple[Setting, roles.RoleDocuments], number: int
) -> None:
    s, documents = kb
    broken = [
        *((put_policy, policy) for _, policy in parts(documents.permissions.dump())),
        *((put_trust, policy) for _, policy in parts(documents.trust.dump())),
    ]
    assert len(broken) == len(KB_PARTS)
    put, policy = broken[number]
    put(account, s.kb_role, policy)
    try:
        assert not works(account, s)
    finally:
        put_policy(account, s.kb_role, documents.permissions.dump())
        put_trust(account, s.kb_role, documents.trust.dump())


# -- the logging role and the bucket policy ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logged(account: Account) -> Setting:
    s = account.setting()
    mend(account, s)
    return s


def mend(account: Account, s: Setting) -> None:
    documents = roles.logging_role(s.scope())
    put_policy(account, s.logging_role, documents.permissions.dump())
    put_trust(account, s.logging_role, documents.trust.dump())
    put_bucket(account, s, roles.logging_bucket(s.scope()).dump())
    configure(account, s)


def put_bucket(account: Account, s: Setting, policy: dict[str, Any]) -> None:
    account.client("s3", s.region, who="root").put_bucket_policy(Bucket=s.logging_bucket, Policy=json.dumps(policy))


def configure(account: Account, s: Setting) -> None:
    account.client("bedrock", s.region, who="root").put_model_invocation_logging_configuration(
        loggingConfig=logging_config(s)
    )


def validated(account: Account, s: Setting) -> bool:
    """Whether AWS accepts the configuration."""
    try:
        configure(account, s)
    except ClientError as error:
        return error.response["Error"]["Code"] != "ValidationException"
    return True


def delivered(account: Account, s: Setting) -> dict[str, bool]:
    """Call a model, and say which destination the record reached."""
    counts = account.local.state.of(Deliveries).counts
    before = dict(counts)
    account.client("bedrock-runtime", s.region, who="root").converse(modelId="amazon.nova-lite-v1:0", messages=MESSAGES)
    reached = {}
    for (region, destination, outcome), number in counts.items():
        if region == s.region and number > before.get((region, destination, outcome), 0):
            reached[destination] = outcome == "Success"
    return reached


def test_logs_are_delivered_under_the_generated_documents(account: Account, logged: Setting) -> None:
    assert validated(account, logged)
    assert delivered(account, logged) == {"CloudWatch": True, "S3": True}


def _names(policy: dict[str, Any]) -> list[str]:
    return [name for name, _ in parts(policy)]


LOGGING = roles.logging_role(NAMES.scope())
BROKEN = {
    "role": _names(LOGGING.permissions.dump()),
    "trust": _names(LOGGING.trust.dump()),
    "bucket": _names(roles.logging_bucket(NAMES.scope()).dump()),
}


@pytest.mark.parametrize(
    ("document", "number"), [(document, n) for document, names in BROKEN.items() for n in range(len(names))]
)
def test_logs_are_not_delivered_without_any_part_of_them(
    account: Account, logged: Setting, document: str, number: int
) -> None:
    made = roles.logging_role(logged.scope())
    whole = {"role": made.permissions, "trust": made.trust, "bucket": roles.logging_bucket(logged.scope())}[document]
    name, policy = list(parts(whole.dump()))[number]
    try:
        if document == "bucket":
            put_bucket(account, logged, policy)
        else:
            {"role": put_policy, "trust": put_trust}[document](account, logged.logging_role, policy)
        assert not validated(account, logged), name
        reached = delivered(account, logged)
        # A stream that is there already needs no right to make it.
        made_stream = document == "role" and name == "without logs:CreateLogStream"
        assert reached == {"CloudWatch": document == "bucket" or made_stream, "S3": document != "bucket"}, name
    finally:
        mend(account, logged)
