"""Data sources of knowledge bases: what each kind takes, and where that stands in AWS's request, as data with its source.

The configuration checks its tables by these rows, CreateDataSource is written from them, and the service role, the plan
and the JSON Schema read them. How long a text may be is with the types of the configuration; a test holds both against
botocore's model. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "METADATA_FILE_BYTES",
    "METADATA_SUFFIX",
    "PARSERS",
    "SOURCES",
    "Key",
    "Parser",
    "Source",
    "check_keys",
]

METADATA_SUFFIX = ".metadata.json"
"""Ending of the file that holds the metadata of the document beside it. Source: User Guide, s3-data-source-connector."""

METADATA_FILE_BYTES = 10 * 1024
"""Most of such a file. Source: the same page."""

_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_COMMON = ("type", "name", "chunking", "parsing", "deletion_policy")
"""Keys that every source takes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a source in gateway.toml."""

    name: str
    path: str = ""
    """Where it stands in the source's member of dataSourceConfiguration: members by dots, ``[]`` for a list of what
    follows; empty: AWS is not told, the role alone is about it."""
    required: bool = False
    needs: str = ""
    """Key without which it means nothing."""
    values: Mapping[str, str] = field(default_factory=dict)
    """gateway.toml's word → AWS's; empty: the value itself."""
    members: Mapping[str, str] = field(default_factory=dict)
    """Of a table: its key → AWS's member."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Path → value that AWS wants beside it."""
    host: str = ""
    """How the host of an address ends."""
    role: str = ""
    """Field of the source's template in `bedrock_gateway.iam.documents.sources` that it fills."""
    role_values: Mapping[str, str] = field(default_factory=dict)
    """gateway.toml's word → the field's; empty: the value itself. A word that is not in it fills nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of data source."""

    name: str
    """As gateway.toml has it, and the template of its statements."""
    type: str
    """AWS's ``dataSourceConfiguration.type``."""
    member: str
    """AWS's member of dataSourceConfiguration; empty: it has none."""
    about: str
    keys: tuple[Key, ...]
    location: str
    """What is read, from its keys."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Path → value that AWS wants of every source of this kind."""
    object_types: tuple[str, ...] = ()
    """What its filters can be about."""
    stores: tuple[str, ...] = ()
    """The only stores that AWS offers with it; empty: every one."""
    multimodal: bool = False
    """Whether images, tables and charts in it can be read."""
    synced: bool = True
    """Whether an ingestion job reads it; else documents are handed over one by one."""
    preview: bool = False
    source: str = ""

    def key(self, name: str) -> Key | None:
        """Return the key of that name; None: it has none."""
        return next((one for one in self.keys if one.name == name), None)


_CRAWLED = ("opensearch-serverless",)
"""Source: each connector's page says that no other store is available with it."""

_BUCKET = (
    Key("prefix", "inclusionPrefixes[]", role="prefix", needs="bucket"),
    Key("bucket_owner", "bucketOwnerAccountId", role="owner", needs="bucket"),
    Key("key", role="key"),
)
_SECRET = (
    Key("secret", "sourceConfiguration.credentialsSecretArn", required=True, role="secret"),
    Key("key", role="key"),
)
_FILTERS = Key(
    "filters",
    "crawlerConfiguration.filterConfiguration.patternObjectFilter.filters[]",
    members={"object_type": "objectType", "include": "inclusionFilters", "exclude": "exclusionFilters"},
    fixed={"crawlerConfiguration.filterConfiguration.type": "PATTERN"},
)
_OAUTH2 = "OAUTH2_CLIENT_CREDENTIALS"

_ROWS = (
    Source(
        "s3",
        "S3",
        "s3Configuration",
        "Documents in a bucket of this account or another, with their metadata files.",
        (Key("bucket", "bucketArn", required=True, role="bucket"), *_BUCKET),
        "s3://{bucket}/{prefix}",
        multimodal=True,
        source=f"{_GUIDE}s3-data-source-connector.html",
    ),
    Source(
        "web",
        "WEB",
        "webConfiguration",
        "Pages of web sites that you may crawl, from seed URLs on.",
        (
            Key("urls", "sourceConfiguration.urlConfiguration.seedUrls[].url", required=True),
            Key(
                "scope",
                "crawlerConfiguration.scope",
                values={"host-only": "HOST_ONLY", "subdomains": "SUBDOMAINS"},
            ),
            Key("include", "crawlerConfiguration.inclusionFilters[]"),
            Key("exclude", "crawlerConfiguration.exclusionFilters[]"),
            Key("rate_limit", "crawlerConfiguration.crawlerLimits.rateLimit"),
            Key("max_pages", "crawlerConfiguration.crawlerLimits.maxPages"),
            Key("user_agent", "crawlerConfiguration.userAgent"),
        ),
        "{urls}",
        stores=_CRAWLED,
        preview=True,
        source=f"{_GUIDE}webcrawl-data-source-connector.html",
    ),
    Source(
        "confluence",
        "CONFLUENCE",
        "confluenceConfiguration",
        "A site of Confluence Cloud.",
        (
            Key("host_url", "sourceConfiguration.hostUrl", required=True, host=".atlassian.net"),
            Key(
                "auth",
                "sourceConfiguration.authType",
                required=True,
                values={"basic": "BASIC", "oauth2": _OAUTH2},
                # Bedrock writes refreshed tokens back into the secret.
                role="oauth",
                role_values={"oauth2": "true"},
            ),
            *_SECRET,
            _FILTERS,
        ),
        "{host_url}",
        fixed={"sourceConfiguration.hostType": "SAAS"},
        object_types=("Space", "Page", "Blog", "Comment", "Attachment"),
        stores=_CRAWLED,
        preview=True,
        source=f"{_GUIDE}confluence-data-source-connector.html",
    ),
    Source(
        "sharepoint",
        "SHAREPOINT",
        "sharePointConfiguration",
        "Sites of SharePoint Online.",
        (
            Key("site_urls", "sourceConfiguration.siteUrls[]", required=True, host=".sharepoint.com"),
            Key("domain", "sourceConfiguration.domain", required=True),
            # The one way to sign in that is left asks for it; AWS's model does not.
            Key("tenant_id", "sourceConfiguration.tenantId", required=True),
            Key("auth", "sourceConfiguration.authType", required=True, values={"oauth2": _OAUTH2}),
            *_SECRET,
            _FILTERS,
        ),
        "{site_urls}",
        fixed={"sourceConfiguration.hostType": "ONLINE"},
        object_types=("Page", "Event", "File"),
        stores=_CRAWLED,
        preview=True,
        source=f"{_GUIDE}sharepoint-data-source-connector.html",
    ),
    Source(
        "salesforce",
        "SALESFORCE",
        "salesforceConfiguration",
        "Records and files of Salesforce.",
        (
            Key("host_url", "sourceConfiguration.hostUrl", required=True),
            Key("auth", "sourceConfiguration.authType", required=True, values={"oauth2": _OAUTH2}),
            *_SECRET,
            _FILTERS,
        ),
        "{host_url}",
        object_types=(
            "Account", "Attachment", "Campaign", "ContentVersion", "Partner", "Pricebook2", "Case", "Contact", "Contract",
            "Document", "Idea", "Lead", "Opportunity", "Product2", "Solution", "Task", "FeedItem", "FeedComment",
            "Knowledge__kav", "User", "CollaborationGroup",
        ),
        stores=_CRAWLED,
        preview=True,
        source=f"{_GUIDE}salesforce-data-source-connector.html",
    ),
    Source(
        "custom",
        "CUSTOM",
        "",
        "Documents that are handed over one by one; the bucket is for those given by their S3 location.",
        (
            Key("bucket", role="bucket"),
            Key("prefix", role="prefix", needs="bucket"),
            Key("bucket_owner", role="owner", needs="bucket"),
            Key("key", role="key", needs="bucket"),
        ),
        "documents handed over directly",
        multimodal=True,
        synced=False,
        source=f"{_GUIDE}custom-data-source-connector.html",
    ),
)  # fmt: skip

SOURCES: Mapping[str, Source] = MappingProxyType({row.name: row for row in _ROWS})
"""Every data source that can be configured, by its name in gateway.toml."""


def check_keys(name: str, given: Collection[str]) -> None:
    """Refuse keys that a source of that kind does not take, or lacks.

    Raises:
        ConfigError: the first of them, with what the kind takes; ``key_path`` is the key.
    """
    row = SOURCES[name]
    known = [one.name for one in row.keys]
    for one in given:
        if one not in known and one not in _COMMON:
            taken = f"takes {', '.join(known)}"
            raise ConfigError(f"a source of type {name!r} has no {one!r}; it {taken}", key_path=one)
    for key in row.keys:
        if key.required and key.name not in given:
            raise ConfigError(f"a source of type {name!r} needs `{key.name}`", key_path=key.name)
        if key.needs and key.name in given and key.needs not in given:
            raise ConfigError(f"`{key.name}` of a source of type {name!r} needs `{key.needs}`", key_path=key.name)


@dataclass(frozen=True, slots=True)
class Parser:
    """One way to read documents, beside AWS's default."""

    name: str
    """As gateway.toml has it."""
    strategy: str
    """AWS's ``parsingStrategy``."""
    member: str
    """AWS's member of parsingConfiguration."""
    option: str
    """Option of the service role, in `bedrock_gateway.iam.roles`."""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    cost: str = ""
    source: str = f"{_GUIDE}kb-advanced-parsing.html"


PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        row.name: row
        for row in (
            Parser(
                "foundation-model",
                "BEDROCK_FOUNDATION_MODEL",
                "bedrockFoundationModelConfiguration",
                "parse-model",
                required=("model",),
                optional=("prompt", "multimodal"),
                cost="every page is read by the model, and billed by the token",
            ),
            Parser(
                "data-automation",
                "BEDROCK_DATA_AUTOMATION",
                "bedrockDataAutomationConfiguration",
                "parse-data-automation",
                optional=("multimodal",),
                cost="Bedrock Data Automation is a preview here, and billed by the page",
            ),
        )
    }
)
"""Every parser of a self-managed knowledge base, by its name in gateway.toml. SMART_PARSING and MULTI_MODAL_EMBEDDINGS
are those of managed knowledge bases. Source: API_agent_ParsingConfiguration."""
