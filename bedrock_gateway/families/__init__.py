"""InvokeModel, per family of models: which family an id names, its request, and what its answers say."""

from __future__ import annotations

from bedrock_gateway.families.requests import TextRequest
from bedrock_gateway.families.table import FAMILIES, Family, family_named, family_of

__all__ = ["FAMILIES", "Family", "TextRequest", "family_named", "family_of"]
