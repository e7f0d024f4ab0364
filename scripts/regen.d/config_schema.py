"""Write bedrock_gateway/gateway.schema.json, for editors, from the models of the configuration.

A table may be split over `[TABLE]` and `[env.NAME.TABLE]`, so no key inside one is required here; what must be there after
merging is for `GatewayConfig` to say.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bedrock_gateway._config.file import ENVIRONMENT_KEYS
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.capabilities.sources import PARSERS, SOURCES
from bedrock_gateway.config import GatewayConfig, ParsingConfig, SourceConfig

TARGET = Path(__file__).resolve().parents[2] / "bedrock_gateway" / "gateway.schema.json"
# Where a Python check stands behind a string, the pattern that an editor can show.
PATTERNS = {"account": r"^[0-9]{12}$", "region": r"^[a-z]{2}(-[a-z]+)+-[0-9]$"}
# Elements of an array are replaced as a whole, never merged: what they need is there.
COMMON = {"type", "name", "chunking", "parsing", "deletion_policy"}
WHOLE = {"SourceConfig", "FilterConfig"}
KNOWLEDGE_BASE_ID = r"^[0-9A-Z]{10}$"


def of_source(name: str) -> dict[str, Any]:
    """What a source of that type takes and needs, as its row says."""
    row = SOURCES[name]
    properties: dict[str, Any] = {
        key: False for key in SourceConfig.model_fields if row.key(key) is None and key not in COMMON
    }
    for key in row.keys:
        if key.values:
            properties[key.name] = {"enum": list(key.values)}
    if row.object_types:
        properties["filters"] = {"items": {"properties": {"object_type": {"enum": list(row.object_types)}}}}
    if not row.multimodal:
        properties["parsing"] = {"properties": {"multimodal": {"const": False}}}
    then = {
        "required": [key.name for key in row.keys if key.required],
        "properties": properties,
        "dependentRequired": {key.name: [key.needs] for key in row.keys if key.needs},
    }
    return {"if": {"properties": {"type": {"const": name}}}, "then": {k: v for k, v in then.items() if v}}


def of_parser(name: str) -> dict[str, Any]:
    row = PARSERS[name]
    taken = {*row.required, *row.optional, "strategy"}
    then = {
        "required": list(row.required),
        "properties": {key: False for key in ParsingConfig.model_fields if key not in taken},
    }
    return {"if": {"properties": {"strategy": {"const": name}}}, "then": {k: v for k, v in then.items() if v}}


def schema() -> dict[str, Any]:
    whole = GatewayConfig.model_json_schema()
    tables, fields = whole["$defs"], whole["properties"]
    for table in tables.values():
        if table["title"] not in WHOLE:
            table.pop("required", None)
    tables["SourceConfig"]["allOf"] = [of_source(name) for name in SOURCES]
    tables["ParsingConfig"]["allOf"] = [of_parser(name) for name in PARSERS]
    tables["PrincipalConfig"]["properties"]["capabilities"]["items"]["enum"] = list(CAPABILITIES)
    tables["KnowledgeBaseConfig"]["properties"]["id"]["anyOf"][0]["pattern"] = KNOWLEDGE_BASE_ID
    for name, pattern in PATTERNS.items():
        fields[name]["pattern"] = pattern
    merged = {
        name: fields[name]
        for name in ("principals", "logging", "guardrail", "batch", "wraps", "reliability", "preflight")
    }
    merged["knowledge_base"] = fields["knowledge_bases"]
    environment = {name: fields[name] for name in ENVIRONMENT_KEYS} | merged
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gateway.toml of bedrock-gateway, format 1",
        "type": "object",
        "additionalProperties": False,
        "required": ["format", "application", "env"],
        "properties": {
            "format": {"type": "integer", "const": 1},
            "application": fields["application"],
            "env": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["account"],
                    "properties": environment,
                },
            },
            **merged,
        },
        "$defs": tables,
    }


def main(argv: list[str]) -> int:
    text = json.dumps(schema(), indent=2) + "\n"
    if "--check" not in argv:
        TARGET.write_text(text)
        return 0
    if not TARGET.exists() or TARGET.read_text() != text:
        print(f"out of date: {TARGET.name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
