"""How well the local Bedrock retrieves: recall@5 on the FAQs of three Debian packages, beside plain BM25.

usage: python benchmarks/retrieval.py [--sets debian,perl,python] [--docs]

It makes an environment of its own outside the tree (this tree with `[local-semantic]`, bm25s, PyStemmer), fetches the
packages with apt-get without installing them, and asks a knowledge base of the local Bedrock every question, through
Retrieve. BM25 and the plain vectors search the very chunks that ingestion made. `--docs` writes the result to
benchmarks/retrieval.json and docs/local-retrieval.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import environments
import retrieval_report
from question_sets import SETS, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from question_sets import QuestionSet

HERE = Path(__file__).parent
REQUIREMENTS = (f"{environments.ROOT}[local-semantic]", "bm25s==0.3.16", "PyStemmer==3.1.0")
DISTRIBUTIONS = ("moto", "numpy", "wordllama", "bm25s", "PyStemmer")
EMBEDDERS = ("hashing", "wordllama")
TOP = 5
MODEL = "amazon.titan-embed-text-v2:0"
REGION = "us-east-1"
BUCKET = "example-questions"


class Base:
    """A knowledge base of one local Bedrock over the documents in the bucket, with one embedder."""

    def __init__(self, embedder: str) -> None:
        from bedrock_gateway.local import LocalBedrock

        self.embedder = embedder
        session = LocalBedrock(region=REGION, embedder=embedder).session()
        self.s3, self.iam = session.client("s3"), session.client("iam")
        self.vectors, self.agent = session.client("s3vectors"), session.client("bedrock-agent")
        self.retriever, self.runtime = session.client("bedrock-agent-runtime"), session.client("bedrock-runtime")

    def upload(self, documents: dict[str, str]) -> None:
        """Put the documents into the bucket, which all of these share."""
        self.s3.create_bucket(Bucket=BUCKET)
        for name, text in documents.items():
            self.s3.put_object(Bucket=BUCKET, Key=name, Body=text.encode())

    def ingest(self) -> None:
        """Make everything and ingest the bucket."""
        role = self._role()
        self.vectors.create_vector_bucket(vectorBucketName=f"example-{self.embedder}")
        self.index = self.vectors.create_index(
            vectorBucketName=f"example-{self.embedder}",
            indexName="questions",
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )["indexArn"]
        model = {"embeddingModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{MODEL}"}
        self.id = self.agent.create_knowledge_base(
            name=f"questions-{self.embedder}",
            roleArn=role,
            knowledgeBaseConfiguration={"type": "VECTOR", "vectorKnowledgeBaseConfiguration": model},
            storageConfiguration={"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": self.index}},
        )["knowledgeBase"]["knowledgeBaseId"]
        s3 = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{BUCKET}"}}
        source = self.agent.create_data_source(knowledgeBaseId=self.id, name="bucket", dataSourceConfiguration=s3)
        where = {"knowledgeBaseId": self.id, "dataSourceId": source["dataSource"]["dataSourceId"]}
        where["ingestionJobId"] = self.agent.start_ingestion_job(**where)["ingestionJob"]["ingestionJobId"]
        while (job := self.agent.get_ingestion_job(**where)["ingestionJob"])["status"] not in {"COMPLETE", "FAILED"}:
            time.sleep(0.5)
        if job["status"] != "COMPLETE" or job["statistics"]["numberOfDocumentsFailed"]:
            raise SystemExit(f"ingestion: {job['status']}, {job.get('failureReasons')}")

    def _role(self) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
        name = f"kb-{self.embedder}"
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(statement))
        actions = ["s3:GetObject", "s3:ListBucket", "bedrock:InvokeModel", "s3vectors:*"]
        rights = policy({"Effect": "Allow", "Action": actions, "Resource": "*"})
        self.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=rights)
        return str(made["Role"]["Arn"])

    def chunks(self) -> list[tuple[str, str]]:
        """Return (text, document) of every chunk."""
        listed = self.vectors.list_vectors(indexArn=self.index, returnMetadata=True)["vectors"]
        return [(one["metadata"]["AMAZON_BEDROCK_TEXT"], name_of(one["metadata"])) for one in listed]

    def retrieved(self, question: str) -> list[str]:
        """Return the documents that Retrieve gives, best first, each chunk's."""
        search = {"vectorSearchConfiguration": {"numberOfResults": TOP}}
        found = self.retriever.retrieve(
            knowledgeBaseId=self.id, retrievalQuery={"text": question}, retrievalConfiguration=search
        )
        return [name_of(one["metadata"]) for one in found["retrievalResults"]]

    def nearest(self, question: str) -> list[str]:
        """Return the documents of the nearest vectors, without the lexical half."""
        body = json.dumps({"inputText": question})
        made = json.loads(self.runtime.invoke_model(modelId=MODEL, body=body)["body"].read())["embedding"]
        found = self.vectors.query_vectors(
            indexArn=self.index, queryVector={"float32": made}, topK=TOP, returnMetadata=True
        )
        return [name_of(one["metadata"]) for one in found["vectors"]]


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def name_of(metadata: dict[str, Any]) -> str:
    return str(metadata["x-amz-bedrock-kb-source-uri"]).removeprefix(f"s3://{BUCKET}/")


def bm25(chunks: list[tuple[str, str]], *, stem: bool) -> Callable[[str], list[str]]:
    """Return bm25s' own retriever over the same chunks, with its English stop words."""
    import bm25s
    import Stemmer

    made = {"stopwords": "en", "stemmer": Stemmer.Stemmer("english") if stem else None, "show_progress": False}
    index = bm25s.BM25()
    index.index(bm25s.tokenize([text for text, _ in chunks], **made), show_progress=False)

    def retrieve(question: str) -> list[str]:
        found, _ = index.retrieve(bm25s.tokenize([question], **made), k=TOP, show_progress=False)
        return [chunks[number][1] for number in found[0]]

    return retrieve


def measured(questions: list[tuple[str, str]], retrieve: Callable[[str], list[str]]) -> list[int]:
    """Return for each question the rank of the first chunk of its answer; 0: not among the best five."""
    ranks = []
    for question, answer in questions:
        found = retrieve(question)
        ranks.append(found.index(answer) + 1 if answer in found else 0)
    return ranks


def run(name: str, folder: Path) -> dict[str, Any]:
    """Measure one question set, in an account of its own."""
    packages, make = SETS[name]
    root, versions = unpacked(packages, folder)
    asked: QuestionSet = make(root)
    bases = {embedder: Base(embedder) for embedder in EMBEDDERS}
    bases["hashing"].upload(asked.documents)
    for base in bases.values():
        base.ingest()
    chunks = bases["hashing"].chunks()
    retrievers: dict[str, Callable[[str], list[str]]] = {
        "bm25": bm25(chunks, stem=False),
        "bm25-stemmed": bm25(chunks, stem=True),
    }
    for embedder, base in bases.items():
        retrievers[f"{embedder}-vectors"] = base.nearest
        retrievers[embedder] = base.retrieved
    return {
        "title": asked.title,
        "packages": versions,
        "licence": asked.licence,
        "questions": len(asked.questions),
        "documents": len(asked.documents),
        "chunks": len(chunks),
        "ranks": {who: measured(asked.questions, retrieve) for who, retrieve in retrievers.items()},
    }


def inside(sets: list[str]) -> None:
    """Measure in this process, and print the result as JSON."""
    from importlib.metadata import version

    with tempfile.TemporaryDirectory() as folder:
        result = {
            "measured": datetime.now(UTC).date().isoformat(),
            "python": sys.version.split()[0],
            "versions": {name: version(name) for name in DISTRIBUTIONS},
            "top": TOP,
            "sets": {name: one_set(name, Path(folder)) for name in sets},
        }
    json.dump(result, sys.stdout)


def one_set(name: str, folder: Path) -> dict[str, Any]:
    """Measure one set in a process of its own: moto's state is the process'."""
    done = subprocess.run([sys.executable, __file__, "--set", name, folder], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--set", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    sets = args.sets.split(",")
    if unknown := set(sets) - set(SETS):
        parser.error(f"no such question set: {', '.join(unknown)}")
    if args.set:
        json.dump(run(args.set[0], Path(args.set[1])), sys.stdout)
        return
    if args.inside:
        inside(sets)
        return
    folder = environments.default_cache() / "retrieval"
    python = environments.made(folder, sys.executable, ("--editable",), REQUIREMENTS)
    done = subprocess.run([python, __file__, "--inside", "--sets", args.sets], check=True, stdout=subprocess.PIPE)
    result = json.loads(done.stdout)
    print(retrieval_report.text(result))
    if args.docs:
        (HERE / "retrieval.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
        retrieval_report.write(result, environments.ROOT / "docs")


if __name__ == "__main__":
    main()
