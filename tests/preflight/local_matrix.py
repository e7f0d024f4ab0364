"""The faults of the matrix that the local Bedrock makes, what they must change there, and why it makes no others.

What must change is what `test_checks` and `faults` say of the same fault, by the same name: one table, two oracles. Only
where a real account cannot change in one answer alone is something added here.
"""

from __future__ import annotations

from typing import Any

from bedrock_gateway.local.faults import FAULTS, endpoints, principals

from . import faults, test_checks, test_permissions
from .local_runner import Case

__all__ = ["ALSO", "EXPECTED", "MADE", "NOT_HERE", "case_of", "here", "reason"]

TABLES: tuple[list[tuple[str, dict[str, Any], dict[str, str]]], ...] = (
    test_checks.ROWS,
    test_checks.USERS,
    test_permissions.CALLERS,
    faults.ROWS,
    test_checks.PROCESSES,
    test_checks.DECLARED,
    test_checks.DRIFTS,
    faults.HOSTS,
    faults.CALLERS,
)
EXPECTED: dict[str, dict[str, str]] = {
    name: expected for table in reversed(TABLES) for name, _change, expected in table
}
"""Fault → every result that changes, as the tables have it."""
OF_USERS = {name for name, _, _ in test_checks.USERS}
OF_CALLERS = {name for name, _, _ in test_permissions.CALLERS}
OF_ROLES = frozenset(principals.FAULTS) - OF_USERS

WAYS = tuple(name for name in endpoints.FAULTS if name not in EXPECTED)
"""Faults of the way to AWS, under which nothing can be found out."""

SIMULATED = {"IAM-05": "fail"}
"""IAM's simulator sees the same policies."""
BLIND, WAY_UP = {"LOG-19": "fail"}, {"IAM-03": "fail"}
"""Its own policies, which are read besides, say so, too."""
ALSO: dict[str, dict[str, str]] = {
    "an administrator": SIMULATED,
    "everything of Bedrock": SIMULATED,
    "logging may be changed": SIMULATED,
    "a wide policy through a group": {**SIMULATED, "IAM-07": "pass"},  # AWS's policy passes roles, to named services
    "a new version of a policy": SIMULATED,
    "everything of IAM but a name": SIMULATED,
    **dict.fromkeys(
        ("it may DeleteModelInvocationLoggingConfiguration", "it may PutModelInvocationLoggingConfiguration"), BLIND
    ),
    **dict.fromkeys(("it may CreateAccessKey", "it may CreateServiceSpecificCredential"), WAY_UP),
    **dict.fromkeys(("it may PutRolePolicy", "it may CreatePolicyVersion"), WAY_UP),
    "a quota of 0 for the model": {"QUO-03": "warn"},  # it was called, which no quota of 0 lets happen
    "a bucket of somebody else": {"LOG-20": "unknown"},  # how its owner keeps records is nobody else's to read
    "no traffic": {"QUO-03": "not_applicable"},  # it reads the same metrics
}
"""Fault → what changes besides in an account in which everything hangs together."""

_PROCESS = "of the process that asks, not of the account"
_DECLARED = "of what is declared, not of the account"
_NETWORK = "a local Bedrock is called at an address of this machine: nothing is resolved, no certificate is looked at"
_LOCKED = "a bucket with Object Lock keeps its versions and its lock for ever"
_OTHERWISE = "another form of an answer that means the same"
_PAGES = "the answers here have a page each"
_MEANWHILE = "it would have to go between two questions"
_NO_REQUESTS = "AWS limits requests a minute no more, and the local Bedrock has no such quota"
_CALLED = "the golden account was called once, and not a thousand times"
_MANAGED = "the local Bedrock serves knowledge bases of type VECTOR only"
_NO_ORGANIZATION = "the local account is in no organisation"
_UNREAD = "what is not granted cannot be read either: see the matrix of rights"
_REPLACED = "a condition in place of a generated statement, which another fault has as a denial"
_REGIONS = "where a profile runs is AWS's to say"
_WHOLE = "IAM's simulator and reports answer whole and at once here"
_WHOLE_ANSWERS = "the local Bedrock leaves no member out, and has no word that AWS does not have"
_SAME_DOCUMENT = "a finer case of a fault that is made here: only what the document says differs"
_SOURCES = "a data source is there at once here"
NOT_HERE: dict[str, str] = {
    "another account": "one local Bedrock is one account",
    "another partition": "one local Bedrock is of the partition aws",
    "the logging role itself": "the role may not read what the checks read: nearly everything would be unknown",
    "the role of the knowledge base": "the role may not read what the checks read: nearly everything would be unknown",
    "in no group": "a user in no group has no right left to look with",
    "logging null": "the local Bedrock leaves the member out, as AWS does",
    "a guardrail that failed": "only a DRAFT can; a version that is declared was READY when it was made",
    "a proxy that answers for S3 with nothing": "as “a proxy that answers with nothing”, for one service",
    **dict.fromkeys(("no versions in the bucket", "versions that were stopped", "no Object Lock"), _LOCKED),
    "Object Lock that locks nothing by itself": "moto changes Object Lock of an empty bucket only",
    **dict.fromkeys(("a log group without protection, as an error", "alarms over an expression"), _OTHERWISE),
    "a trail that is kept elsewhere": _OTHERWISE,
    **dict.fromkeys(("alarms on a second page", "the log group on a second page"), _PAGES),
    "a user of an API key on the second page": _PAGES,
    **dict.fromkeys(("a user of an API key who is gone since", "a data source that is gone since"), _MEANWHILE),
    **dict.fromkeys(
        ("a trail that cannot be read", "a second trail that cannot be read"), "see the matrix of permissions"
    ),
    **dict.fromkeys(("no requests a minute", "requests a minute that AWS lists no more"), _NO_REQUESTS),
    **dict.fromkeys(("no quota of the model", "a busy model without a known quota"), "every model has its quotas here"),
    **dict.fromkeys(
        ("a few calls that are throttled", "nothing but throttled calls", "a minute below four fifths of it"), _CALLED
    ),
    **dict.fromkeys(("a managed knowledge base without a key", "a managed knowledge base with a key"), _MANAGED),
    **{
        name: _NO_ORGANIZATION
        for name, _, _ in test_permissions.CALLERS
        if "organisation" in name or "service control" in name
    },
    **{
        name: _UNREAD
        for name, _, _ in test_permissions.CALLERS
        if "read" in name.split() or name.startswith("reads of")
    },
    **dict.fromkeys(
        ("the guardrail is not granted", "only the bucket's policy can allow it", "a statement denies the bucket"),
        _UNREAD,
    ),
    **dict.fromkeys(("models only from some addresses", "models only through another profile"), _REPLACED),
    "it may make keys from some addresses": _REPLACED,
    **{name: _REGIONS for name, _, _ in test_permissions.CALLERS if name.startswith("AWS runs the profile")},
    **{
        name: _WHOLE
        for name, _, _ in test_permissions.CALLERS
        if "simulator" in name or "page" in name or "report" in name
    },
    **{name: _PAGES for name in EXPECTED if "second page" in name},
    **dict.fromkeys(("a page that names itself", "more groups, but not where"), _PAGES),
    **dict.fromkeys(
        (
            "a quota whose value AWS could not tell",
            "metrics that CloudWatch could not read",
            "metrics that may not be read",
            "deliveries that fail, in metrics that are not all there",
            "a list of policies that is none",
            "an agreement of which AWS says nothing",
            "an agreement in a state that nobody knows",
            "documents that AWS does not count",
            "a store that AWS does not name",
            "a data source without an id",
            "an embedding model that is no ARN",
            "a role without an ARN",
            "a summary that does not count root's keys",
            "a bucket encrypted in a way nobody knows",
            "a bucket whose encryption has no rule",
        ),
        _WHOLE_ANSWERS,
    ),
    **dict.fromkeys(
        (
            "keys of every user, all of which are denied",
            "keys of every user, one of whom is not denied",
            "every policy of a role but one may be rewritten",
            "rights of IAM in this account, all of which are denied",
            "a bucket policy for another account, too",
            "everything of Bedrock, written otherwise",
            "everything of Bedrock, by a longer wildcard",
            "every model, by a wildcard",
            "every model, as everything of Bedrock",
            "every role of the account passed",
            "roles passed to whichever service",
            "roles passed to all services but one",
            "large bodies may be deleted",
            "other objects may be deleted",
            "the log group may be deleted, by its bare name",
            "a bucket policy for this Region's folder",
            "a bucket policy for the folder of another Region",
            "a lifecycle that removes markers only",
            "a lifecycle of another prefix",
            "a lifecycle of another prefix, as it was written once",
            "a lifecycle of what carries a tag",
            "a lifecycle of the records alone",
            "alarms of one model, which deliveries are not counted by",
        ),
        _SAME_DOCUMENT,
    ),
    **{name: _SOURCES for name in EXPECTED if name.startswith("a data source") and "being" in name},
    **dict.fromkeys(("a data source that failed", "a data source that failed, beside one that is there"), _SOURCES),
    "the profile is gone": "as “no profile”, for another principal",
    "a service never used by a new role": "that is what the golden account has: its roles are new",
    "alarms for what is used": "that is what the golden account has",
    "resource types of events that are no data": "moto refuses such selectors, as AWS does",
    "a mode of data retention nobody knows": "the local Bedrock knows AWS's modes only",
    **dict.fromkeys(("no DNS", "a resolver that is silent", "old TLS", "a bad certificate"), _NETWORK),
    "a proxy that reads along": _NETWORK,
    **{
        name: _PROCESS
        for name, _, _ in (*test_checks.PROCESSES, *faults.HOSTS, *faults.CALLERS)
        if name not in endpoints.FAULTS
    },
    "a botocore without data retention": _PROCESS,
    **{name: _DECLARED for name, _, _ in (*test_checks.DECLARED, *test_checks.DRIFTS)},
}
"""Fault of the tables → why the local Bedrock does not make it."""


WHO = {"a user": "anna", "the root user": "root"}
"""Not of the account, but of who asks it."""
MADE = (*WHO, *(name for name in FAULTS if name in EXPECTED and name not in NOT_HERE))
"""The faults of the tables that the local Bedrock makes."""


def reason(name: str) -> str:
    """Return why a fault is not made, or an empty string where nobody has said."""
    return "" if name in MADE else NOT_HERE.get(name, "")


def here(name: str) -> str:
    """Return in words whether the local Bedrock makes a fault, and how."""
    if name in WHO:
        return "by who asks"
    if name not in MADE:
        return f"no: {reason(name)}" if reason(name) else "no"
    return "by calls" if FAULTS[name].by_calls else "by a switch"


def case_of(name: str) -> Case:
    """Return how to look at a fault."""
    if name in WHO:
        return Case(who=WHO[name])
    if name in OF_USERS:
        return Case(name, {"user": "anna"}, who="anna")
    if name in OF_CALLERS:
        return Case(name, {"role": "helpdesk-caller"}, "caller")
    return Case(name, {"role": "helpdesk-auditor"} if name in OF_ROLES else {})
