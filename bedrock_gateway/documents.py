"""Documents that are given to a knowledge base one by one, without an ingestion job: `Gateway.ingest_documents`.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/kb-direct-ingestion.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Document"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document: of your own, with an id and its content in *text*, *data* or *uri*; or an object of an S3 source.

    ::

        Document("leave", text="Everybody has 25 days.", metadata={"team": "people"})
        Document("leave", data=pdf, media_type="application/pdf")
        Document("leave", uri="s3://example-handbook/leave.pdf")     # content from S3, for a custom data source
        Document(uri="s3://example-handbook/leave.pdf")              # an object of the bucket of an S3 data source
    """

    id: str | None = None
    """Your own id, under which it is replaced, found and deleted; None: the object at *uri*, in an S3 data source."""
    text: str | None = field(default=None, repr=False, kw_only=True)
    """Its content; at most 5 MiB, as *data*."""
    data: bytes | None = field(default=None, repr=False, kw_only=True)
    """Its content in the form that *media_type* names."""
    media_type: str | None = field(default=None, kw_only=True)
    """MIME type of *data*, such as ``application/pdf``."""
    uri: str | None = field(default=None, kw_only=True)
    """``s3://bucket/key``; read with the knowledge base's role."""
    bucket_owner: str | None = field(default=None, kw_only=True)
    """Account that owns the bucket of *uri*; None: the knowledge base's own."""
    metadata: Mapping[str, str | float | bool | Sequence[str]] | None = field(default=None, repr=False, kw_only=True)
    """Attributes to filter by, at most 50; None: none, or those at *metadata_uri*."""
    metadata_uri: str | None = field(default=None, kw_only=True)
    """``s3://bucket/key`` of a metadata file."""
