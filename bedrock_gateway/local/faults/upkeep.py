"""Faults of what is kept an eye on: how records are kept, alarms, trails, quotas, users of API keys, data retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bedrock_gateway.local.account.quotas import Quotas, names_of
from bedrock_gateway.local.data_retention import DataRetention
from bedrock_gateway.local.faults.hand import AccountFault, Hand
from bedrock_gateway.local.faults.knowledge import source_of
from bedrock_gateway.local.faults.logs import call_model
from bedrock_gateway.local.metrics import NAMESPACE, add
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.models.fault_rules import FaultRule, Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]

_NOVA, _TITAN = "amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
_PHANTOM = "BedrockAPIKey-ab12"
_MODEL, _BASE, _RAIL = "AWS::Bedrock::Model", "AWS::Bedrock::KnowledgeBase", "AWS::Bedrock::Guardrail"
_BUSY = 0.9


def _retention(mode: str) -> Callable[[Hand], None]:
    return lambda hand: hand.state.of(DataRetention).set(mode)


# -- how records are kept ------------------------------------------------------------------------------------------------


def _no_lifecycle(hand: Hand) -> None:
    hand.client("s3").delete_bucket_lifecycle(Bucket=hand.bucket)


def _lifecycle(**changes: Any) -> Callable[[Hand], None]:
    """Each rule with members changed; None takes one out."""

    def make(hand: Hand) -> None:
        s3, bucket = hand.client("s3"), hand.bucket
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        changed = [{name: value for name, value in {**rule, **changes}.items() if value is not None} for rule in rules]
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": changed})

    return make


def _unmasked(hand: Hand) -> None:
    hand.client("logs").delete_data_protection_policy(logGroupIdentifier=hand.group)


# -- alarms and trails ---------------------------------------------------------------------------------------------------


def _alarms(hand: Hand) -> list[dict[str, Any]]:
    found = hand.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [one for one in found if one.get("Namespace") == NAMESPACE]


def _no_alarm(hand: Hand) -> None:
    names = [one["AlarmName"] for one in _alarms(hand)]
    hand.client("cloudwatch").delete_alarms(AlarmNames=names)


def _other_alarm_only(hand: Hand) -> None:
    names = [one["AlarmName"] for one in _alarms(hand) if "LargeData" in one["MetricName"]]
    hand.client("cloudwatch").delete_alarms(AlarmNames=names)


def _alarms_again(**changes: Any) -> Callable[[Hand], None]:
    """Every alarm put again with members changed; a function is given the alarm."""

    def make(hand: Hand) -> None:
        for one in _alarms(hand):
            kept = {name: one[name] for name in _OF_AN_ALARM if name in one}
            values = {name: value(one) if callable(value) else value for name, value in changes.items()}
            hand.client("cloudwatch").put_metric_alarm(**{**kept, **values})

    return make


_OF_AN_ALARM = (
    *("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "Threshold"),
    "ComparisonOperator",
)


def _arriving(alarm: Mapping[str, Any]) -> str:
    return str(alarm["MetricName"]).replace("Failure", "Success")


def _trail(hand: Hand) -> str:
    found = hand.client("cloudtrail").describe_trails()["trailList"]
    return hand.detail("trail", found[0]["Name"] if len(found) == 1 else None)


def _no_trail(hand: Hand) -> None:
    hand.client("cloudtrail").delete_trail(Name=_trail(hand))


def _trail_off(hand: Hand) -> None:
    hand.client("cloudtrail").stop_logging(Name=_trail(hand))


def _recording(*types: str, category: str = "Data") -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        fields = [
            {"Field": "eventCategory", "Equals": [category]},
            *([{"Field": "resources.type", "Equals": list(types)}] if types else []),
        ]
        selectors = [{"Name": "changed", "FieldSelectors": fields}]
        hand.client("cloudtrail").put_event_selectors(TrailName=_trail(hand), AdvancedEventSelectors=selectors)

    return make


# -- quotas and use ------------------------------------------------------------------------------------------------------


def _quota(start: str, model_id: str = _NOVA, value: float = 0.0) -> Callable[[Hand], None]:
    """The quotas of a model whose name begins with *start*."""

    def make(hand: Hand) -> None:
        model = catalogue.model(hand.details.get("model") or model_id)
        names = [name for name, _ in names_of(model, hand.region) if name.startswith(start)] if model else []
        hand.detail("model", names)
        hand.state.of(Quotas).values.update({(hand.region, name): value for name in names})

    return make


def _throttled(hand: Hand) -> None:
    """Models answer with throttles, three times."""
    rule = FaultRule(code="ThrottlingException", status=429, times=3)
    hand.state.of(Faults).rules.append(rule)
    while rule.times:
        try:
            call_model(hand)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException":
                raise
    hand.state.of(Faults).rules.remove(rule)


def _near_the_quota(hand: Hand) -> None:
    model = catalogue.model(hand.details.get("model") or _NOVA)
    values = dict(names_of(model, hand.region)) if model else {}
    limit = next((value for name, value in values.items() if name.startswith("On-demand")), 0.0)
    used = {"EstimatedTPMQuotaUsage": limit * _BUSY}
    add(hand.local.app.gate.directory, hand.state, hand.region, used, hand.details.get("model") or _NOVA)


# -- users and sources ---------------------------------------------------------------------------------------------------


def _phantom(*, credentials: str | None = None, key: str | None = None) -> Callable[[Hand], None]:
    """A user as the console makes it for a long-term API key; its credentials and access key in these states."""

    def make(hand: Hand) -> None:
        iam, user = hand.client("iam"), {"UserName": _PHANTOM}
        iam.create_user(**user)
        if credentials:
            made = iam.create_service_specific_credential(**user, ServiceName="bedrock.amazonaws.com")
            identifier = made["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
            iam.update_service_specific_credential(**user, ServiceSpecificCredentialId=identifier, Status=credentials)
        if key:
            identifier = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
            iam.update_access_key(**user, AccessKeyId=identifier, Status=key)

    return make


def _unencrypted(hand: Hand) -> None:
    """The data source is updated without its key."""
    source = source_of(hand)
    hand.client("bedrock-agent").update_data_source(
        knowledgeBaseId=hand.base,
        dataSourceId=source.data_source_id,
        name=source.name,
        dataSourceConfiguration=source.configuration,
    )


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "no lifecycle": _no_lifecycle,
    "a lifecycle that is off": _lifecycle(Status="Disabled"),
    "records that never expire": _lifecycle(Expiration=None),
    "old versions that never expire": _lifecycle(NoncurrentVersionExpiration=None),
    "a log group that masks nothing": _unmasked,
    "no alarm": _no_alarm,
    "an alarm for the other destination only": _other_alarm_only,
    "alarms that tell nobody": _alarms_again(ActionsEnabled=False),
    "alarms over what arrives": _alarms_again(MetricName=_arriving),
    "alarms of another namespace": _alarms_again(Namespace="Mine"),
    "no trail": _no_trail,
    "a trail that is off": _trail_off,
    "a trail of management events only": _recording(category="Management"),
    "a trail of other data events": _recording("AWS::S3::Object"),
    "a trail without knowledge bases": _recording(_MODEL, _RAIL),
    "a trail without the guardrail": _recording(_MODEL, _BASE),
    "a user of an API key": _phantom(),
    "a user of an API key that works": _phantom(credentials="Active"),
    "a user of an API key with an access key": _phantom(credentials="Active", key="Active"),
    "a user of an API key with an access key that is off": _phantom(credentials="Inactive", key="Inactive"),
    "a data source without a key": _unencrypted,
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "data that AWS may review": _retention("aws_review"),
    "data shared with providers": _retention("provider_data_share"),
    "data that nobody keeps": _retention("none"),
    "no mode of data retention": _retention("inherit"),
    "a quota of 0 for the model": _quota("On-demand"),
    "a quota of 0 across Regions": _quota("Cross-region"),
    "a quota of 0 a day": _quota("Model invocation max"),
    "a quota of 0 for the model that embeds": _quota("On-demand", _TITAN),
    "calls that are throttled": _throttled,
    "a minute near the quota": _near_the_quota,
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
