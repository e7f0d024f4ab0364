"""InvokeModel's bodies: one file a vendor, each a reader of requests and a writer of replies and stream chunks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from bedrock_gateway.local.models.bodies.shape import Body
    from bedrock_gateway.local.models.catalogue import Model

__all__ = ["body_of"]

_MODULES = (
    ("amazon.titan-embed", "embeddings"),
    ("cohere.embed", "embeddings"),
    ("amazon.nova-2-multimodal-embeddings", "embeddings"),
    ("cohere.rerank", "rerank"),
    ("amazon.rerank", "rerank"),
    ("amazon.titan", "titan"),
    ("amazon.nova", "nova"),
    ("anthropic.", "anthropic"),
    ("meta.", "meta"),
    ("mistral.", "completion"),
    ("deepseek.", "completion"),
)


def body_of(model: Model) -> Body:
    """Return how *model* is spoken to.

    Raises:
        Fault: 501 for a model that makes neither text nor vectors of text.
    """
    name = next((module for prefix, module in _MODULES if model.id.startswith(prefix)), "chat")
    if name != "embeddings" and "TEXT" not in model.outputs:
        text = f"The local Bedrock does not serve {model.id}: it makes {', '.join(model.outputs).lower()}, not text."
        raise Fault("NotImplementedException", text, 501)
    found: Body = import_module(f"{__name__}.{name}").BODY
    return found
