"""What CreateDataSource demands of each kind of source, and what of it can be read here: S3 and CUSTOM.

A connector to the world outside is made when its request is right, and its ingestion is a 501: nothing here crawls a site or
signs in to a service. The limits are AWS's, stated here on their own. Sources: the API reference of DataSourceConfiguration;
User Guide, webcrawl-, confluence-, sharepoint- and salesforce-data-source-connector, kb-data-source-customize-ingestion. The
texts are ours. Not verified against AWS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge.store import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.local.knowledge.store import DataSource, KnowledgeBase

__all__ = ["check_configuration", "check_parsing", "refuse_unread"]

READ_HERE = frozenset({"S3", "CUSTOM"})
_MEMBERS = {
    "S3": "s3Configuration",
    "WEB": "webConfiguration",
    "CONFLUENCE": "confluenceConfiguration",
    "SHAREPOINT": "sharePointConfiguration",
    "SALESFORCE": "salesforceConfiguration",
    "CUSTOM": None,
}
_SECRET = re.compile(
    r"arn:aws(|-cn|-us-gov):secretsmanager:[a-z0-9-]{1,20}:([0-9]{12}|):secret:[a-zA-Z0-9!/_+=.@-]{1,512}"
)
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_PAGES = 25_000
_OBJECTS = {
    "CONFLUENCE": "Space Page Blog Comment Attachment",
    "SHAREPOINT": "Page Event File",
    "SALESFORCE": "Account Attachment Campaign ContentVersion Partner Pricebook2 Case Contact Contract Document Idea Lead "
    "Opportunity Product2 Solution Task FeedItem FeedComment Knowledge__kav User CollaborationGroup",
}


def check_configuration(configuration: Mapping[str, Any], base: KnowledgeBase) -> None:
    """Refuse a dataSourceConfiguration that AWS would not take for *base*.

    Raises:
        Fault: ``ValidationException``; 501 for a kind that is not for knowledge bases with a vector store.
    """
    kind = str(configuration["type"])
    if kind not in _MEMBERS:
        raise Fault("NotImplementedException", f"The local Bedrock serves no data sources of type {kind}.", 501)
    member = _MEMBERS[kind]
    if member is not None and member not in configuration:
        raise invalid(f"{member} is required for a data source of type {kind}.")
    for other in configuration:
        if other not in {"type", member}:
            raise invalid(f"{other} does not belong to a data source of type {kind}.")
    if kind in READ_HERE:
        return
    store = str(base.storage["type"])
    if store != "OPENSEARCH_SERVERLESS":
        raise invalid(
            f"Data sources of type {kind} are available with the vector store OPENSEARCH_SERVERLESS only, not {store}."
        )
    for what in _CHECKS[kind](configuration[str(member)]):
        raise invalid(f"The configuration of the data source is invalid: {what}")


def _web(given: Mapping[str, Any]) -> Iterator[str]:
    seeds = given["sourceConfiguration"]["urlConfiguration"].get("seedUrls") or ()
    if not seeds:
        yield "at least one seed URL is required."
    for seed in seeds:
        yield from _address("url", str(seed.get("url", "")), "http", "https")
    crawler = given.get("crawlerConfiguration") or {}
    if (crawler.get("crawlerLimits") or {}).get("maxPages", 1) > _MOST_PAGES:
        yield f"maxPages must not exceed {_MOST_PAGES}."
    if crawler.get("scope") not in {None, "HOST_ONLY", "SUBDOMAINS"}:
        yield f"{crawler['scope']} is no scope."


def _confluence(given: Mapping[str, Any]) -> Iterator[str]:
    source = given["sourceConfiguration"]
    yield from _address("hostUrl", source["hostUrl"], "https", ending=".atlassian.net")
    yield from _signs_in(source, "SAAS", "BASIC", "OAUTH2_CLIENT_CREDENTIALS")
    yield from _filters(given, "CONFLUENCE")


def _sharepoint(given: Mapping[str, Any]) -> Iterator[str]:
    source = given["sourceConfiguration"]
    for url in source["siteUrls"]:
        yield from _address("siteUrls", url, "https", ending=".sharepoint.com")
    if "tenantId" in source and not _TENANT.fullmatch(source["tenantId"]):
        yield "tenantId is no id of a tenant."
    yield from _signs_in(source, "ONLINE", "OAUTH2_CLIENT_CREDENTIALS", "OAUTH2_SHAREPOINT_APP_ONLY_CLIENT_CREDENTIALS")
    yield from _filters(given, "SHAREPOINT")


def _salesforce(given: Mapping[str, Any]) -> Iterator[str]:
    source = given["sourceConfiguration"]
    yield from _address("hostUrl", source["hostUrl"], "https")
    yield from _signs_in(source, None, "OAUTH2_CLIENT_CREDENTIALS")
    yield from _filters(given, "SALESFORCE")


def _address(name: str, url: str, *schemes: str, ending: str = "") -> Iterator[str]:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in schemes and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        fits = False
    if not fits:
        yield f"{name} is no URL of {' or '.join(schemes)}."
    elif not str(parts.hostname).endswith(ending):
        yield f"the host of {name} must end with {ending}."


def _signs_in(source: Mapping[str, Any], host: str | None, *ways: str) -> Iterator[str]:
    if host is not None and source["hostType"] != host:
        yield f"hostType must be {host}."
    if source["authType"] not in ways:
        yield f"authType must be {' or '.join(ways)}."
    if not _SECRET.fullmatch(source["credentialsSecretArn"]):
        yield "credentialsSecretArn is no ARN of a secret."


def _filters(given: Mapping[str, Any], kind: str) -> Iterator[str]:
    configured = (given.get("crawlerConfiguration") or {}).get("filterConfiguration")
    if configured is None:
        return
    if configured["type"] != "PATTERN" or "patternObjectFilter" not in configured:
        yield "a filter is of type PATTERN, with patternObjectFilter."
        return
    for one in configured["patternObjectFilter"]["filters"]:
        if one["objectType"] not in _OBJECTS[kind].split():
            yield f"{one['objectType']} is no object type of {kind}."


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "WEB": _web,
    "CONFLUENCE": _confluence,
    "SHAREPOINT": _sharepoint,
    "SALESFORCE": _salesforce,
}
_PARSERS = {
    "BEDROCK_FOUNDATION_MODEL": "bedrockFoundationModelConfiguration",
    "BEDROCK_DATA_AUTOMATION": "bedrockDataAutomationConfiguration",
}


def check_parsing(parsing: Mapping[str, Any], base: KnowledgeBase, kind: str) -> None:
    """Refuse a parsingConfiguration that AWS would not take.

    Raises:
        Fault: ``ValidationException``.
    """
    strategy = parsing["parsingStrategy"]
    if strategy not in _PARSERS:
        raise invalid(f"The parsing strategy {strategy} is for managed knowledge bases only.")
    given = parsing.get(_PARSERS[strategy])
    if given is None and strategy == "BEDROCK_FOUNDATION_MODEL":
        raise invalid(f"{_PARSERS[strategy]} is required for the parsing strategy {strategy}.")
    if (given or {}).get("parsingModality") != "MULTIMODAL":
        return
    if kind not in READ_HERE:
        raise invalid(f"Data sources of type {kind} do not support multimodal data.")
    vector = base.configuration["vectorKnowledgeBaseConfiguration"]
    if "supplementalDataStorageConfiguration" not in vector:
        raise invalid("Multimodal parsing needs the supplementalDataStorageConfiguration of the knowledge base.")


def refuse_unread(source: DataSource) -> None:
    """Refuse to ingest what cannot be read here.

    Raises:
        Fault: 501, with what it is.
    """
    kind = source.configuration["type"]
    if kind not in READ_HERE:
        text = f"The local Bedrock reads no data source of type {kind}: it crawls no site and signs in to no service."
        raise Fault("NotImplementedException", text, 501)
    parsing = (source.ingestion or {}).get("parsingConfiguration")
    if parsing is not None:
        text = f"The local Bedrock reads text as it is: it has no parser of the strategy {parsing['parsingStrategy']}."
        raise Fault("NotImplementedException", text, 501)
