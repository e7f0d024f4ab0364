"""From a leg of the table to the ARNs and conditions of one scope.

Every value comes out of a validated `Scope`, so nothing here can widen an ARN: a string that holds a wildcard or a
policy variable never got this far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.guardrails import guardrail_destinations
from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.arns import Conditions, Target, arn, joined, one_condition
from bedrock_gateway.iam.model_legs import (
    batch_profiles,
    batch_sources,
    foundation_models,
    model_targets,
    own_arns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.capabilities.table import Condition, Leg, Resource

__all__ = ["MODELS", "ROLE_PATH", "Target", "boundary_arn", "model_targets", "ours", "targets"]

SEARCH_SERVICE = "observability.aoss.amazonaws.com"
_SEARCH_ROLE = "AWSServiceRoleForAmazonOpenSearchServerless"
ROLE_PATH = "bedrock-gateway/"
"""Where kb-provision makes roles, and nowhere else."""


def _bedrock(scope: Scope, resource: str) -> str:
    return arn(scope, "bedrock", resource)


def _guardrails(scope: Scope) -> list[str]:
    return [_bedrock(scope, f"guardrail/{scope.guardrail[0]}")] if scope.guardrail else []


def _guardrail_profiles(scope: Scope) -> list[str]:
    """In this account, in every Region where the guardrail may run."""
    if scope.guardrail_profile is None:
        return []
    regions = guardrail_destinations(scope.guardrail_profile, scope.region)
    resource = f"guardrail-profile/{scope.guardrail_profile}.guardrail.v1:0"
    return [arn(scope, "bedrock", resource, region=region) for region in regions]


def _guardrail_profile_here(scope: Scope) -> list[str]:
    return [one for one in _guardrail_profiles(scope) if f":{scope.region}:" in one]


def _enforced(scope: Scope) -> list[str]:
    return [one if one.startswith("arn:") else _bedrock(scope, f"guardrail/{one}") for one in scope.enforced_guardrails]


def _knowledge_bases(scope: Scope) -> list[str]:
    return [_bedrock(scope, f"knowledge-base/{one}") for one in scope.knowledge_bases or ("*",)]


def _any(*kinds: str, types: tuple[str, ...], account: str | None) -> Callable[[Scope], list[str]]:
    """The declared models of those *kinds*, or everything of those resource *types* where none is declared."""

    def found(scope: Scope) -> list[str]:
        declared = own_arns(scope, *kinds) if account is None else foundation_models(scope)
        if scope.models:
            return declared
        return [arn(scope, "bedrock", f"{one}/*", account=account) for one in types]

    return found


def _given(value: str | None) -> list[str]:
    return [value] if value else []


def _role(scope: Scope, name: str) -> str:
    return arn(scope, "iam", f"role/{name}", region="")


def ours(role: str) -> str:
    """Return *role*, a name with its path.

    Raises:
        ConfigError: it is outside the one path in which principals of ours may make roles.
    """
    if not role.startswith(ROLE_PATH):
        raise ConfigError(
            f"role {role!r} is not under the path /{ROLE_PATH}: set-up makes roles there only,"
            f" so that it can touch no other; name it {ROLE_PATH}{role.rpartition('/')[2]}"
        )
    return role


def _principals(kind: str, names: Sequence[str], scope: Scope) -> list[str]:
    return [arn(scope, "iam", f"{kind}/{ours(name)}", region="") for name in names]


def _principal_policies(scope: Scope) -> list[str]:
    """The policies of each principal are below a path of its own: no name of one can be a name of another's."""
    names = (*scope.principal_roles, *scope.principal_groups)
    return [f"{one}/*" for one in _principals("policy", names, scope)]


def _principal_boundaries(scope: Scope) -> list[str]:
    made = (*scope.principal_roles, *scope.principal_groups, *scope.principal_users)
    return [arn(scope, "iam", f"policy/{one}", region="") for one in scope.principal_boundaries if made]


def boundary_arn(scope: Scope) -> str:
    """Return the ARN of the managed policy that bounds the service roles of *scope*."""
    return arn(scope, "iam", f"policy/{scope.boundary}", region="")


def _s3(scope: Scope, resource: str) -> str:
    return arn(scope, "s3", resource, region="", account="")


def _vector_buckets(scope: Scope) -> list[str]:
    return [arn(scope, "s3vectors", f"bucket/{bucket}") for bucket, _ in scope.vector_indexes]


def _vector_indexes(scope: Scope) -> list[str]:
    return [arn(scope, "s3vectors", f"bucket/{bucket}/index/{index}") for bucket, index in scope.vector_indexes]


RESOURCES: Mapping[Resource, Callable[[Scope], list[str]]] = {
    "profile": lambda scope: own_arns(scope, "profile", "application-profile"),
    "application-profile": lambda scope: own_arns(scope, "application-profile"),
    "foundation-model": foundation_models,
    "marketplace-endpoint": lambda scope: own_arns(scope, "marketplace"),
    "any-foundation-model": _any(types=("foundation-model",), account=""),
    "any-profile": _any(
        "profile",
        "application-profile",
        types=("application-inference-profile", "inference-profile"),
        account=None,
    ),
    "batch-source": batch_sources,
    "batch-profile": batch_profiles,
    "batch-role": lambda scope: [_role(scope, scope.batch_role)],
    "model-invocation-job": lambda scope: [_bedrock(scope, "model-invocation-job/*")],
    "guardrail": _guardrails,
    "guardrail-profile": _guardrail_profiles,
    "guardrail-profile-here": _guardrail_profile_here,
    "logging-key": lambda scope: _given(scope.logging_key),
    "guardrail-key": lambda scope: _given(scope.guardrail_key),
    "enforced-guardrail": _enforced,
    "managed-guardrail": lambda scope: _guardrails(scope) or [_bedrock(scope, "guardrail/*")],
    "new-guardrail": lambda scope: [_bedrock(scope, "guardrail/*")],
    "knowledge-base": _knowledge_bases,
    "declared-knowledge-base": lambda scope: _knowledge_bases(scope) if scope.knowledge_bases else [],
    "new-knowledge-base": lambda scope: [_bedrock(scope, "knowledge-base/*")],
    "knowledge-base-key": lambda scope: _given(scope.knowledge_base_key),
    "knowledge-base-role": lambda scope: [_role(scope, name) for name in scope.knowledge_base_roles],
    "provisioned-role": lambda scope: [_role(scope, ours(name)) for name in scope.knowledge_base_roles],
    "principal-role": lambda scope: _principals("role", scope.principal_roles, scope),
    "principal-instance": lambda scope: _principals("instance-profile", scope.principal_instances, scope),
    "principal-instance-role": lambda scope: _principals("role", scope.principal_instances, scope),
    "principal-group": lambda scope: _principals("group", scope.principal_groups, scope),
    "principal-user": lambda scope: _principals("user", scope.principal_users, scope),
    "principal-policy": _principal_policies,
    "principal-boundary": _principal_boundaries,
    "logging-role": lambda scope: [_role(scope, scope.logging_role)],
    # Which policies are attached to the role is known only after reading it; AWS's own carry "aws" as account.
    "managed-policies": lambda scope: [
        arn(scope, "iam", "policy/*", region="", account=owner) for owner in (scope.account, "aws")
    ],
    "any-role": lambda scope: [_role(scope, "*")],
    "any-user": lambda scope: [arn(scope, "iam", "user/*", region="")],
    "any-group": lambda scope: [arn(scope, "iam", "group/*", region="")],
    "any-key": lambda scope: [arn(scope, "kms", "key/*")],
    "any-alarm": lambda scope: [arn(scope, "cloudwatch", "alarm:*")],
    # A trail records in every Region and is kept in one; that of an organization is another account's.
    "any-trail": lambda scope: [arn(scope, "cloudtrail", "trail/*", region="*", account="*")],
    "anywhere": lambda _: ["*"],
    # CloudWatch Logs wants the form with ":*" in policies for every action but tagging.
    "logging-group": lambda scope: [arn(scope, "logs", f"log-group:{scope.log_group}:*")],
    "logging-bucket": lambda scope: [
        _s3(scope, one) for one in dict.fromkeys((scope.logging_bucket, scope.large_data_bucket)) if one
    ],
    "document-bucket": lambda scope: [_s3(scope, bucket) for bucket, _ in scope.documents],
    "document-object": lambda scope: [_s3(scope, f"{bucket}/{prefix}*") for bucket, prefix in scope.documents],
    "document-key": lambda scope: list(scope.document_keys),
    "answer-key": lambda scope: list(scope.answer_keys),
    "answer-object": lambda scope: [_s3(scope, f"{bucket}/{prefix}*") for bucket, prefix in scope.answer_documents],
    "vector-bucket": _vector_buckets,
    "vector-index": _vector_indexes,
    # AWS assigns the ids of collections: what says which one it is are the keys of the leg's condition.
    "collection": lambda scope: [arn(scope, "aoss", "collection/*")] if scope.collections else [],
    "search-linked-role": lambda scope: [_role(scope, f"aws-service-role/{SEARCH_SERVICE}/{_SEARCH_ROLE}")],
}


MODELS: Mapping[Resource, Callable[[Scope], tuple[str, ...]]] = {
    "model": lambda scope: scope.models,
    "reranker": lambda scope: scope.rerankers or scope.models,
}
"""Resources that are models to call: their ARNs come with conditions of their own."""

BEDROCK = "bedrock.amazonaws.com"


def _passed_to_bedrock(_: Scope, __: str) -> Conditions:
    return one_condition("StringEquals", "iam:PassedToService", BEDROCK)


def _passed_to_ec2(_: Scope, __: str) -> Conditions:
    return one_condition("StringEquals", "iam:PassedToService", "ec2.amazonaws.com")


def _document_prefix(scope: Scope, bucket_arn: str) -> Conditions:
    prefixes = tuple(f"{prefix}*" for bucket, prefix in scope.documents if prefix and _s3(scope, bucket) == bucket_arn)
    return one_condition("StringLike", "s3:prefix", *prefixes) if prefixes else ()


def _bounded(scope: Scope, _: str) -> Conditions:
    return one_condition("StringEquals", "iam:PermissionsBoundary", boundary_arn(scope))


def _only_guarded(scope: Scope, _: str) -> Conditions:
    """The key holds the guardrail's ARN, and behind it the number of the version unless that is the draft."""
    if not scope.require_guardrail:
        return ()
    (guardrail,), version = _guardrails(scope), scope.guardrail[1] if scope.guardrail else "DRAFT"
    return one_condition(
        "ArnEquals", "bedrock:GuardrailIdentifier", guardrail if version == "DRAFT" else f"{guardrail}:{version}"
    )


def _called_via_bedrock(_: Scope, __: str) -> Conditions:
    return one_condition("StringEquals", "aws:CalledViaLast", BEDROCK)


def _subscribed_products(scope: Scope, resource: str) -> Conditions:
    products = one_condition("ForAnyValue:StringEquals", "aws-marketplace:ProductId", *scope.products)
    return joined(_called_via_bedrock(scope, resource), products if scope.products else ())


def _bedrock_endpoint(scope: Scope, resource: str) -> Conditions:
    marked = one_condition("StringEquals", "aws:ResourceTag/sagemaker-sdk:bedrock", "compatible")
    return joined(_called_via_bedrock(scope, resource), marked)


def _via(service: str) -> Callable[[Scope, str], Conditions]:
    return lambda scope, _: one_condition("StringEquals", "kms:ViaService", f"{service}.{scope.region}.amazonaws.com")


def _third_party_secret(scope: Scope, _: str) -> Conditions:
    key = "bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn"
    return one_condition("ArnEquals", key, *scope.third_party_secrets)


def _own_mark(_: Scope, __: str) -> Conditions:
    """Our tag alone: any other could open what somebody grants by tags. Without a key there is nothing to compare."""
    only = one_condition("ForAllValues:StringEquals", "aws:TagKeys", MARK)
    return joined(only, one_condition("Null", "aws:TagKeys", "false"))


def _of_collection(operator: str) -> Callable[[Scope, str], Conditions]:
    return lambda scope, _: one_condition(operator, "aoss:collection", *(name for name, _ in scope.collections))


def _marks(key: str) -> Callable[[Scope, str], Conditions]:
    return lambda scope, _: one_condition("StringEquals", f"aws:{key}/{MARK}", *(mark for _, mark in scope.collections))


def _marked_for_us(scope: Scope, resource: str) -> Conditions:
    return joined(_marks("RequestTag")(scope, resource), _own_mark(scope, resource))


def _marking_ours(scope: Scope, resource: str) -> Conditions:
    """Of a collection that is being made, AWS takes the tags for those that it has."""
    return joined(_marked_for_us(scope, resource), _marks("ResourceTag")(scope, resource))


def _linked_to_search(_: Scope, __: str) -> Conditions:
    return one_condition("StringEquals", "iam:AWSServiceName", SEARCH_SERVICE)


def _bounded_principal(scope: Scope, _: str) -> Conditions:
    return one_condition("StringEquals", "iam:PermissionsBoundary", *_principal_boundaries(scope))


def _own_policy(scope: Scope, _: str) -> Conditions:
    return one_condition("ArnLike", "iam:PolicyARN", *_principal_policies(scope))


def _marked_user(_: Scope, __: str) -> Conditions:
    return one_condition("Null", f"aws:ResourceTag/{MARK}", "false")


CONDITIONS: Mapping[Condition, Callable[[Scope, str], Conditions]] = {
    "passed-to-bedrock": _passed_to_bedrock,
    "passed-to-ec2": _passed_to_ec2,
    "document-prefix": _document_prefix,
    "bounded": _bounded,
    "only-guarded": _only_guarded,
    "called-via-bedrock": _called_via_bedrock,
    "subscribed-products": _subscribed_products,
    "bedrock-endpoint": _bedrock_endpoint,
    "via-s3": _via("s3"),
    "via-bedrock": _via("bedrock"),
    "third-party-secret": _third_party_secret,
    "own-mark": _own_mark,
    "of-collection": _of_collection("StringEquals"),
    "of-collection-if-known": _of_collection("StringEqualsIfExists"),
    "marked-for-us": _marked_for_us,
    "marked-as-ours": _marks("ResourceTag"),
    "marking-ours": _marking_ours,
    "linked-to-search": _linked_to_search,
    "bounded-principal": _bounded_principal,
    "own-policy": _own_policy,
    "bounded-own-policy": lambda scope, role: joined(_bounded_principal(scope, role), _own_policy(scope, role)),
    "marked-user": _marked_user,
}


REGIONAL = ("aoss:", "bedrock:", "cloudtrail:", "cloudwatch:", "logs:", "servicequotas:")
"""Services of which we grant something on ``*`` and whose requests go to a Region. IAM and AWS Marketplace have one place."""


def _everything(leg: Leg, scope: Scope) -> Target:
    """What has no ARN is bound to the Region by a key: else the grant would hold in every Region of the account."""
    regional = leg.action.startswith(REGIONAL)
    return Target("*", one_condition("StringEquals", "aws:RequestedRegion", scope.region) if regional else ())


def targets(leg: Leg, scope: Scope) -> list[Target]:
    """Return the ARNs that *leg* needs in *scope*; none where the scope has nothing of that kind."""
    if leg.only_with and not getattr(scope, leg.only_with):
        return []
    if leg.resource in MODELS:
        found = [target for text in MODELS[leg.resource](scope) for target in model_targets(scope, text)]
    elif leg.resource == "*":
        found = [_everything(leg, scope)]
    else:
        found = [Target(one) for one in RESOURCES[leg.resource](scope)]
    if leg.condition is None:
        return found
    condition = CONDITIONS[leg.condition]
    return [Target(one.arn, joined(one.conditions, condition(scope, one.arn))) for one in found]
