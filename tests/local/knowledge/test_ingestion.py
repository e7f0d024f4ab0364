from __future__ import annotations

import json
import threading

import pytest

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge import indexing
from bedrock_gateway.local.knowledge.embedders import HASHING, Embedding
from bedrock_gateway.local.knowledge.store import KnowledgeStore

ZERO = dict.fromkeys(
    ("numberOfDocumentsScanned", "numberOfMetadataDocumentsScanned", "numberOfNewDocumentsIndexed", "numberOfModifiedDocumentsIndexed", "numberOfMetadataDocumentsModified", "numberOfDocumentsDeleted", "numberOfDocumentsFailed"),
    0,
)  # fmt: skip


def counted(job):
    return {name: count for name, count in job["statistics"].items() if count}


@pytest.fixture
def kb(world):
    base = world.knowledge_base()
    return base, world.data_source(base)


def texts(world, base):
    shown = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["storageConfiguration"]
    rows = world.vectors.list_vectors(indexArn=shown["s3VectorsConfiguration"]["indexArn"], returnMetadata=True)
    return sorted(row["metadata"]["AMAZON_BEDROCK_TEXT"] for row in rows["vectors"])


def test_a_job_is_starting_when_started_and_complete_at_the_end(world, kb):
    base, source = kb
    world.put(leave__txt="Leave is 25 days.", office__md="# Office\n\nOpens at 8.")
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    started = world.agent("StartIngestionJob", **where, description="first")["ingestionJob"]
    assert (started["status"], started["statistics"], started["description"]) == ("STARTING", ZERO, "first")
    job = world.state.of(KnowledgeStore).bases["us-east-1", base].sources[source].jobs[started["ingestionJobId"]]
    assert job.ended.wait(30)
    ended = world.agent("GetIngestionJob", **where, ingestionJobId=job.job_id)["ingestionJob"]
    assert ended["status"] == "COMPLETE"
    assert set(ended) == {"dataSourceId", "ingestionJobId", "knowledgeBaseId", "description", "startedAt", "statistics", "status", "updatedAt"}  # fmt: skip
    assert counted(ended) == {"numberOfDocumentsScanned": 2, "numberOfNewDocumentsIndexed": 2}
    assert texts(world, base) == ["# Office\n\nOpens at 8.", "Leave is 25 days."]


def test_only_what_changed_is_indexed_again_and_what_is_gone_is_deleted(world, kb):
    world.put(a__txt="Alpha is first.", b__txt="Beta is second.", c__txt="Gamma is third.")
    world.ingest(*kb)
    world.put(b__txt="Beta was changed.", d__txt="Delta is new.")
    world.s3.delete_object(Bucket=world.bucket, Key="c.txt")
    second = world.ingest(*kb)
    assert counted(second) == {"numberOfDocumentsScanned": 3, "numberOfNewDocumentsIndexed": 1, "numberOfModifiedDocumentsIndexed": 1, "numberOfDocumentsDeleted": 1}  # fmt: skip
    assert texts(world, kb[0]) == ["Alpha is first.", "Beta was changed.", "Delta is new."]
    before = len(world.aws.used)
    third = world.ingest(*kb)
    assert counted(third) == {"numberOfDocumentsScanned": 3}
    assert not [action for action, _ in world.aws.used[before:] if action == "s3:GetObject"]


def test_a_document_that_shrinks_leaves_no_chunk_behind(world, kb):
    world.put(long__txt="Leave is paid by the company. " * 200)
    world.ingest(*kb)
    assert len(texts(world, kb[0])) > 3
    world.put(long__txt="Leave is paid.")
    world.ingest(*kb)
    assert texts(world, kb[0]) == ["Leave is paid."]


def test_a_metadata_file_is_metadata_and_no_document(world, kb):
    typed = {"year": {"value": {"type": "NUMBER", "numberValue": 2025}, "includeForEmbedding": True}}
    world.put(
        a__txt="Alpha is first.", a__txt__metadata__json=json.dumps({"metadataAttributes": {"team": "hr", **typed}})
    )
    assert counted(world.ingest(*kb)) == {"numberOfDocumentsScanned": 1, "numberOfMetadataDocumentsScanned": 1, "numberOfNewDocumentsIndexed": 1}  # fmt: skip
    (row,) = world.runtime("Retrieve", knowledgeBaseId=kb[0], retrievalQuery={"text": "alpha"})["retrievalResults"]
    assert (row["metadata"]["team"], row["metadata"]["year"]) == ("hr", 2025)
    world.put(a__txt__metadata__json=json.dumps({"metadataAttributes": {"team": "it"}}))
    assert counted(world.ingest(*kb)) == {"numberOfDocumentsScanned": 1, "numberOfMetadataDocumentsScanned": 1, "numberOfMetadataDocumentsModified": 1}  # fmt: skip
    (row,) = world.runtime("Retrieve", knowledgeBaseId=kb[0], retrievalQuery={"text": "alpha"})["retrievalResults"]
    assert row["metadata"]["team"] == "it"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("{", "was not valid. [Files: s3://BUCKET/a.txt]. Call to Amazon S3 Source did not succeed."),
        ("[]", "was not valid"),
        ('{"metadataAttributes": 1}', "was not valid"),
        ('{"metadataAttributes": {"x": {"type": "DATE"}}}', "was not valid"),
        ('{"metadataAttributes": {"x": null}}', "no string, number, boolean or list of strings"),
        ('{"metadataAttributes": {"x": [1]}}', "no string, number, boolean or list of strings"),
        (json.dumps({"metadataAttributes": {"x": "y" * 1100}}), "takes 1024 [Files: s3://BUCKET/a.txt]. Call to Amazon S3 Vectors did not succeed."),
        (json.dumps({"metadataAttributes": {f"x{n}": 1 for n in range(36)}}), "36 keys"),
        (json.dumps({"metadataAttributes": {}, "note": "y" * 10_240}), "exceeded 10 KB"),
    ],
)  # fmt: skip
def test_a_document_with_unusable_metadata_fails(world, kb, metadata, reason):
    world.put(a__txt="Alpha is first.", a__txt__metadata__json=metadata, b__txt="Beta is second.")
    job = world.ingest(*kb)
    assert job["status"] == "COMPLETE"
    assert (job["statistics"]["numberOfDocumentsFailed"], job["statistics"]["numberOfNewDocumentsIndexed"]) == (1, 1)
    (said,) = job["failureReasons"]
    assert reason.replace("BUCKET", world.bucket) in said


def test_a_document_of_35_attributes_and_one_kilobyte_is_taken(world, kb):
    attributes = {f"key{n:02}": "v" * 15 for n in range(35)}
    world.put(a__txt="Alpha is first.", a__txt__metadata__json=json.dumps({"metadataAttributes": attributes}))
    assert counted(world.ingest(*kb))["numberOfNewDocumentsIndexed"] == 1
    (row,) = world.runtime("Retrieve", knowledgeBaseId=kb[0], retrievalQuery={"text": "alpha"})["retrievalResults"]
    assert attributes.items() <= row["metadata"].items()


def test_a_document_and_its_metadata_that_both_changed_are_both_counted(world, kb):
    world.put(a__txt="Alpha is first.", a__txt__metadata__json='{"metadataAttributes": {"team": "hr"}}')
    world.ingest(*kb)
    world.put(a__txt="Alpha was changed.", a__txt__metadata__json='{"metadataAttributes": {"team": "it"}}')
    job = counted(world.ingest(*kb))
    assert (job["numberOfModifiedDocumentsIndexed"], job["numberOfMetadataDocumentsModified"]) == (1, 1)
    world.s3.delete_object(Bucket=world.bucket, Key="a.txt.metadata.json")
    job = world.ingest(*kb)
    assert counted(job) == {"numberOfDocumentsScanned": 1, "numberOfMetadataDocumentsModified": 1}
    (row,) = world.runtime("Retrieve", knowledgeBaseId=kb[0], retrievalQuery={"text": "alpha"})["retrievalResults"]
    assert "team" not in row["metadata"]


def test_only_what_changed_is_embedded_again(world, kb):
    embedded = []

    class Recorder:
        name = "recorder"

        def embed(self, texts, dimensions):
            embedded.extend(texts)
            return HASHING.embed(texts, dimensions)

    world.state.of(Embedding).embedder = Recorder()
    world.put(a__txt="Alpha is first.", b__txt="Beta is second.")
    world.ingest(*kb)
    world.put(b__txt="Beta was changed.")
    world.ingest(*kb)
    assert embedded == ["Alpha is first.", "Beta is second.", "Beta was changed."]


def test_a_document_that_is_too_large_is_not_read(world, kb, monkeypatch):
    monkeypatch.setattr(indexing, "MAX_DOCUMENT_BYTES", 20)
    world.put(small__txt="Leave is 25 days.", large__txt="Leave is 25 days of the year.")
    job = world.ingest(*kb)
    assert counted(job) == {"numberOfDocumentsScanned": 2, "numberOfNewDocumentsIndexed": 1, "numberOfDocumentsFailed": 1}  # fmt: skip
    assert "large.txt" in job["failureReasons"][0]
    assert "size exceeded 50 MB" in job["failureReasons"][0]
    assert ("s3:GetObject", f"arn:aws:s3:::{world.bucket}/large.txt") not in world.aws.used


def test_a_chunk_that_the_vector_store_does_not_take_fails_its_document(world):
    base = world.knowledge_base()
    whole = {"chunkingConfiguration": {"chunkingStrategy": "NONE"}}
    source = world.data_source(base, vectorIngestionConfiguration=whole)
    world.put(large__txt="Leave is paid. " * 3000, small__txt="Leave is paid.")
    job = world.ingest(base, source)
    assert counted(job)["numberOfDocumentsFailed"] == 1
    (reason,) = job["failureReasons"]
    assert "Invalid record for key '" in reason
    assert "Metadata must have at most 40960 bytes (Service: S3Vectors, Status Code: 400" in reason
    assert texts(world, base) == ["Leave is paid."]


def test_what_the_role_may_not_read_is_failed_and_the_job_goes_on(world, kb):
    world.put(open__txt="Leave is 25 days.", secret__txt="Salaries are secret.")
    world.aws.forbid("s3:GetObject", f"arn:aws:s3:::{world.bucket}/secret")
    job = world.ingest(*kb)
    assert job["status"] == "COMPLETE"
    assert counted(job) == {
        "numberOfDocumentsScanned": 2,
        "numberOfNewDocumentsIndexed": 1,
        "numberOfDocumentsFailed": 1,
    }
    assert f"s3://{world.bucket}/secret.txt" in job["failureReasons"][0]
    assert "s3:GetObject" in job["failureReasons"][0]
    assert texts(world, kb[0]) == ["Leave is 25 days."]
    world.aws.forbidden.clear()
    assert counted(world.ingest(*kb)) == {"numberOfDocumentsScanned": 2, "numberOfNewDocumentsIndexed": 1}


@pytest.mark.parametrize("action", ["s3:ListBucket", "bedrock:InvokeModel", "s3vectors:PutVectors"])
def test_a_role_without_a_right_that_every_document_needs_fails_the_job(world, kb, action):
    world.put(leave__txt="Leave is 25 days.")
    world.aws.forbid(action)
    job = world.ingest(*kb)
    assert job["status"] == "FAILED"
    assert action in job["failureReasons"][0]
    assert texts(world, kb[0]) == []


def test_a_role_that_is_no_longer_trusted_fails_the_job(world, kb):
    world.aws.trusted = False
    job = world.ingest(*kb)
    assert job["status"] == "FAILED"
    assert "sts:AssumeRole" in job["failureReasons"][0]


def test_a_bucket_that_is_gone_fails_the_job(world):
    base = world.knowledge_base()
    absent = {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::was-never-made-here"}}
    source = world.data_source(base, dataSourceConfiguration=absent)
    world.aws.call = lambda *_args, **_kwargs: (_ for _ in ()).throw(
        Fault("NoSuchBucket", "The specified bucket does not exist", 404)
    )
    job = world.ingest(base, source)
    assert (job["status"], job["failureReasons"]) == (
        "FAILED",
        ["Encountered error: The specified bucket does not exist"],
    )


def test_vectors_that_may_not_be_deleted_are_counted_as_failed(world, kb):
    world.put(a__txt="Alpha is first.")
    world.ingest(*kb)
    world.s3.delete_object(Bucket=world.bucket, Key="a.txt")
    world.aws.forbid("s3vectors:DeleteVectors")
    job = world.ingest(*kb)
    assert (job["status"], counted(job)) == ("COMPLETE", {"numberOfDocumentsFailed": 1})
    assert texts(world, kb[0]) == ["Alpha is first."]


def test_formats_that_are_not_read_are_failed_with_the_reason(world, kb):
    world.put(paper__pdf="%PDF-1.7", tool__exe="MZ", empty__txt=" \n ", fine__csv="name,days\nA,25")
    job = world.ingest(*kb)
    assert counted(job) == {
        "numberOfDocumentsScanned": 4,
        "numberOfNewDocumentsIndexed": 1,
        "numberOfDocumentsFailed": 3,
    }
    reasons = " ".join(job["failureReasons"])
    assert "file format was not supported by the local Bedrock" in reasons
    assert "had no text" in reasons


def test_an_inclusion_prefix_limits_what_is_read(world):
    base = world.knowledge_base()
    s3 = {"bucketArn": f"arn:aws:s3:::{world.bucket}", "inclusionPrefixes": ["public/"]}
    source = world.data_source(base, dataSourceConfiguration={"type": "S3", "s3Configuration": s3})
    world.put(**{"public/": "", "public/a__txt": "Alpha is first.", "private/b__txt": "Beta is second."})
    assert counted(world.ingest(base, source)) == {"numberOfDocumentsScanned": 1, "numberOfNewDocumentsIndexed": 1}
    assert texts(world, base) == ["Alpha is first."]


@pytest.mark.parametrize(
    ("chunking", "count"),
    [
        ({"chunkingStrategy": "NONE"}, 1),
        ({"chunkingStrategy": "FIXED_SIZE", "fixedSizeChunkingConfiguration": {"maxTokens": 20, "overlapPercentage": 10}}, 10),
        ({"chunkingStrategy": "SEMANTIC", "semanticChunkingConfiguration": {"maxTokens": 15, "bufferSize": 0, "breakpointPercentileThreshold": 95}}, 10),
    ],
)  # fmt: skip
def test_documents_are_cut_as_the_data_source_says(world, chunking, count):
    base = world.knowledge_base()
    source = world.data_source(base, vectorIngestionConfiguration={"chunkingConfiguration": chunking})
    world.put(long__txt="".join(f"Rule number {n} says that leave is paid by the company. " for n in range(12)))
    world.ingest(base, source)
    assert (len(texts(world, base)) >= count) if count > 1 else len(texts(world, base)) == 1


@pytest.fixture
def held(monkeypatch):
    """Hold every job at its first document until the test lets it go."""
    go, reached, taken = threading.Event(), threading.Event(), indexing._take

    def wait(*args):
        reached.set()
        assert go.wait(30)
        taken(*args)

    monkeypatch.setattr(indexing, "_take", wait)
    yield reached, go
    go.set()


def test_a_knowledge_base_has_one_job_at_a_time_and_cannot_be_deleted_meanwhile(world, kb, held):
    reached, go = held
    base, source = kb
    other = world.data_source(base)
    world.put(a__txt="Alpha is first.")
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    started = world.agent("StartIngestionJob", **where)["ingestionJob"]["ingestionJobId"]
    assert reached.wait(30)
    assert world.agent("GetIngestionJob", **where, ingestionJobId=started)["ingestionJob"]["status"] == "IN_PROGRESS"
    for operation, params in [
        ("StartIngestionJob", {"knowledgeBaseId": base, "dataSourceId": other}),
        ("DeleteDataSource", where),
        ("DeleteKnowledgeBase", {"knowledgeBaseId": base}),
    ]:
        with pytest.raises(Fault, match="ongoing ingestion job") as caught:
            world.agent(operation, **params)
        assert (caught.value.code, caught.value.status) == ("ConflictException", 409)
    go.set()
    job = world.state.of(KnowledgeStore).bases["us-east-1", base].sources[source].jobs[started]
    assert job.ended.wait(30)
    world.ingest(base, other)


def test_an_account_runs_five_jobs_at_a_time(world, held):
    reached, go = held
    world.put(a__txt="Alpha is first.")
    kbs = [(base := world.knowledge_base(), world.data_source(base)) for _ in range(6)]
    for base, source in kbs[:5]:
        world.agent("StartIngestionJob", knowledgeBaseId=base, dataSourceId=source)
    assert reached.wait(30)
    with pytest.raises(Fault, match="5 ongoing ingestion jobs") as caught:
        world.agent("StartIngestionJob", knowledgeBaseId=kbs[5][0], dataSourceId=kbs[5][1])
    assert (caught.value.code, caught.value.status) == ("ServiceQuotaExceededException", 402)
    go.set()
    for base, source in kbs[:5]:
        (job,) = world.state.of(KnowledgeStore).bases["us-east-1", base].sources[source].jobs.values()
        assert job.ended.wait(30)
    assert world.ingest(*kbs[5])["status"] == "COMPLETE"


def test_a_stopped_job_ends_after_the_document_it_is_at(world, kb, held):
    reached, go = held
    base, source = kb
    world.put(a__txt="Alpha is first.", b__txt="Beta is second.")
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    where["ingestionJobId"] = world.agent("StartIngestionJob", **where)["ingestionJob"]["ingestionJobId"]
    assert reached.wait(30)
    assert world.agent("StopIngestionJob", **where)["ingestionJob"]["status"] == "STOPPING"
    go.set()
    job = world.state.of(KnowledgeStore).bases["us-east-1", base].sources[source].jobs[where["ingestionJobId"]]
    assert job.ended.wait(30)
    stopped = world.agent("GetIngestionJob", **where)["ingestionJob"]
    assert (stopped["status"], stopped["statistics"]["numberOfDocumentsScanned"]) == ("STOPPED", 1)
    with pytest.raises(Fault) as caught:
        world.agent("StopIngestionJob", **where)
    assert caught.value.code == "ConflictException"


def test_jobs_are_listed_newest_first_filtered_and_paged(world, kb):
    base, source = kb
    world.put(a__txt="Alpha is first.")
    first, second = world.ingest(base, source), world.ingest(base, source)
    world.aws.forbid("s3:ListBucket")
    failed = world.ingest(base, source)
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    listed = world.agent("ListIngestionJobs", **where)["ingestionJobSummaries"]
    assert [row["ingestionJobId"] for row in listed] == [job["ingestionJobId"] for job in (failed, second, first)]
    wanted = [{"attribute": "STATUS", "operator": "EQ", "values": ["FAILED"]}]
    (only,) = world.agent("ListIngestionJobs", **where, filters=wanted)["ingestionJobSummaries"]
    assert only["ingestionJobId"] == failed["ingestionJobId"]
    page = world.agent(
        "ListIngestionJobs", **where, maxResults=2, sortBy={"attribute": "STARTED_AT", "order": "ASCENDING"}
    )
    assert page["ingestionJobSummaries"][0]["ingestionJobId"] == first["ingestionJobId"]
    rest = world.agent("ListIngestionJobs", **where, maxResults=2, nextToken=page["nextToken"])
    assert len(rest["ingestionJobSummaries"]) == 1


def test_the_same_client_token_starts_one_job(world, kb):
    where = {"knowledgeBaseId": kb[0], "dataSourceId": kb[1], "clientToken": "t" * 36}
    one, two = (world.agent("StartIngestionJob", **where)["ingestionJob"]["ingestionJobId"] for _ in range(2))
    assert one == two
    job = world.state.of(KnowledgeStore).bases["us-east-1", kb[0]].sources[kb[1]].jobs[one]
    assert job.ended.wait(30)


def test_an_absent_job_is_not_found(world, kb):
    with pytest.raises(Fault) as caught:
        world.agent("GetIngestionJob", knowledgeBaseId=kb[0], dataSourceId=kb[1], ingestionJobId="ABCDEFGHIJ")
    assert caught.value.status == 404
