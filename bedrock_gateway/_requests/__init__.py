"""Arguments → `Send`; pure. Idempotency tokens are filled here, once a call: botocore would make one for each attempt.

Every argument is checked here, before anything is opened. What the rules judge (model, knowledge base, guardrail) has
an argument of its own and cannot come in as a further member.
"""

from __future__ import annotations

from bedrock_gateway._requests.answers import retrieve_and_generate
from bedrock_gateway._requests.base import CAPABILITY_OF, capability_of
from bedrock_gateway._requests.documents import (
    batches,
    delete_documents,
    get_documents,
    ingest_documents,
    list_documents,
)
from bedrock_gateway._requests.knowledge import (
    create_data_source,
    create_knowledge_base,
    get_ingestion,
    rerank,
    retrieve,
    start_ingestion,
)
from bedrock_gateway._requests.models import (
    apply_guardrail,
    as_messages,
    converse,
    count_tokens,
    embed,
    invoke_model,
    is_text_request,
)

__all__ = [
    "CAPABILITY_OF",
    "apply_guardrail",
    "as_messages",
    "batches",
    "capability_of",
    "converse",
    "count_tokens",
    "create_data_source",
    "create_knowledge_base",
    "delete_documents",
    "embed",
    "get_documents",
    "get_ingestion",
    "ingest_documents",
    "invoke_model",
    "is_text_request",
    "list_documents",
    "rerank",
    "retrieve",
    "retrieve_and_generate",
    "start_ingestion",
]
