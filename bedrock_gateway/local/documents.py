"""Policies on their way into moto: one that IAM would not accept must not come to lie there.

moto checks a document, but lets some pass that IAM refuses: a key that stands twice, ``NullIfExists``, an empty list of
values. The evaluator cannot read those, and a Deny that nobody reads denies nothing. So they are refused at the door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["refuse_unreadable"]

_MEMBERS = ("PolicyDocument", "AssumeRolePolicyDocument", "Policy")
_CODES: Mapping[str, str] = {
    "iam": "MalformedPolicyDocument",
    "sts": "MalformedPolicyDocument",
    "kms": "MalformedPolicyDocumentException",
    "s3": "MalformedPolicy",
}
"""Services whose policies the judge reads, each with its code for a bad one (their API references)."""


def refuse_unreadable(service: str, params: Mapping[str, Any]) -> None:
    """Pass a request whose policy, if it has one, can be read.

    Raises:
        Fault: it cannot; the text, which is not AWS's, says where.
    """
    if service not in _CODES:
        return
    for member in _MEMBERS:
        document = params.get(member)
        if isinstance(document, (str, bytes)) and document:
            try:
                Policy.parse(document)
            except PolicyError as error:
                raise Fault(_CODES[service], f"Syntax errors in policy: {error}") from None
