"""How fast the local Bedrock ingests and retrieves: short documents a second, and a question over 20,000 chunks.

usage: python benchmarks/retrieval_speed.py [--chunks 20000] [--short 2000] [--questions 200] [--embedder hashing] [--json FILE]

Over HTTP, to a process of its own, and in process. The role's rights are enforced for every object, and the caller's
for every question. Nothing is asserted: figures depend on the machine, so beside each time of the clock stands what
the process spent on the processor, which other programs do not change as much.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
REGION, MODEL, BUCKET = "us-east-1", "amazon.titan-embed-text-v2:0", "example-speed"
SHORT_WORDS, LONG_CHUNKS = 60, 40
TARGETS = {"ingest, documents a second": 200, "question, median ms": 50}


def words() -> list[str]:
    """Return the words of this repository's own pages, as often as they stand there."""
    pages = " ".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    return re.findall(r"[A-Za-z]{2,}", pages)


def texts(count: int, length: int, seed: int) -> list[str]:
    """Return *count* texts of *length* words in sentences."""
    drawn, known = random.Random(seed), words()
    made = []
    for _ in range(count):
        found = drawn.choices(known, k=length)
        made.append(" ".join(w + "." if n % 12 == 11 else w for n, w in enumerate(found)))
    return made


class Setting:
    """A bucket, an index and a knowledge base behind some clients."""

    def __init__(self, make: Any) -> None:
        self.s3, self.agent, self.retriever = make("s3"), make("bedrock-agent"), make("bedrock-agent-runtime")
        self.vectors = vectors = make("s3vectors")
        iam = make("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName="kb-speed", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        rights = [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
            {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"},
        ]
        iam.put_role_policy(RoleName="kb-speed", PolicyName="all", PolicyDocument=policy(*rights))
        self.s3.create_bucket(Bucket=BUCKET)
        vectors.create_vector_bucket(vectorBucketName=BUCKET)
        vectors.create_index(
            vectorBucketName=BUCKET,
            indexName="speed",
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )
        index = f"arn:aws:s3vectors:{REGION}:123456789012:bucket/{BUCKET}/index/speed"
        model = {"embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{MODEL}"}
        self.id = self.agent.create_knowledge_base(
            name="speed",
            roleArn=role,
            knowledgeBaseConfiguration={"type": "VECTOR", "vectorKnowledgeBaseConfiguration": model},
            storageConfiguration={"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index}},
        )["knowledgeBase"]["knowledgeBaseId"]
        s3 = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{BUCKET}"}}
        source = self.agent.create_data_source(knowledgeBaseId=self.id, name="bucket", dataSourceConfiguration=s3)
        self.where = {"knowledgeBaseId": self.id, "dataSourceId": source["dataSource"]["dataSourceId"]}

    def upload(self, prefix: str, documents: list[str]) -> None:
        for number, text in enumerate(documents):
            body = f"{text}\n".encode()
            attributes = json.dumps({"metadataAttributes": {"team": f"team-{number % 7}", "year": 2000 + number % 25}})
            self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{number}.txt", Body=body)
            if prefix == "long":
                self.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{number}.txt.metadata.json", Body=attributes.encode())

    def ingest(self) -> float:
        """Run a job; return the seconds that it took."""
        begun = time.perf_counter()
        job = self.agent.start_ingestion_job(**self.where)["ingestionJob"]
        while job["status"] not in {"COMPLETE", "FAILED"}:
            time.sleep(0.2)
            job = self.agent.get_ingestion_job(**self.where, ingestionJobId=job["ingestionJobId"])["ingestionJob"]
        if job["status"] != "COMPLETE" or job["statistics"]["numberOfDocumentsFailed"]:
            raise SystemExit(f"ingestion: {job}")
        return time.perf_counter() - begun

    def chunks(self) -> int:
        return len(self.vectors.list_vectors(vectorBucketName=BUCKET, indexName="speed")["vectors"])

    def ask(self, question: str, search: dict[str, Any]) -> None:
        found = self.retriever.retrieve(
            knowledgeBaseId=self.id,
            retrievalQuery={"text": question},
            retrievalConfiguration={"vectorSearchConfiguration": search},
        )
        if not found["retrievalResults"]:
            raise SystemExit("nothing was retrieved")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def spent(pid: int) -> float:
    """Return the seconds of processor time of a process; nan where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def over_http(embedder: str) -> Iterator[tuple[Any, int]]:
    import boto3

    command = [sys.executable, "-m", "bedrock_gateway", "local", "--port", "0", "--embedder", embedder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        endpoint = (server.stdout.readline() if server.stdout else "").partition("endpoint=")[2].split()[0]
        session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region_name=REGION)
        try:
            yield lambda service: session.client(service, endpoint_url=endpoint), server.pid
        finally:
            server.terminate()


@contextmanager
def in_process(embedder: str) -> Iterator[tuple[Any, int]]:
    from bedrock_gateway.local import LocalBedrock

    yield LocalBedrock(region=REGION, embedder=embedder).session().client, os.getpid()


def measured(make: Any, pid: int, args: argparse.Namespace) -> dict[str, float]:
    setting = Setting(make)
    setting.upload("short", texts(args.short, SHORT_WORDS, 1))
    before = spent(pid)
    seconds = setting.ingest()
    found = {
        "ingest, documents a second": args.short / seconds,
        "ingest, documents a CPU second": args.short / (spent(pid) - before),
    }
    # Forty chunks of about 300 tokens, less the fifth that they share.
    setting.upload("long", texts((args.chunks - args.short) // LONG_CHUNKS, LONG_CHUNKS * 160, 2))
    setting.ingest()
    found["chunks"] = setting.chunks()
    found["again, nothing changed, seconds"] = setting.ingest()
    index = {"numberOfResults": 5}
    narrow = {"andAll": [{"in": {"key": "team", "value": ["team-1", "team-2"]}}, {"lessThan": {"key": "year", "value": 2020}}]}  # fmt: skip
    for what, search in (("question", index), ("question with a filter", {**index, "filter": narrow})):
        setting.ask("warm up", search)
        before, clock = spent(pid), []
        for question in texts(args.questions, 8, 3):
            begun = time.perf_counter()
            setting.ask(question, search)
            clock.append((time.perf_counter() - begun) * 1000)
        found[f"{what}, median ms"] = median(clock)
        found[f"{what}, p95 ms"] = quantiles(clock, n=20)[-1]
        found[f"{what}, CPU ms"] = (spent(pid) - before) * 1000 / args.questions
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--short", type=int, default=2_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--embedder", default="hashing")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    with over_http(args.embedder) as (make, pid):
        http = measured(make, pid, args)
    with in_process(args.embedder) as (make, pid):
        inside = measured(make, pid, args)
    print(f"{args.embedder}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {load:.1f} before and {os.getloadavg()[0]:.1f} after\n")  # fmt: skip
    print("| | over HTTP | in process | target |\n| --- | --- | --- | --- |")
    for what, value in http.items():
        print(
            f"| {what} | {value:,.{0 if value >= 1000 else 1}f} | {inside[what]:,.{0 if value >= 1000 else 1}f} | {TARGETS.get(what, '')} |"
        )
    if args.json:
        args.json.write_text(json.dumps({"http": http, "in process": inside, "load": load}) + "\n")


if __name__ == "__main__":
    main()
