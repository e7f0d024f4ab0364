"""Judge the policies of buckets and keys: may Bedrock itself use them, for this account and Region, and nobody else's?

As for a trust policy, AWS documents the pattern of the source ARN and not the value it sends: a policy is accepted only
if it holds for probes of every shape that the pattern covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, UndecidableError, enforce
from bedrock_gateway.iam.trust import BEDROCK
from bedrock_gateway.preflight.trust import FOREIGN, SOURCES, Verdict, foreign_accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.evaluate import Decision

__all__ = ["judge_use"]


def judge_use(document: Any, scope: Scope, action: str, resources: Sequence[str], wanted: Policy) -> Verdict:
    """Judge whether the resource policy *document* lets Bedrock do *action* on every one of *resources*.

    *wanted* holds the statements that allow it; a corrected policy is *document* with them added.
    """
    try:
        policy = Policy.parse(document)
    except PolicyError as error:
        return Verdict("unknown", f"the policy could not be parsed: {error}")
    corrected = Policy((*(one for one in policy.statements if one not in wanted.statements), *wanted.statements))
    try:
        for resource in resources:
            for source in SOURCES:
                decision = _asked(policy, scope, scope.account, source, action, resource)
                if not decision.allowed:
                    return _refused(decision, action, resource, corrected)
        open_to = [
            account
            for account in foreign_accounts(policy, scope.account)
            if any(_asked(policy, scope, account, s, action, r).allowed for r in resources for s in SOURCES)
        ]
    except UndecidableError as error:
        return Verdict("unknown", f"whether {action} is allowed could not be decided: {error}")
    if open_to:
        whom = "any account" if FOREIGN in open_to else f"account {', '.join(open_to)} too"
        said = f"Bedrock may {action} there for {whom}: neither aws:SourceAccount nor aws:SourceArn limits it"
        return Verdict("warn", said, corrected)
    return Verdict("pass", f"Bedrock may {action} there for account {scope.account} in {scope.region}, and no other")


def _asked(policy: Policy, scope: Scope, account: str, source: str, action: str, resource: str) -> Decision:
    context = {
        "aws:SourceAccount": account,
        "aws:SourceArn": f"arn:{scope.partition}:bedrock:{scope.region}:{account}:{source}",
        "aws:SecureTransport": "true",
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": BEDROCK,
        "aws:RequestedRegion": scope.region,
    }
    request = AccessRequest(action, resource, context, PrincipalRef(BEDROCK, kind="Service"))
    return enforce(request, Layers(resource=policy))


def _refused(decision: Decision, action: str, resource: str, corrected: Policy) -> Verdict:
    statement = decision.statement
    if statement is not None:
        name = f'statement "{statement.sid}"' if statement.sid else "a statement"
        # What denies it on purpose is not undone: a person decides that.
        return Verdict("fail", f"{name} of the policy denies Bedrock {action} on {resource}")
    return Verdict("fail", f"the policy does not let Bedrock {action} on {resource}", corrected)
