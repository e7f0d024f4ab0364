"""What the knowledge-base service does in its role's name, and what it checks before a knowledge base may exist.

The service has no rights of its own here: it reads documents, embeds and touches the vector index as the role that it
was given, and a right that the role lacks is reported in AWS's words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge.embedding import dimensions_of
from bedrock_gateway.local.knowledge.store import KnowledgeBase, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.knowledge.backends import Backend
    from bedrock_gateway.local.principals import Principal

__all__ = ["assumed", "check_role", "embedding_model", "require"]

_MODEL_ARN = re.compile(r"arn:(?P<partition>[^:]+):bedrock:(?P<region>[^:]+)::foundation-model/(?P<model>[^/]+)")
_ROLE_ARN = re.compile(r"arn:[^:]+:iam::(?P<account>\d{12}):role/.+")
_BAD_STORAGE = "The knowledge base storage configuration provided is invalid... "


def assumed(call: Call, base: KnowledgeBase) -> Principal:
    """Return the knowledge base's role as a principal.

    Raises:
        Fault: ``AccessDenied`` where the role is gone or no longer trusts Bedrock.
    """
    return call.aws.assume_service_role(base.role_arn, source_arn=base.arn, region=call.region)


def require(call: Call, principal: Principal, action: str, resource: str) -> None:
    """Refuse what *principal* may not do.

    Raises:
        Fault: ``AccessDeniedException`` in AWS's wording.
    """
    decision = call.aws.authorize(principal, action, resource)
    if decision.allowed:
        return
    because = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit_deny
        else f"because no identity-based policy allows the {action} action"
    )
    text = f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {because}"
    raise Fault("AccessDeniedException", text, 403)


def embedding_model(call: Call, configuration: Mapping[str, Any]) -> tuple[str, int]:
    """Return the ARN of the embedding model that a knowledge-base configuration names, and its vector length.

    Raises:
        Fault: ``ValidationException`` where it is no vector knowledge base, or the model or length is unknown.
    """
    if configuration["type"] != "VECTOR" or "vectorKnowledgeBaseConfiguration" not in configuration:
        raise invalid(f"The local Bedrock serves knowledge bases of type VECTOR only, not {configuration['type']}.")
    vector = configuration["vectorKnowledgeBaseConfiguration"]
    arn = str(vector["embeddingModelArn"])
    match = _MODEL_ARN.fullmatch(arn)
    if match is None or match["region"] != call.region:
        raise invalid(f"The embedding model {arn} is not a foundation model of Region {call.region}.")
    offered = dimensions_of(match["model"])
    if offered is None:
        raise invalid(f"The model {match['model']} is not an embedding model that knowledge bases support.")
    asked = vector.get("embeddingModelConfiguration", {}).get("bedrockEmbeddingModelConfiguration", {})
    if asked.get("embeddingDataType", "FLOAT32") != "FLOAT32":
        raise invalid("The local Bedrock serves the embedding data type FLOAT32 only.")
    dimensions = asked.get("dimensions") or offered[0]
    if dimensions not in offered:
        raise invalid(f"The embedding model {match['model']} does not support {dimensions} dimensions.")
    return arn, int(dimensions)


def check_role(call: Call, role_arn: str, *, base_arn: str, model_arn: str, backend: Backend) -> None:
    """Refuse a role that Bedrock cannot assume for this knowledge base, or that cannot embed or use the index.

    Raises:
        Fault: ``ValidationException`` in AWS's wording.
    """
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is None or match["account"] != call.account:
        raise invalid("The knowledge base role must be an IAM role of the account that creates the knowledge base.")
    try:
        role = call.aws.assume_service_role(role_arn, source_arn=base_arn, region=call.region)
    except Fault as fault:
        raise invalid("Bedrock Knowledge Base was unable to assume the given role. Provide the proper permissions and retry the request.") from fault  # fmt: skip
    try:
        require(call, role, "bedrock:InvokeModel", model_arn)
    except Fault as fault:
        raise invalid(
            f"Knowledge base role {role_arn} is not able to call specified embedding model {model_arn}: {fault.message} "
            f"(Service: BedrockRuntime, Status Code: 403, Request ID: {call.request_id})"
        ) from fault
    try:
        backend.require(role, "create")
    except Fault as fault:
        service = "S3Vectors" if ":s3vectors:" in backend.arn else "OpenSearchServerless"
        failed = f"(Service: {service}, Status Code: 403, Request ID: {call.request_id})"
        raise invalid(f"{_BAD_STORAGE}{fault.message} {failed}") from fault
