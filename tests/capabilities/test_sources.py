"""The table of sources holds against botocore's model: what is sent, what is refused, and where the limits are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.session import Session

from bedrock_gateway import ConfigError, GatewayConfig
from bedrock_gateway._config.sources import ParserName, SourceType
from bedrock_gateway._requests.sources import ingestion_configuration, source_configuration
from bedrock_gateway.capabilities.sources import PARSERS, SOURCES
from bedrock_gateway.config import ChunkingConfig, ParsingConfig, SourceConfig
from bedrock_gateway.iam.documents.sources import SOURCES as TEMPLATES
from bedrock_gateway.iam.documents.stores import OPTIONS
from bedrock_gateway.iam.roles import MODEL_OPTIONS

from .shapes import faults

EVERYTHING = Path(__file__).parents[1] / "cases" / "config" / "good-sources.toml"
MANAGED = {"REDSHIFT_METADATA", "MANAGED_KNOWLEDGE_BASE_CONNECTOR"}
"""Not of a knowledge base with a vector store."""
SECRET = "arn:aws:secretsmanager:us-east-2:111122223333:secret:example-AbCdEf"
LEAST: dict[str, dict[str, Any]] = {
    "s3": {"bucket": "example-handbook"},
    "web": {"urls": ("https://example.com/",)},
    "confluence": {"host_url": "https://example.atlassian.net", "auth": "basic", "secret": SECRET},
    "sharepoint": {
        "site_urls": ("https://example.sharepoint.com/sites/x",),
        "domain": "example",
        "tenant_id": "888d0b57-69f1-4fb8-957f-e1f0bedf64de",
        "auth": "oauth2",
        "secret": SECRET,
    },
    "salesforce": {"host_url": "https://example.my.salesforce.com/", "auth": "oauth2", "secret": SECRET},
    "custom": {},
}


def shape(name: str) -> Any:
    return Session().get_service_model("bedrock-agent").shape_for(name)


@pytest.fixture(scope="module")
def config() -> GatewayConfig:
    return GatewayConfig.from_file(EVERYTHING)


def at(path: str, row: Any) -> Any:
    """The shape where a key of *row* stands."""
    found = shape("DataSourceConfiguration").members[row.member]
    for part in path.replace("[]", ".[]").split("."):
        found = found.member if part == "[]" else found.members[part]
    return found


def test_every_type_of_aws_has_a_row_and_a_word_in_the_configuration() -> None:
    known = set(shape("DataSourceConfiguration").members["type"].enum) - MANAGED
    assert {row.type for row in SOURCES.values()} == known
    assert set(get_args(SourceType)) == set(SOURCES) == set(LEAST)
    strategies = set(shape("ParsingConfiguration").members["parsingStrategy"].enum)
    assert {row.strategy for row in PARSERS.values()} == strategies - {"SMART_PARSING", "MULTI_MODAL_EMBEDDINGS"}
    assert set(get_args(ParserName)) == set(PARSERS)


@pytest.mark.parametrize("row", SOURCES.values(), ids=lambda row: row.name)
def test_every_key_stands_where_aws_has_a_member_and_every_word_is_one_of_its_words(row: Any) -> None:
    for key in row.keys:
        assert key.name in SourceConfig.model_fields
        if key.path:
            found = at(key.path, row)
            assert not key.values or set(key.values.values()) <= set(found.enum)
            assert set(key.members.values()) <= set(getattr(found, "members", {}))
        for path, value in key.fixed.items():
            assert value in at(path, row).enum
    for path, value in row.fixed.items():
        assert value in at(path, row).enum


@pytest.mark.parametrize("row", SOURCES.values(), ids=lambda row: row.name)
def test_every_key_of_the_role_is_a_field_of_the_template(row: Any) -> None:
    given = {key.role for key in row.keys if key.role}
    needed = {name for name, field in TEMPLATES[row.name].fields.items() if field.default is None}
    assert needed <= given <= set(TEMPLATES[row.name].fields)


def test_every_parser_has_its_option_in_the_role() -> None:
    assert {row.option for row in PARSERS.values()} <= {*OPTIONS, *MODEL_OPTIONS}


@pytest.mark.parametrize("number", range(7))
def test_what_is_sent_is_what_botocore_knows(config: GatewayConfig, number: int) -> None:
    source = config.knowledge_bases["everything"].sources[number]
    assert faults(shape("DataSourceConfiguration"), source_configuration(config, source)) == []
    cut = ingestion_configuration(config, source)
    assert cut is None or faults(shape("VectorIngestionConfiguration"), cut) == []


@pytest.mark.parametrize("kind", LEAST)
def test_the_least_that_is_taken_is_what_botocore_takes(config: GatewayConfig, kind: str) -> None:
    source = SourceConfig(type=kind, **LEAST[kind])
    assert faults(shape("DataSourceConfiguration"), source_configuration(config, source)) == []
    assert ingestion_configuration(config, source) is None


def test_what_is_sent_of_each_kind(config: GatewayConfig) -> None:
    made = [source_configuration(config, one) for one in config.knowledge_bases["everything"].sources]
    assert made[1] == {
        "type": "S3",
        "s3Configuration": {
            "bucketArn": "arn:aws:s3:::example-handbook-123456789012",
            "bucketOwnerAccountId": "123456789012",
        },
    }
    assert made[2] == {
        "type": "WEB",
        "webConfiguration": {
            "sourceConfiguration": {
                "urlConfiguration": {
                    "seedUrls": [{"url": "https://www.example.com/docs/"}, {"url": "https://www.example.com/faq"}]
                }
            },
            "crawlerConfiguration": {
                "scope": "HOST_ONLY",
                "inclusionFilters": [r"https://www\.example\.com/docs/.*"],
                "exclusionFilters": [r".*\.pdf$"],
                "crawlerLimits": {"rateLimit": 50, "maxPages": 1000},
                "userAgent": "example-handbook-crawler",
            },
        },
    }
    assert made[3]["confluenceConfiguration"]["crawlerConfiguration"] == {
        "filterConfiguration": {
            "type": "PATTERN",
            "patternObjectFilter": {
                "filters": [
                    {"objectType": "Page", "exclusionFilters": [".*draft.*"]},
                    {"objectType": "Attachment", "inclusionFilters": [r".*\.pdf"]},
                ]
            },
        }
    }
    assert made[4]["sharePointConfiguration"]["sourceConfiguration"] == {
        "hostType": "ONLINE",
        "siteUrls": ["https://example.sharepoint.com/sites/handbook"],
        "domain": "example",
        "tenantId": "888d0b57-69f1-4fb8-957f-e1f0bedf64de",
        "authType": "OAUTH2_CLIENT_CREDENTIALS",
        "credentialsSecretArn": "arn:aws:secretsmanager:us-east-2:111122223333:secret:sharepoint-AbCdEf",
    }
    assert made[6] == {"type": "CUSTOM"}


def test_how_documents_are_parsed_is_sent_with_the_arn_of_the_model(config: GatewayConfig) -> None:
    sources = config.knowledge_bases["everything"].sources
    model = "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert ingestion_configuration(config, sources[1]) == {
        "parsingConfiguration": {
            "parsingStrategy": "BEDROCK_FOUNDATION_MODEL",
            "bedrockFoundationModelConfiguration": {
                "modelArn": model,
                "parsingPrompt": {"parsingPromptText": sources[1].parsing.prompt},
                "parsingModality": "MULTIMODAL",
            },
        }
    }
    assert ingestion_configuration(config, sources[5]) == {
        "parsingConfiguration": {"parsingStrategy": "BEDROCK_DATA_AUTOMATION"}
    }


LIMITS = [
    ("web", "urls", ("https://example.com/",) * 100, ("https://example.com/",) * 101),
    ("web", "rate_limit", 300, 301),
    ("web", "rate_limit", 1, 0),
    # The model has no upper limit, the User Guide has.
    ("web", "max_pages", 25_000, 25_001),
    ("web", "max_pages", 1, 0),
    ("web", "include", ("x",) * 25, ("x",) * 26),
    ("web", "exclude", ("x" * 1000,), ("x" * 1001,)),
    ("web", "user_agent", "x" * 40, "x" * 41),
    ("web", "user_agent", "x" * 15, "x" * 14),
    ("s3", "prefix", "x" * 300, "x" * 301),
    ("sharepoint", "domain", "x" * 50, "x" * 51),
    (
        "sharepoint",
        "site_urls",
        ("https://example.sharepoint.com/x",) * 100,
        ("https://example.sharepoint.com/x",) * 101,
    ),
]


@pytest.mark.parametrize(("kind", "key", "taken", "refused"), LIMITS)
def test_a_limit_is_where_aws_has_it(config: GatewayConfig, kind: str, key: str, taken: Any, refused: Any) -> None:
    source = SourceConfig(type=kind, **(LEAST[kind] | {key: taken}))
    assert faults(shape("DataSourceConfiguration"), source_configuration(config, source)) == []
    with pytest.raises(ValueError, match=key):
        SourceConfig(type=kind, **(LEAST[kind] | {key: refused}))


REFUSED = {
    "a key of another type": ("s3", {"urls": ("https://example.com/",)}, "has no 'urls'; it takes bucket"),
    "a key that is missing": ("web", {"urls": None}, "needs `urls`"),
    "a way to sign in that it has not": ("salesforce", {"auth": "basic"}, "`auth` of a source of type 'salesforce' is 'oauth2'"),
    "a host that is none of Confluence": (
        "confluence",
        {"host_url": "https://example.com"},
        "no address of a host that ends with .atlassian.net",
    ),
    "a host that only begins like it": (
        "confluence",
        {"host_url": "https://example.atlassian.net.example.com"},
        "no address of a host",
    ),
    "credentials in an address": ("web", {"urls": ("https://user:secret@example.com/",)}, "holds credentials"),
    "an address of a file": ("web", {"urls": ("file:///etc/passwd",)}, "is no address"),
    "an address with a line in it": ("web", {"urls": ("https://example.com/\nx",)}, "control character"),
    "an address with a space": ("web", {"urls": ("https://example.com/a b",)}, "is no address"),
    "no encryption where AWS wants it": ("salesforce", {"host_url": "http://example.com"}, "is no address of https"),
    "a secret by its name": ("salesforce", {"secret": "my-secret"}, "is not a valid secret"),
    "a secret with a wildcard": ("salesforce", {"secret": SECRET + "*"}, "is not a valid secret"),
    "a pattern that looks ahead": ("web", {"exclude": ("(?!x)",)}, "looks ahead"),
    "an object that it has not": (
        "sharepoint",
        {"filters": ({"object_type": "Space", "include": ("x",)},)},
        "sharepoint has no 'Space' to filter; it has Page, Event, File",
    ),
    "a filter that says nothing": ("sharepoint", {"filters": ({"object_type": "Page"},)}, "add `include` or `exclude`"),
    "images of a crawler": ("web", {"parsing": {"strategy": "data-automation", "multimodal": True}}, "reads no images"),
    "a prefix without bucket": ("custom", {"prefix": "hr/"}, "needs `bucket`"),
    "a prefix that is a pattern": ("s3", {"prefix": "hr/*"}, "prefix"),
    "a hostile name": ("s3", {"name": "a b"}, "name"),
    "a prompt with what cannot be seen": (
        "s3",
        {"parsing": {"strategy": "foundation-model", "model": "amazon.nova-lite-v1:0", "prompt": "x\x1b[2J"}},
        "control character",
    ),
    "a parser that embeds": (
        "s3",
        {"parsing": {"strategy": "foundation-model", "model": "amazon.titan-embed-text-v2:0"}},
        "reads no documents",
    ),
    "a prompt for what takes none": ("s3", {"parsing": {"strategy": "data-automation", "prompt": "x"}}, "has no 'prompt'"),
    "a child larger than its parent": (
        "s3",
        {"chunking": {"strategy": "hierarchical", "max_tokens": 200, "child_max_tokens": 300, "overlap_tokens": 20}},
        "fits no parent",
    ),
    "an overlap as large as a child": (
        "s3",
        {"chunking": {"strategy": "hierarchical", "max_tokens": 900, "child_max_tokens": 300, "overlap_tokens": 300}},
        "fits no parent",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_aws_would_refuse_is_refused(case: tuple[str, dict[str, Any], str]) -> None:
    kind, changed, message = case
    given = {key: value for key, value in (LEAST[kind] | changed).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        SourceConfig(type=kind, **given)


def test_the_limits_of_chunking_and_parsing_are_those_of_aws() -> None:
    """The newer of our botocore versions; an older one has no upper limit for a chunk."""
    for strategy, given in (
        ("fixed", {"max_tokens": 8193, "overlap_percentage": 20}),
        ("fixed", {"max_tokens": 300, "overlap_percentage": 100}),
        ("semantic", {"max_tokens": 300, "buffer_size": 2, "breakpoint_percentile": 95}),
        ("semantic", {"max_tokens": 300, "buffer_size": 1, "breakpoint_percentile": 49}),
    ):
        with pytest.raises(ValueError, match="than or equal"):
            ChunkingConfig(strategy=strategy, **given)
    most = shape("ParsingPromptText").metadata["max"]
    model = "amazon.nova-lite-v1:0"
    assert ParsingConfig(strategy="foundation-model", model=model, prompt="x" * most).prompt
    with pytest.raises(ValueError, match="at most"):
        ParsingConfig(strategy="foundation-model", model=model, prompt="x" * (most + 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('multimodal_bucket = "example-media-111122223333"\n', "", "add `multimodal_bucket`"),
        ("example-media-111122223333", "example-handbook-111122223333", "is that of a source"),
        ('name = "elsewhere"', 'name = "elsewhere"\nurls = []', "source.1.urls"),
        ("rate_limit = 50", "rate_limit = 5000", "toml:46: knowledge_base.everything.source.2.rate_limit"),
    ],
)
def test_a_fault_is_said_with_its_source_and_line(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GatewayConfig.from_toml(EVERYTHING.read_text().replace(old, new, 1))


def test_where_parsing_may_run_is_held_to_residency() -> None:
    text = EVERYTHING.read_text().replace(
        'region = "us-east-2"\n', 'region = "us-east-2"\nresidency = ["us-east-2"]\n', 1
    )
    with pytest.raises(ConfigError, match=r"source\.1\.parsing\.model: us\.anthropic.* may run in us-east-1"):
        GatewayConfig.from_toml(text)


def test_the_page_says_of_each_kind_what_the_table_says() -> None:
    page = Path(__file__).parents[2] / "docs" / "data-sources.md"
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.read_text().splitlines() if "|" in line
    ]
    said = {cells[0].strip("`"): cells for cells in rows}
    for name, row in SOURCES.items():
        _, about, needs, besides, stores = said[name]
        assert about
        assert _named(needs) == {key.name for key in row.keys if key.required}
        assert _named(besides) == {key.name for key in row.keys if not key.required}
        assert _named(stores) == set(row.stores) or (stores, row.stores) == ("any", ())
    for parser in PARSERS.values():
        _, takes, _ = said[parser.name]
        assert _named(re.sub(r"\(.*?\)", "", takes)) == {*parser.required, *parser.optional}


def _named(cell: str) -> set[str]:
    return {one.strip(" `") for one in cell.split(",") if one.strip(" `")} - {"any"}
