"""From the text of a file to the document to lint, with the position of everything in it.

Beside a bare policy, the replies of the AWS CLI are read: `get-policy-version`, `get-role-policy`, `get-role`,
`list-attached-role-policies`; and a plain JSON list of ARNs of attached policies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bedrock_gateway.iam.document import MAX_BYTES, Policy, PolicyError, Statement
from bedrock_gateway.iam.lint.model import Document, Kind
from bedrock_gateway.iam.source import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.source import Path, Position

__all__ = ["kind_of", "read"]

# Where replies of the AWS CLI hold the document.
_WRAPPERS: tuple[tuple[str, ...], ...] = (
    ("PolicyVersion", "Document"),
    ("PolicyDocument",),
    ("Role", "AssumeRolePolicyDocument"),
    ("AssumeRolePolicyDocument",),
)
_ATTACHED = ("AttachedPolicies", "AttachedManagedPolicies", "ManagedPolicyArns")


def read(name: str, content: str | bytes, *, kind: Kind | None = None) -> Document:
    """Read the *content* of one file; *kind* None: judged by what the statements hold.

    Raises:
        PolicyError: it is over 1 MiB, is not JSON, or is not a policy that IAM would accept.
    """
    text = _text(content)
    base, attached = _inside(text)
    if attached is not None:
        return Document(name, Policy(()), "identity", places(text), attached)
    policy = Policy.parse(_below(json.loads(text), base) if base else text)
    return Document(name, policy, kind or kind_of(policy), _below_path(places(text), base))


def _text(content: str | bytes) -> str:
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="surrogatepass"))
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError:
        text = None
    if text is None or size > MAX_BYTES:
        Policy.parse(content)  # says so, with the position
    return unquote(text or "") if (text or "").lstrip().startswith("%7B") else text or ""


def _below_path(found: dict[Path, Position], base: Path) -> dict[Path, Position]:
    """Places relative to the policy, where a lone Statement is a list of one."""
    inner = {path[len(base) :]: position for path, position in found.items() if path[: len(base)] == base}
    if ("Statement", 0) in inner:
        return inner
    return inner | {("Statement", 0, *path[1:]): at for path, at in inner.items() if path[:1] == ("Statement",)}


def _inside(text: str) -> tuple[Path, tuple[tuple[Path, str], ...] | None]:
    """Where the policy stands in *text*, or what is attached. What is not JSON is left to `Policy.parse` to refuse."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return (), None
    if isinstance(data, list):
        return (), tuple(_arns(data, ()))
    if isinstance(data, dict):
        for key in _ATTACHED:
            if isinstance(data.get(key), list):
                return (), tuple(_arns(data[key], (key,)))
        for wrapper in _WRAPPERS:
            if isinstance(_below(data, wrapper), Mapping):
                return wrapper, None
    return (), None


def _arns(values: list[Any], base: Path) -> Iterator[tuple[Path, str]]:
    for number, one in enumerate(values):
        arn = one.get("PolicyArn") if isinstance(one, Mapping) else one
        if not isinstance(arn, str):
            raise PolicyError(f"a list of attached policies holds ARNs; number {number + 1} is none")
        yield (*base, number), arn


def _below(data: Any, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def kind_of(policy: Policy) -> Kind:
    """What *policy* is for: a trust has principals and no resources, another resource policy both."""
    if not any(one.principals or one.not_principals for one in policy.statements):
        return "identity"
    return "trust" if any(map(_assumes, policy.statements)) else "resource"


def _assumes(statement: Statement) -> bool:
    return any(one.casefold().startswith(("sts:assumerole", "sts:*")) for one in statement.actions)
