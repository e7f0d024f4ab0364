"""Faults of a knowledge base: the base, its data source and jobs, its role, its store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.faults.hand import AccountFault, Hand
from bedrock_gateway.local.knowledge.store import DataSource, KnowledgeBase, KnowledgeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.knowledge.store import Job

__all__ = ["FAULTS", "source_of"]

_SCANNED = 100
_JOB_SECONDS = 30.0
_STORES = {"s3Vectors": "S3_VECTORS", "opensearchServerless": "OPENSEARCH_SERVERLESS"}


def _held(hand: Hand) -> KnowledgeBase:
    return hand.state.of(KnowledgeStore).bases[hand.region, hand.base]


def source_of(hand: Hand) -> DataSource:
    """Return the data source of the knowledge base."""
    return next(iter(_held(hand).sources.values()))


def _base(**changes: Any) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        held = _held(hand)
        for name, value in changes.items():
            setattr(held, name, value)

    return make


def _no_base(hand: Hand) -> None:
    hand.client("bedrock-agent").delete_knowledge_base(knowledgeBaseId=hand.base)


def _no_source(hand: Hand) -> None:
    source = source_of(hand)
    hand.client("bedrock-agent").delete_data_source(knowledgeBaseId=hand.base, dataSourceId=source.data_source_id)


def _never_ingested(hand: Hand) -> None:
    """The same data source, made anew."""
    source, agent = source_of(hand), hand.client("bedrock-agent")
    _no_source(hand)
    encrypted = {"serverSideEncryptionConfiguration": source.encryption} if source.encryption else {}
    agent.create_data_source(
        knowledgeBaseId=hand.base, name=source.name, dataSourceConfiguration=source.configuration, **encrypted
    )


def _undeletable(hand: Hand) -> None:
    source_of(hand).status = "DELETE_UNSUCCESSFUL"


def _failed_job(hand: Hand) -> None:
    """A job that is started while the role may do nothing."""
    source, agent, broken = source_of(hand), hand.client("bedrock-agent"), hand.without_rights(hand.base_role)
    next(broken)
    started = agent.start_ingestion_job(knowledgeBaseId=hand.base, dataSourceId=source.data_source_id)
    source.jobs[started["ingestionJob"]["ingestionJobId"]].ended.wait(_JOB_SECONDS)
    next(broken, None)


def _last_job(hand: Hand) -> Job:
    return max(source_of(hand).jobs.values(), key=lambda one: one.started_at)


def _under_way(hand: Hand) -> None:
    _last_job(hand).status = "IN_PROGRESS"


def _old(hand: Hand) -> None:
    for job in source_of(hand).jobs.values():
        job.started_at -= timedelta(days=40)


def _failing(failed: int) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        _last_job(hand).statistics.update(numberOfDocumentsScanned=_SCANNED, numberOfDocumentsFailed=failed)

    return make


def _embedding(arn: str) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        held = _held(hand)
        vector = {"embeddingModelArn": arn.format(region=hand.region)}
        held.configuration = {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector}

    return make


def _no_role(hand: Hand) -> None:
    hand.delete_role(hand.base_role)


def _trusting(source: str) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        account = {"aws:SourceAccount": hand.account}
        arn = {"aws:SourceArn": f"arn:aws:bedrock:{hand.region}:{hand.account}:knowledge-base/{source}"}
        hand.trust(
            hand.base_role,
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": account, "ArnLike": arn},
            },
        )

    return make


def _store(arn: str, kind: str, member: str) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        said = {member: arn.format(region=hand.region, account=hand.account)}
        _held(hand).storage = {"type": _STORES[kind], f"{kind}Configuration": said}

    return make


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "no knowledge base": _no_base,
    "no data source": _no_source,
    "never ingested": _never_ingested,
    "a failed ingestion": _failed_job,
    "the knowledge base's role gone": _no_role,
    "a role for every knowledge base": _trusting("*"),
    "a role for another knowledge base": _trusting("OTHER12345"),
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "a knowledge base being made": _base(status="CREATING"),
    "a failed knowledge base": _base(status="FAILED", failure_reasons=["no index"]),
    "a data source that cannot be deleted": _undeletable,
    "an ingestion under way": _under_way,
    "an old ingestion": _old,
    "a few failed documents": _failing(5),
    "many failed documents": _failing(6),
    "embedding elsewhere": _embedding("arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"),
    "embedding with another model": _embedding("arn:aws:bedrock:{region}::foundation-model/cohere.embed-english-v3"),
    "a store elsewhere": _store("arn:aws:s3vectors:us-west-2:{account}:bucket/b/index/i", "s3Vectors", "indexArn"),
    "a store of another account": _store(
        "arn:aws:aoss:{region}:123456789012:collection/x", "opensearchServerless", "collectionArn"
    ),
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
