"""Connectors to the world outside are made when AWS would make them, and are never said to have been read."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge.store import KnowledgeStore

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:example-AbCdEf"
CRAWLED: dict[str, dict[str, Any]] = {
    "WEB": {
        "webConfiguration": {
            "sourceConfiguration": {"urlConfiguration": {"seedUrls": [{"url": "https://example.com/docs/"}]}},
            "crawlerConfiguration": {"scope": "HOST_ONLY", "crawlerLimits": {"rateLimit": 50, "maxPages": 25000}},
        }
    },
    "CONFLUENCE": {
        "confluenceConfiguration": {
            "sourceConfiguration": {
                "hostUrl": "https://example.atlassian.net",
                "hostType": "SAAS",
                "authType": "BASIC",
                "credentialsSecretArn": SECRET,
            },
            "crawlerConfiguration": {
                "filterConfiguration": {
                    "type": "PATTERN",
                    "patternObjectFilter": {"filters": [{"objectType": "Page", "inclusionFilters": [".*"]}]},
                }
            },
        }
    },
    "SHAREPOINT": {
        "sharePointConfiguration": {
            "sourceConfiguration": {
                "domain": "example",
                "siteUrls": ["https://example.sharepoint.com/sites/x"],
                "hostType": "ONLINE",
                "tenantId": "888d0b57-69f1-4fb8-957f-e1f0bedf64de",
                "authType": "OAUTH2_CLIENT_CREDENTIALS",
                "credentialsSecretArn": SECRET,
            }
        }
    },
    "SALESFORCE": {
        "salesforceConfiguration": {
            "sourceConfiguration": {
                "hostUrl": "https://example.my.salesforce.com/",
                "authType": "OAUTH2_CLIENT_CREDENTIALS",
                "credentialsSecretArn": SECRET,
            }
        }
    },
}


def base_on(world: Any, store: str) -> str:
    """A knowledge base; what it stands on is renamed, since here it is only asked for by its type."""
    identifier = str(world.knowledge_base())
    bases = world.state.of(KnowledgeStore).bases
    bases["us-east-1", identifier].storage["type"] = store
    return identifier


def refused(call: Any, *args: Any, **kwargs: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize("kind", CRAWLED)
def test_a_connector_is_made_and_shown_and_its_ingestion_is_a_501(world, kind):
    base = base_on(world, "OPENSEARCH_SERVERLESS")
    configuration = {"type": kind, **CRAWLED[kind]}
    source = world.data_source(base, dataSourceConfiguration=configuration)
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    assert world.agent("GetDataSource", **where)["dataSource"]["dataSourceConfiguration"] == configuration
    fault = refused(world.agent, "StartIngestionJob", **where)
    assert (fault.status, fault.code) == (501, "NotImplementedException")
    assert f"reads no data source of type {kind}" in fault.message
    assert world.agent("ListIngestionJobs", **where) == {"ingestionJobSummaries": []}


@pytest.mark.parametrize("kind", CRAWLED)
def test_a_connector_on_another_store_is_refused(world, kind):
    fault = refused(world.data_source, world.knowledge_base(), dataSourceConfiguration={"type": kind, **CRAWLED[kind]})
    assert "OPENSEARCH_SERVERLESS only, not S3_VECTORS" in fault.message


def changed(kind: str, path: str, value: Any) -> dict[str, Any]:
    """The configuration of *kind* with another value at *path*."""
    made = copy.deepcopy(CRAWLED[kind])
    found: Any = next(iter(made.values()))
    *above, last = path.split(".")
    for name in above:
        found = found[int(name)] if name.isdigit() else found.setdefault(name, {})
    found[last] = value
    return {"type": kind, **made}


WRONG = [
    ("WEB", "sourceConfiguration.urlConfiguration.seedUrls", [], "at least one seed URL"),
    ("WEB", "sourceConfiguration.urlConfiguration.seedUrls.0.url", "ftp://example.com", "no URL of http or https"),
    ("WEB", "crawlerConfiguration.crawlerLimits.maxPages", 25001, "must not exceed 25000"),
    ("WEB", "crawlerConfiguration.scope", "EVERYTHING", "is no scope"),
    ("CONFLUENCE", "sourceConfiguration.hostUrl", "https://example.com", r"must end with \.atlassian\.net"),
    ("CONFLUENCE", "sourceConfiguration.authType", "NONE", "authType must be BASIC or"),
    ("CONFLUENCE", "sourceConfiguration.credentialsSecretArn", "secret", "no ARN of a secret"),
    ("CONFLUENCE", "sourceConfiguration.hostType", "ONLINE", "hostType must be SAAS"),
    ("CONFLUENCE", "crawlerConfiguration.filterConfiguration", {"type": "PATTERN"}, "with patternObjectFilter"),
    (
        "CONFLUENCE",
        "crawlerConfiguration.filterConfiguration.patternObjectFilter.filters.0.objectType",
        "Event",
        "Event is no object type",
    ),
    ("SHAREPOINT", "sourceConfiguration.siteUrls", ["http://example.sharepoint.com/x"], "no URL of https"),
    ("SHAREPOINT", "sourceConfiguration.tenantId", "x", "no id of a tenant"),
    ("SALESFORCE", "sourceConfiguration.authType", "BASIC", "authType must be OAUTH2"),
    ("SALESFORCE", "sourceConfiguration.hostUrl", "https://exa mple.com", "no URL of https"),
]


@pytest.mark.parametrize(("kind", "path", "value", "message"), WRONG)
def test_a_connector_that_aws_would_not_take_is_refused(world, kind, path, value, message):
    base = base_on(world, "OPENSEARCH_SERVERLESS")
    fault = refused(world.data_source, base, dataSourceConfiguration=changed(kind, path, value))
    assert fault.code == "ValidationException"
    with pytest.raises(Fault, match=message):
        raise fault


def test_a_member_of_another_kind_is_refused(world):
    base = base_on(world, "OPENSEARCH_SERVERLESS")
    both = {"type": "WEB", **CRAWLED["WEB"], **CRAWLED["SALESFORCE"]}
    assert "does not belong" in refused(world.data_source, base, dataSourceConfiguration=both).message
    managed = {"type": "MANAGED_KNOWLEDGE_BASE_CONNECTOR"}
    assert refused(world.data_source, base, dataSourceConfiguration=managed).status == 501


PARSED = {
    "BEDROCK_FOUNDATION_MODEL": {
        "bedrockFoundationModelConfiguration": {
            "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
        }
    },
    "BEDROCK_DATA_AUTOMATION": {},
}


@pytest.mark.parametrize("strategy", PARSED)
def test_a_parser_is_taken_and_its_ingestion_is_a_501(world, strategy):
    base = world.knowledge_base()
    parsing = {"parsingConfiguration": {"parsingStrategy": strategy, **PARSED[strategy]}}
    source = world.data_source(base, vectorIngestionConfiguration=parsing)
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    assert world.agent("GetDataSource", **where)["dataSource"]["vectorIngestionConfiguration"] == parsing
    fault = refused(world.agent, "StartIngestionJob", **where)
    assert (fault.status, f"no parser of the strategy {strategy}" in fault.message) == (501, True)
    document = {"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": f"s3://{world.bucket}/leave.md"}}}}
    assert refused(world.agent, "IngestKnowledgeBaseDocuments", **where, documents=[document]).status == 501


def test_images_are_kept_only_where_the_knowledge_base_has_a_place_for_them(world):
    parsing = {
        "parsingStrategy": "BEDROCK_DATA_AUTOMATION",
        "bedrockDataAutomationConfiguration": {"parsingModality": "MULTIMODAL"},
    }
    cut = {"vectorIngestionConfiguration": {"parsingConfiguration": parsing}}
    assert "supplementalDataStorage" in refused(world.data_source, world.knowledge_base(), **cut).message
    params = world.knowledge_base_params(world.index("kept"))
    vector = params["knowledgeBaseConfiguration"]["vectorKnowledgeBaseConfiguration"]
    kept = {"type": "S3", "s3Location": {"uri": "s3://example-media"}}
    vector = {**vector, "supplementalDataStorageConfiguration": {"storageLocations": [kept]}}
    made = world.agent(
        "CreateKnowledgeBase",
        **params | {"knowledgeBaseConfiguration": {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector}},
    )
    assert world.data_source(made["knowledgeBase"]["knowledgeBaseId"], **cut)
    web = {"type": "WEB", **CRAWLED["WEB"]}
    base = base_on(world, "OPENSEARCH_SERVERLESS")
    assert "do not support multimodal" in refused(world.data_source, base, dataSourceConfiguration=web, **cut).message


def test_the_type_and_the_parser_of_a_data_source_are_for_life(world):
    base = base_on(world, "OPENSEARCH_SERVERLESS")
    source = world.data_source(base)
    where = {"knowledgeBaseId": base, "dataSourceId": source, "name": "renamed"}
    s3 = world.agent("GetDataSource", knowledgeBaseId=base, dataSourceId=source)["dataSource"][
        "dataSourceConfiguration"
    ]
    web = {"type": "WEB", **CRAWLED["WEB"]}
    assert (
        "type of a data source"
        in refused(world.agent, "UpdateDataSource", **where, dataSourceConfiguration=web).message
    )
    parsing = {"parsingConfiguration": {"parsingStrategy": "BEDROCK_DATA_AUTOMATION"}}
    fault = refused(
        world.agent, "UpdateDataSource", **where, dataSourceConfiguration=s3, vectorIngestionConfiguration=parsing
    )
    assert "parsingStrategy" in fault.message
