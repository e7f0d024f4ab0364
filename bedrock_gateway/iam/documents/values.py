"""What each value in a document may be. A value that passes can stand in an ARN or a condition without widening it.

In every pattern ``<P>``, ``<R>`` and ``<A>`` stand for the partition, Region and account of the scope. No pattern admits
``*``, ``?`` or ``$``, but for the one that says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.models import is_region
from bedrock_gateway.capabilities.scope import checked
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.capabilities import Scope

__all__ = ["EXAMPLES", "KINDS", "valid"]

_NAME = "[A-Za-z0-9_.-]"
_LITERAL = r"""[^*?$"\\\x00-\x1f\x7f-\U0010ffff]"""
_PATTERNS: Mapping[str, str] = {
    "flag": "true|false",
    "secret ARN": "arn:<P>:secretsmanager:<R>:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]{1,512}",
    "key ARN": "arn:<P>:kms:<R>:[0-9]{12}:key/[A-Za-z0-9-]{1,64}",
    "role ARN": "arn:<P>:iam::[0-9]{12}:role/(?:[A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}",
    "principal ARN": "arn:<P>:iam::[0-9]{12}:(?:root|(?:role|user)/(?:[A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64})",
    "function ARN": "arn:<P>:lambda:<R>:<A>:function:[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9_-]{1,128})?",
    "collection id": "[a-z0-9]{3,40}",
    "collection name": "[a-z][a-z0-9-]{2,31}",
    "search index": "[a-z0-9][a-z0-9_.-]{0,127}",
    "domain": "[a-z][a-z0-9-]{2,27}",
    "database cluster": "[A-Za-z][A-Za-z0-9-]{0,62}",
    "graph id": "g-[a-z0-9]{10}",
    "workgroup id": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "database": "[A-Za-z_][A-Za-z0-9_]{0,126}",
    "database user": "[A-Za-z0-9_.@+:-]{1,128}",
    "Kendra index id": "[A-Za-z0-9][A-Za-z0-9-]{35}",
    "guardrail ARN": "arn:<P>:bedrock:<R>:[0-9]{12}:guardrail/[a-z0-9]{1,64}",
    # -- who may assume a role -----------------------------------------------------------------------------------------
    "provider name": f"{_NAME}{{1,128}}",
    "provider host": r"(?=.{4,200}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?:/[A-Za-z0-9._~-]+)*",
    "claim": f"[A-Za-z0-9]{_LITERAL}{{0,255}}",
    # The one kind that takes a wildcard: a pattern which begins with what it binds.
    "claim pattern": f"[A-Za-z0-9]{_LITERAL}{{2,255}}(?:[*]{_LITERAL}{{0,255}}){{1,4}}",
    "pool id": "<R>:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "cluster id": "[0-9A-F]{32}",
    "cluster name": "[A-Za-z0-9][A-Za-z0-9_-]{0,99}",
    "Kubernetes name": "[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?",
    "external id": "[A-Za-z0-9_+=,.@:/-]{2,1224}",
    "organisation id": "o-[a-z0-9]{10,32}",
    "session tag": "[A-Za-z0-9_.:/+@-]{1,128}(?:=[A-Za-z0-9_.:/=+@ -]{1,256})?",
    "sign-in URL": r"https://(?:[a-z0-9-]+\.)?signin\.(?:aws\.amazon|amazonaws-us-gov)\.com/saml(?:/acs/[A-Za-z0-9]{1,64})?",
    "seconds": "[1-9][0-9]{0,5}",
}

EXAMPLES: Mapping[str, str] = {
    "account": "123456789012",
    "bucket": "example-bucket",
    "claim": "example",
    "claim pattern": "example:*",
    "cluster id": "A1" * 16,
    "cluster name": "main",
    "collection id": "abcdefghij1234567890",
    "collection name": "handbook",
    "database": "dev",
    "database cluster": "sales",
    "database user": "reader",
    "domain": "search",
    "external id": "4711",
    "flag": "true",
    "function ARN": "arn:aws:lambda:us-east-1:111122223333:function:cut:3",
    "graph id": "g-abcdefghij",
    "Kendra index id": "12345678-1234-1234-1234-123456789012",
    "key ARN": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "knowledge base id": "KB12345678",
    "Kubernetes name": "default",
    "log group": "/bedrock/invocations",
    "organisation id": "o-1234567890",
    "pool id": "us-east-1:12345678-1234-1234-1234-123456789012",
    "prefix": "handbook/",
    "principal ARN": "arn:aws:iam::111122223333:role/ops",
    "provider host": "idp.example.com/path",
    "provider name": "corp",
    "role ARN": "arn:aws:iam::111122223333:role/bedrock-gateway/kb",
    "search index": "pages",
    "seconds": "3600",
    "secret ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:example-AbCdEf",
    "session tag": "team=red",
    "Region": "us-east-1",
    "sign-in URL": "https://signin.aws.amazon.com/saml",
    "vector bucket": "example-vectors",
    "vector index": "handbook",
    "workgroup id": "12345678-1234-1234-1234-123456789012",
}
"""One well-formed value of every kind, of us-east-1 and AWS's documentation accounts."""

# What the table's own scope already knows how to check, under its names there.
_SHARED: Mapping[str, str] = {
    "account": "account",
    "bucket": "bucket",
    "prefix": "prefix",
    "log group": "log_group",
    "knowledge base id": "knowledge_base",
    "vector bucket": "vector_bucket",
    "vector index": "vector_index",
}


@lru_cache(maxsize=512)
def _pattern(kind: str, partition: str, region: str, account: str) -> re.Pattern[str]:
    text = _PATTERNS[kind]
    for name, value in (("<P>", partition), ("<R>", region), ("<A>", account)):
        text = text.replace(name, re.escape(value))
    return re.compile(text)


def _region(value: str) -> str:
    if not is_region(value):
        raise ConfigError(f"{value[:200]!r} is not a Region; one looks like us-east-1")
    return value


_BY_FUNCTION: Mapping[str, Callable[[str], str]] = {"Region": _region}

KINDS = frozenset({*_PATTERNS, *_SHARED, *_BY_FUNCTION})
"""Every kind of value there is."""


def valid(kind: str, value: str, scope: Scope, *, name: str) -> str:
    """Return *value* if it is a well-formed *kind* in *scope*.

    Raises:
        ConfigError: it is not; *name* is what the message calls it.
    """
    if kind in _SHARED:
        return checked(_SHARED[kind], value, name=name)
    if kind in _BY_FUNCTION:
        return _BY_FUNCTION[kind](value)
    if not _pattern(kind, scope.partition, scope.region, scope.account).fullmatch(value):
        where = f" of {scope.partition}, {scope.region}" if "<R>" in _PATTERNS[kind] else ""
        like = f"; one looks like {EXAMPLES[kind]}" if kind in EXAMPLES else ""
        raise ConfigError(f"{name}: {value[:200]!r} is not a {kind}{where}{like}", key_path=name)
    return value
