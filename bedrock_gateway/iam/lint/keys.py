"""Rules about conditions: operators and keys that do not exist, do not fit, or hold where they should not."""

from __future__ import annotations

import difflib
import ipaddress
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.actions import action, expand, names, services
from bedrock_gateway.iam.conditions import NEGATED
from bedrock_gateway.iam.globs import is_wild
from bedrock_gateway.iam.lint.model import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.lint.model import Document
    from bedrock_gateway.iam.source import Path

__all__ = ["for_all_values", "keys", "mfa", "region_less", "values", "variables", "wildcards"]

GLOBAL_KEYS = frozenset(
    [
        "aws:AssumedRoot",
        "aws:CalledVia",
        "aws:CalledViaAWSMCP",
        "aws:CalledViaFirst",
        "aws:CalledViaLast",
        "aws:ChatbotSourceArn",
        "aws:CurrentTime",
        "aws:Ec2InstanceSourcePrivateIPv4",
        "aws:Ec2InstanceSourceVpc",
        "aws:EpochTime",
        "aws:FederatedProvider",
        "aws:IsMcpServiceAction",
        "aws:MultiFactorAuthAge",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
        "aws:PrincipalType",
        "aws:Referer",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:ResourceOrgID",
        "aws:ResourceOrgPaths",
        "aws:SecureTransport",
        "aws:SignInSessionArn",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceIdentity",
        "aws:SourceIp",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
        "aws:SourceVpc",
        "aws:SourceVpcArn",
        "aws:SourceVpce",
        "aws:TagKeys",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:ViaAWSMCPService",
        "aws:ViaAWSService",
        "aws:VpceAccount",
        "aws:VpceOrgID",
        "aws:VpceOrgPaths",
        "aws:VpcSourceIp",
        "aws:userid",
        "aws:username",
    ]
)
"""IAM User Guide, reference_policies_condition-keys."""
_TAG_KEYS = ("aws:requesttag/", "aws:resourcetag/", "aws:principaltag/")
_MANY_VALUES = frozenset(
    [
        "aws:calledvia",
        "aws:tagkeys",
        "aws:principalorgpaths",
        "aws:principalservicenameslist",
        "aws:resourceorgpaths",
        "aws:sourceorgpaths",
        "aws:vpceorgpaths",
        "kms:resourcealiases",
        "kms:encryptioncontextkeys",
        "kms:grantoperations",
        "sts:transitivetagkeys",
        "s3:requestobjecttagkeys",
        "aws-marketplace:productid",
    ]
)
# Services whose keys our data holds in full. Others have keys of the caller's side that no action's row lists.
_JUDGED = frozenset({"bedrock", "bedrock-mantle", "iam", "s3", "s3vectors", "kms", "logs", "aws-marketplace", "aoss"})
_KEY_FORM = re.compile(r"[A-Za-z0-9][\w.+${}/-]*:.+")
_TEMPLATE = re.compile(r"\$\{[^}]*\}|<[^>]*>")

# Keys that are often written and do not exist → what to write.
_INSTEAD: Mapping[str, str] = {
    "aws:inferenceprofilearn": "the key is bedrock:InferenceProfileArn",
    "bedrock:modelid": "there is no key for the model: name its ARN in Resource",
    "bedrock:modelarn": "bedrock:ModelArn is for projects; name the model's ARN in Resource",
    "bedrock:guardrailarn": "the key is bedrock:GuardrailIdentifier",
    "bedrock:guardrailid": "the key is bedrock:GuardrailIdentifier",
    "aws:region": "the key is aws:RequestedRegion",
}


def _pairs(document: Document) -> Iterator[tuple[Path, Statement, str, str, tuple[str, ...]]]:
    for path, statement in document.statements():
        for operator, pairs in statement.conditions:
            for key, wanted in pairs:
                yield (*path, "Condition", operator, key), statement, operator, key, wanted


@lru_cache(maxsize=512)
def _split(operator: str) -> tuple[str, str, bool]:
    """Qualifier, bare operator and whether it ends in IfExists, all in lower case."""
    qualifier, _, bare = operator.casefold().rpartition(":")
    return qualifier, bare.removesuffix("ifexists"), bare.endswith("ifexists")


@cache
def _patterns(name: str) -> tuple[re.Pattern[str], ...]:
    """Keys of one action; those with a placeholder match whatever stands there."""
    row = action(name)
    return tuple(
        re.compile(".+".join(re.escape(part) for part in _TEMPLATE.split(key)), re.IGNORECASE)
        for key in (row.condition_keys if row else ())
    )


def _takes(name: str, key: str) -> bool:
    return any(pattern.fullmatch(key) for pattern in _patterns(name))


@lru_cache(maxsize=1024)
def _services_with(key: str) -> tuple[str, ...]:
    """Services of our data in which some action takes *key*."""
    return tuple(one for one in sorted(services()) if any(_takes(name, key) for name in names(one)))


def keys(document: Document) -> Iterator[Hit]:
    """A key that does not exist, or that an action of the statement never carries."""
    for path, statement, operator, key, _ in _pairs(document):
        if message := _key_fault(statement, operator, key):
            instead = _INSTEAD.get(key.casefold())
            yield Hit(message, path, instead or _nearest(key))


def _key_fault(statement: Statement, operator: str, key: str) -> str | None:
    if not _KEY_FORM.fullmatch(key):
        return f"{key!r} is not a condition key: one is SERVICE:Name"
    folded = key.casefold()
    if folded.startswith("aws:"):
        known = folded in {one.casefold() for one in GLOBAL_KEYS} or folded.startswith(_TAG_KEYS)
        return None if known else f"there is no global condition key {key}"
    service = folded.partition(":")[0]
    if service not in _JUDGED or "resourcetag/" in folded or folded.startswith("kms:recipientattestation:"):
        return None
    if not _services_with(key):
        return f"there is no condition key {key}"
    return _unsupported(statement, operator, key)


def _unsupported(statement: Statement, operator: str, key: str) -> str | None:
    """An action named in full that never carries *key*: a demanded value refuses it, a negated one always holds."""
    _, bare, if_exists = _split(operator)
    if if_exists or bare == "null" or not statement.actions:
        return None
    for text in statement.actions:
        found = expand(text)
        if not found or any(_takes(name, key) for name in found):
            continue
        always = bare in NEGATED
        effect = "always holds" if always else "never holds"
        return f"{text} never carries {key}, so {operator} {effect} for it"
    return None


def _nearest(key: str) -> str | None:
    service = key.casefold().partition(":")[0]
    known = {one.casefold(): one for one in GLOBAL_KEYS} if service == "aws" else {}
    known |= {one.casefold(): one for name in names(service) if (row := action(name)) for one in row.condition_keys}
    near = difflib.get_close_matches(key.casefold(), known, n=1)
    return f"did you mean {known[near[0]]}?" if near else None


def for_all_values(document: Document) -> Iterator[Hit]:
    """ForAllValues in an Allow also holds where the key is absent; on a key of one value it does nothing else."""
    for path, statement, operator, key, _ in _pairs(document):
        qualifier, _, _ = _split(operator)
        if qualifier == "forallvalues" and statement.effect == "Allow" and not _must_be_there(statement, key):
            yield Hit(
                f"{operator} on {key} also holds where the request carries no {key}",
                path,
                f'add "Null": {{"{key}": "false"}}',
            )
        elif qualifier and _has_one_value(key):
            yield Hit(f"{key} has one value: {operator.partition(':')[0]} is for keys with many", path, "leave it out")


def _has_one_value(key: str) -> bool:
    folded = key.casefold()
    return folded.startswith(("aws:", "bedrock:", "iam:passed")) and folded not in _MANY_VALUES


def _must_be_there(statement: Statement, key: str) -> bool:
    return any(
        _split(operator)[1] == "null" and name.casefold() == key.casefold() and "false" in wanted
        for operator, pairs in statement.conditions
        for name, wanted in pairs
    )


def wildcards(document: Document) -> Iterator[Hit]:
    """A wildcard under an operator that takes it literally."""
    for path, _, operator, key, wanted in _pairs(document):
        _, bare, _ = _split(operator)
        if NEGATED.get(bare, bare) not in {"stringequals", "stringequalsignorecase"}:
            continue
        for value in wanted:
            if is_wild(value):
                like = "StringNotLike" if bare in NEGATED else "StringLike"
                yield Hit(f"{operator} compares {key} with {value!r} literally", path, f"write {like}")


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}(-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?)?|\d{5,}(\.\d+)?", text) is not None


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


_TYPES: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "numeric": ("a number", lambda text: re.fullmatch(r"-?\d+(\.\d+)?", text) is not None),
    "date": ("a date", _is_date),
    "bool": ("true or false", lambda text: text.casefold() in {"true", "false"}),
    "null": ("true or false", lambda text: text.casefold() in {"true", "false"}),
    "ipaddress": ("an address or a network", _is_network),
    "arn": ("an ARN", lambda text: text == "*" or text.startswith(("arn:", "*"))),
}


def values(document: Document) -> Iterator[Hit]:
    """A value that the operator can never compare equal to anything."""
    for path, _, operator, _key, wanted in _pairs(document):
        _, bare, _ = _split(operator)
        bare = NEGATED.get(bare, bare)
        kind = next((one for one in _TYPES if bare.startswith(one)), None)
        if kind is None:
            continue
        form, is_one = _TYPES[kind]
        for value in wanted:
            if "${" not in value and not is_one(value):
                yield Hit(f"{operator} compares {form}, and {value!r} is none", path)


def mfa(document: Document) -> Iterator[Hit]:
    """A Deny without MFA that long-term keys pass, because they carry no such key."""
    for path, statement, operator, key, wanted in _pairs(document):
        if key.casefold() != "aws:multifactorauthpresent" or statement.effect != "Deny":
            continue
        qualifier, bare, if_exists = _split(operator)
        if bare == "bool" and not if_exists and not qualifier and "false" in [one.casefold() for one in wanted]:
            yield Hit(
                "long-term access keys carry no aws:MultiFactorAuthPresent, so they pass this Deny",
                path,
                "write BoolIfExists",
            )


def variables(document: Document) -> Iterator[Hit]:
    """A policy variable that is literal text, is not closed, or stands where none is read."""
    old = document.policy.version == "2008-10-17"
    for path, statement in document.statements():
        texts = [*statement.resources, *statement.not_resources]
        texts += [one for _, pairs in statement.conditions for _, wanted in pairs for one in wanted]
        for text in texts:
            if re.search(r"\$\{[^}]*$", text):
                yield Hit(f"{text!r} opens a variable that it does not close", path, "close it with }")
            elif unnamed := re.search(r"\$\{(?![*?$]\})[^:}]*\}", text):
                yield Hit(
                    f"{text!r}: {unnamed[0]} names no condition key, so it has no value", path, "write SERVICE:Name"
                )
            elif old and "${" in text:
                yield Hit(
                    f"{text!r} is literal text in a document of version 2008-10-17", path, 'add "Version": "2012-10-17"'
                )
        for text in statement.actions:
            if "${" in text:
                yield Hit(f"{text}: an action holds no variable", path, "write the action")


def region_less(document: Document) -> Iterator[Hit]:
    """A Region condition in the statement of a model ARN without a Region."""
    for path, statement, operator, key, wanted in _pairs(document):
        if key.casefold() != "aws:requestedregion" or statement.effect != "Allow":
            continue
        _, bare, _ = _split(operator)
        bare_legs = [
            one for one in statement.resources if one.startswith("arn:") and ":bedrock:::foundation-model/" in one
        ]
        if bare_legs and bare not in NEGATED and not any(one in {"unspecified", "*"} for one in wanted):
            yield Hit(
                f"{bare_legs[0]} is requested with aws:RequestedRegion = unspecified, which {operator} refuses", path
            )
