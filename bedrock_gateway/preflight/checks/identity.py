"""ID: whose credentials these are, how long they last, and how a user of IAM is kept."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.errors import GatewayError, NotFoundError, ServiceError
from bedrock_gateway.preflight.checks.permissions import kind_of
from bedrock_gateway.preflight.facts import LATE
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Outcome, Probe, aware
from bedrock_gateway.preflight.holdings import pages

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]


def _id_01(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    if found is None:
        return Finding("fail", "no credentials were found", command="aws configure list")
    if found.error == LATE:
        said = (
            "the credentials were not read in time: what gives them may hang (a process, a sign-in, a metadata service), "
            "or the deadline is short for this machine"
        )
        return Finding("unknown", said, command="aws configure list", error_code=LATE)
    if found.error:
        command = "aws sso login" if "sso" in found.method else "aws configure list"
        return Finding("fail", f"credentials of {found.method!r} cannot be used: {found.error}", command=command)
    try:
        yield from probe.read("sts", "GetCallerIdentity")
    except ServiceError as error:
        if error.code in _UNUSABLE:
            return Finding(
                "fail", f"AWS refuses the credentials of {found.method!r}: {error.code}", command="aws sso login"
            )
    except GatewayError:
        return Finding("pass", f"credentials come from {found.method!r}; AWS could not be asked about them")
    return Finding("pass", f"credentials come from {found.method!r}")


_UNUSABLE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}


def _id_02(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    config, arn, account = probe.config, str(who["Arn"]), str(who["Account"])
    wanted = {"account": (config.account, account), "partition": (config.partition, arn.split(":")[1])}
    for part, (declared, real) in wanted.items():
        if declared != real:
            return Finding("fail", f"credentials are of {part} {real}, the configuration says {declared}", {"arn": arn})
    return Finding("pass", f"account {account}", {"arn": arn})


def _id_03(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn = str(who["Arn"])
    if arn.endswith(":root"):
        return Finding("fail", "this is the root user, whom no policy limits", {"arn": arn})
    return Finding("pass", "not the root user", {"arn": arn})


def _id_04(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn = str(who["Arn"])
    kind = arn.split(":", 5)[5].partition("/")[0]
    if kind in {"assumed-role", "federated-user"}:
        return Finding("pass", "a session of Identity Center" if "AWSReservedSSO_" in arn else f"a session: {kind}")
    return Finding("warn", f"this is {'an IAM user' if kind == 'user' else kind}, not a role", {"arn": arn})


def _id_05(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    if found is None or found.key_prefix != "AKIA":
        return Finding("pass", "the key is temporary")
    if probe.config.local:
        return Finding("not_applicable", "a key of the local Bedrock")
    command = "aws iam list-access-keys"
    return Finding("fail", f"a long-term key (AKIA) comes from {found.method!r}", {"method": found.method}, command)


_SOON_SECONDS = 15 * 60.0


def _id_07(probe: Probe) -> Checking:
    yield from ()
    found = probe.facts.credentials
    left = found.expires_in_seconds if found else None
    if found is None or left is None:
        kept = "are renewed by whoever gave them" if found and found.renewable else "do not say when they expire"
        return Finding("pass", f"the credentials {kept}")
    if left < _SOON_SECONDS and not found.renewable:
        return Finding("warn", f"the credentials expire in {max(left, 0) / 60:.0f} min and nothing renews them")
    return Finding("pass", f"the credentials are renewed; these expire in {left / 60:.0f} min")


def _id_13(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    arn, config = str(who["Arn"]), probe.config
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind != "assumed-role":
        return Finding("not_applicable", "the principal is no role")
    name = rest.partition("/")[0]
    logging_roles = {config.logging.role: "the logging role"} if config.logging and config.logging.log_group else {}
    services = logging_roles | {
        role: f"the service role of knowledge base {base}"
        for base, declared in config.knowledge_bases.items()
        for role in [declared.role or f"AmazonBedrockGateway-kb-{base}"]
    }
    for role, what in services.items():
        if role.rpartition("/")[2] == name:
            return Finding("fail", f"this principal is {name}, which is {what} too", {"arn": arn})
    return Finding("pass", f"{name} is no service role of Bedrock")


def _id_08(probe: Probe) -> Checking:
    yield from ()
    token, bearer = probe.facts.bearer_token, probe.config.auth == "bearer"
    unset = "unset AWS_BEARER_TOKEN_BEDROCK"
    if token == "none":
        if bearer:
            return Finding("fail", 'auth = "bearer" is declared, but AWS_BEARER_TOKEN_BEDROCK is not set')
        return Finding("pass", "no bearer token")
    if not bearer:
        return Finding("fail", f'a {token} bearer token is set, but auth = "bearer" is not declared', command=unset)
    if token == "long-term":
        return Finding("fail", "the bearer token is long-term (ABSK)", command=unset)
    if probe.principal.knowledge_bases:
        return Finding("fail", "a bearer token cannot be used for knowledge bases", command=unset)
    return Finding("warn", f"a {token} bearer token signs the calls instead of the principal's role")


_KEY_WARNS, _KEY_FAILS = timedelta(days=60), timedelta(days=90)


def _user(probe: Probe) -> Generator[Asking, Any, str | None]:
    who = yield from probe.read("sts", "GetCallerIdentity")
    kind, name = kind_of(str(who["Arn"]))
    return name if kind == "user" else None


_NO_USER = Finding("not_applicable", "this is no IAM user")


def _id_06(probe: Probe) -> Checking:
    user = yield from _user(probe)
    if user is None:
        return _NO_USER
    listed = yield from pages(probe, {"UserName": user}, {"ListAccessKeys": "AccessKeyMetadata"})
    active = [one for one in listed["ListAccessKeys"] if one.get("Status") == "Active"]
    now = probe.now
    ages = [now - aware(one["CreateDate"]) for one in active]
    command = f"aws iam create-access-key --user-name {user}"
    if ages and max(ages) > _KEY_FAILS:
        return Finding("fail", f"a key of {user} is {max(ages).days} days old", {"user": user}, command)
    if len(active) > 1:
        return Finding("warn", f"{user} has {len(active)} active keys", {"user": user})
    if ages and max(ages) > _KEY_WARNS:
        return Finding("warn", f"a key of {user} is {max(ages).days} days old", {"user": user}, command)
    return Finding("pass", f"{user} has {len(active)} key(s), not older than {_KEY_WARNS.days} days")


def _id_09(probe: Probe) -> Checking:
    user = yield from _user(probe)
    if user is None:
        return _NO_USER
    listed = yield from pages(probe, {"UserName": user}, {"ListMFADevices": "MFADevices"})
    if listed["ListMFADevices"]:
        return Finding("pass", f"{user} has an MFA device")
    command = f"aws iam create-virtual-mfa-device --virtual-mfa-device-name {user} --outfile mfa.png --bootstrap-method QRCodePNG"
    return Finding("warn", f"{user} has no MFA device", {"user": user}, command)


def _id_10(probe: Probe) -> Checking:
    reply = yield from probe.read("iam", "GetAccountSummary")
    summary = reply.get("SummaryMap") or {}
    if summary.get("AccountAccessKeysPresent"):
        return Finding("fail", "the root user has access keys", advice="Sign in as root and delete them.")
    if not summary.get("AccountMFAEnabled"):
        return Finding("warn", "the root user has no MFA device", advice="Sign in as root and add one.")
    if "AccountAccessKeysPresent" not in summary:
        return Finding("unknown", "AWS does not say whether the root user has access keys")
    return Finding("pass", "the root user has MFA and no access key")


_OF_USER = {
    "ListUserPolicies": "PolicyNames",
    "ListAttachedUserPolicies": "AttachedPolicies",
    "ListGroupsForUser": "Groups",
}
"""Question → the member of its answer."""


def _id_11(probe: Probe) -> Checking:
    user = yield from _user(probe)
    if user is None:
        return _NO_USER
    listed = yield from pages(probe, {"UserName": user}, _OF_USER)
    direct = [*listed["ListUserPolicies"], *(one["PolicyName"] for one in listed["ListAttachedUserPolicies"])]
    if direct:
        return Finding("warn", f"{user} has policies of its own: {', '.join(direct)}", advice="Put them on a group.")
    if not listed["ListGroupsForUser"]:
        return Finding("warn", f"{user} is in no group", advice="Put the user into a group that has the policies.")
    return Finding("pass", f"{user} has its policies from groups")


_PHANTOM = "BedrockAPIKey-"
"""How the console names the users that it makes for long-term API keys."""
_BEDROCK = "bedrock.amazonaws.com"


def _to_the_end(probe: Probe, questions: Sequence[Send]) -> Generator[Asking, Any, list[tuple[Send, Outcome]]]:
    """Each question with what came of it, page by page."""
    found: list[tuple[Send, Outcome]] = []
    while questions:
        outcomes = yield from probe.outcomes(questions)
        pairs = list(zip(questions, outcomes, strict=True))
        found += pairs
        questions = [
            replace(question, params={**question.params, "Marker": outcome["Marker"]})
            for question, outcome in pairs
            if isinstance(outcome, dict) and outcome.get("IsTruncated")
        ]
    return found


def _id_12(probe: Probe) -> Checking:
    names: list[str] = []
    params: dict[str, Any] = {"MaxItems": 1000}
    while True:
        reply = yield from probe.read("iam", "ListUsers", **params)
        names += [one["UserName"] for one in reply["Users"] if one["UserName"].startswith(_PHANTOM)]
        if not reply.get("IsTruncated"):
            break
        params["Marker"] = reply["Marker"]
    if not names:
        return Finding("pass", "the console has made no user for a Bedrock API key")
    asked = {"ListServiceSpecificCredentials": {"ServiceName": _BEDROCK}, "ListAccessKeys": {}}
    questions = [Send("iam", one, {"UserName": name, **more}) for name in names for one, more in asked.items()]
    outcomes = yield from _to_the_end(probe, questions)
    used: list[str] = []
    keyed: list[str] = []
    commands = []
    for question, outcome in outcomes:
        if isinstance(outcome, NotFoundError):  # the user is gone since
            continue
        if isinstance(outcome, GatewayError):
            raise probe.blamed(question, outcome)
        name = str(question.params["UserName"])
        for kind, (word, identifier) in _KEYS.items():
            active = [one for one in outcome.get(kind) or [] if one.get("Status") == "Active"]
            (keyed if word == "access-key" else used).extend([name] if active else [])
            commands += [_deactivate(name, word, str(one[identifier])) for one in active]
    command = " && ".join(commands) or None
    evidence = {"users": ", ".join(names)}
    if keyed:
        return Finding(
            "fail",
            f"made for a Bedrock API key, and has an access key of its own: {', '.join(keyed)}",
            evidence,
            command,
        )
    what = f"{len(used)} of them with a key that still works" if used else "none of them with a key that still works"
    return Finding("warn", f"{len(names)} users were made for long-term Bedrock API keys, {what}", evidence, command)


_KEYS = {
    "ServiceSpecificCredentials": ("service-specific-credential", "ServiceSpecificCredentialId"),
    "AccessKeyMetadata": ("access-key", "AccessKeyId"),
}
"""Member of the answer → (the AWS CLI's word, the member that is the id)."""


def _deactivate(user: str, word: str, identifier: str) -> str:
    return (
        f"aws iam update-{word} --user-name {shlex.quote(user)} --{word}-id {shlex.quote(identifier)} --status Inactive"
    )


CHECKS: dict[str, Check] = {
    "ID-01": _id_01,
    "ID-02": _id_02,
    "ID-03": _id_03,
    "ID-04": _id_04,
    "ID-05": _id_05,
    "ID-06": _id_06,
    "ID-07": _id_07,
    "ID-08": _id_08,
    "ID-09": _id_09,
    "ID-10": _id_10,
    "ID-11": _id_11,
    "ID-12": _id_12,
    "ID-13": _id_13,
}
