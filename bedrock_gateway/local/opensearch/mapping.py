"""The schema of an index: what OpenSearch Serverless takes, and what a knowledge base needs of it.

Sources: OpenSearch Service Developer Guide, serverless-vector-search; Bedrock User Guide, knowledge-base-setup; the texts
about the engine and the missing index are those of public issues (aws-samples/amazon-bedrock-samples#197,
aws/modern-data-architecture-accelerator#33), the others are not AWS's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.opensearch.state import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.opensearch.state import Collection, Index

__all__ = ["check_schema", "check_usable", "space_of"]

_INDEX_NAME = re.compile(r"(?![_.+-])[^A-Z\\/*?\"<>| ,#:]{1,255}")
_MAX_DIMENSIONS = 16_000
_ENGINES = ("faiss", "nmslib", "lucene")
_SPACES = ("l2", "cosinesimil", "innerproduct", "l1", "linf")
_TEXT_TYPES = ("text", "keyword")


def check_schema(name: str, schema: Any, collection: Collection) -> None:
    """Refuse a schema that the service would not take.

    Raises:
        Fault: ``ValidationException``.
    """
    if not _INDEX_NAME.fullmatch(name):
        raise invalid(f"Invalid index name [{name[:80]}], must be lowercase and not begin with _, ., + or -")
    if not isinstance(schema, dict) or not isinstance(schema.get("mappings", {}), dict):
        raise invalid("indexSchema must be an object with settings and mappings.")
    properties = schema.get("mappings", {}).get("properties", {})
    vectors = {key: one for key, one in properties.items() if isinstance(one, dict) and one.get("type") == "knn_vector"}
    for key, one in vectors.items():
        _check_vector(key, one)
    if vectors and collection.type != "VECTORSEARCH":
        raise invalid(f"Collection type {collection.type} does not support the knn_vector field type.")
    if vectors and not _knn(schema):
        raise invalid("Cannot set modelId or method parameters when index.knn setting is false")


def _knn(schema: Mapping[str, Any]) -> bool:
    settings = schema.get("settings") or {}
    found = (settings.get("index") or {}).get("knn", settings.get("index.knn", False))
    return str(found).lower() == "true"


def _check_vector(key: str, field: Mapping[str, Any]) -> None:
    dimension = field.get("dimension")
    if not isinstance(dimension, int) or not 1 <= dimension <= _MAX_DIMENSIONS:
        raise invalid(f"Dimension value must be greater than 0 and at most {_MAX_DIMENSIONS} for vector: {key}")
    method = field.get("method") or {}
    if method.get("engine", "faiss") not in _ENGINES:
        raise invalid(f"Invalid engine type: {str(method.get('engine'))[:40]}")
    if space_of(field) not in _SPACES:
        raise invalid(f"Invalid space type: {space_of(field)[:40]}")


def space_of(field: Mapping[str, Any]) -> str:
    """Return the space type of a vector field: where it says none, ``l2``."""
    return str((field.get("method") or {}).get("space_type") or field.get("space_type") or "l2")


def check_usable(index: Index, mapping: Mapping[str, Any], dimensions: int) -> None:
    """Refuse an index that a knowledge base with this field mapping and vector length cannot use.

    Raises:
        Fault: ``ValidationException``; the caller puts before it what AWS puts before it.
    """
    vector = index.properties.get(str(mapping.get("vectorField"))) or {}
    if vector.get("type") != "knn_vector":
        raise invalid(f"The field {mapping.get('vectorField')} of the index {index.name} is not of type knn_vector.")
    if (vector.get("method") or {}).get("engine", "faiss") != "faiss":
        raise invalid("The OpenSearch Serverless engine type associated with your vector index is invalid. Recreate your vector index with one of the following valid engine types: FAISS. Then retry your request.")  # fmt: skip
    if vector["dimension"] != dimensions:
        raise invalid(f"Query vector has invalid dimension: {dimensions}. Dimension should be: {vector['dimension']}")
    for member in ("textField", "metadataField"):
        field = index.properties.get(str(mapping.get(member)))
        if field is not None and field.get("type") not in _TEXT_TYPES:
            raise invalid(f"The field {mapping.get(member)} of the index {index.name} is not of type text.")
