"""What is read, and what a metadata file may hold, is known before it is uploaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bedrock_gateway import GatewayConfig
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.cli.init import TEMPLATE
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge.blueprint import blueprint_of
from bedrock_gateway.setup.knowledge.readable import LIMIT_BYTES, metadata_fault, unreadable

from .conftest import LEAVE

if TYPE_CHECKING:
    from pathlib import Path


def source(lines=""):
    return blueprint_of(GatewayConfig.from_toml(TEMPLATE + lines), "handbook").sources[0]


PLAIN = source()
PARSED = source('parsing = {strategy = "data-automation"}\n')


@pytest.mark.parametrize("name", ["a.txt", "a.MD", "a/b.html", "a.doc", "a.docx", "a.csv", "a.xls", "a.xlsx", "a.pdf"])
def test_a_document_is_read(name):
    assert unreadable(name, 1, PLAIN) == unreadable(name, LIMIT_BYTES, PARSED) == ""


@pytest.mark.parametrize(
    ("name", "size", "why"),
    [
        ("film.mp4", 1, "this ending"),
        ("README", 1, "this ending"),
        ("notes.md.exe", 1, "this ending"),
        (".md", 1, "this ending"),
        ("a.md", 0, "empty"),
        ("a.md", LIMIT_BYTES + 1, "50 MB"),
        ("a.png", 1, "reads no images: add `parsing`"),
    ],
)
def test_what_is_not_read_is_said(name, size, why):
    assert why in unreadable(name, size, PLAIN)


def test_images_are_read_by_another_parser_or_an_embedding_model_that_sees():
    for one in (PARSED, blueprint_of(seeing(), "handbook").sources[0]):
        assert unreadable("a.PNG", 1, one) == ""
        assert "3.75 MB" in unreadable("a.jpeg", 4_000_000, one)


def seeing():
    return GatewayConfig.from_toml(TEMPLATE.replace("titan-embed-text-v2:0", "nova-2-multimodal-embeddings-v1:0"))


S3_VECTORS, AURORA = STORES["s3-vectors"], STORES["aurora"]


def written(**attributes):
    return json.dumps({"metadataAttributes": attributes}).encode()


def test_both_forms_of_metadata_are_taken():
    plain = written(team="hr", year=2026, ratio=0.5, public=True, tags=["a", "b"])
    typed = written(
        team={"value": {"type": "STRING", "stringValue": "hr"}, "includeForEmbedding": True},
        year={"value": {"type": "NUMBER", "numberValue": 2026}},
        public={"value": {"type": "BOOLEAN", "booleanValue": False}, "includeForEmbedding": False},
        tags={"value": {"type": "STRING_LIST", "stringListValue": ["a"]}},
    )
    for data in (plain, typed, written()):
        assert metadata_fault(data, S3_VECTORS) == ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not JSON with"),
        (b"\xff", "is not JSON with"),
        (b"[]", "is not JSON with"),
        (b'{"metadataAttributes": []}', "is not JSON with"),
        (b'{"attributes": {}}', "is not JSON with"),
        (b"[" * 10_000, "is not JSON with"),
        (written(team=None), "'team' is no string"),
        (written(team={"a": 1}), "'team' is no string"),
        (written(team=["a", 1]), "'team' is no string"),
        (written(year=float("nan")), "'year' is no string"),
        (written(team={"value": {"type": "STRING", "numberValue": 1}}), "'team' is no string"),
        (written(team={"value": {"type": "DATE", "stringValue": "x"}}), "'team' is no string"),
        (written(team={"value": {"type": "STRING", "stringValue": "x"}, "includeForEmbedding": 1}), "'team' is no string"),
        (written(**{"": "x"}), "'' is no string"),
        (written(team="x" * 11_000), "larger than 10 KB"),
    ],
)  # fmt: skip
def test_metadata_that_aws_would_not_take_is_said(data, why):
    assert why in metadata_fault(data, AURORA)


def test_the_limits_of_the_store_are_those_of_its_row():
    many = written(**{f"k{number}": 1 for number in range(36)})
    large = written(team="x" * 1100)
    assert "has 36 metadata attributes, s3-vectors takes 35" in metadata_fault(many, S3_VECTORS)
    assert "s3-vectors takes 1024" in metadata_fault(large, S3_VECTORS)
    assert metadata_fault(many, AURORA) == metadata_fault(large, AURORA) == ""


def put(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)


def test_metadata_goes_with_its_document_and_a_document_never_without_its_metadata(account, tmp_path):
    """Who may find a document can hang on its metadata: with a faulty file, the document stays behind."""
    put(
        tmp_path,
        leave__md=b"# Leave\n",
        leave__md__metadata__json=written(team="hr"),
        travel__md=b"# Travel\n",
        travel__md__metadata__json=b"{",
        gone__md__metadata__json=written(team="it"),
        photo__png=b"x",
        photo__png__metadata__json=written(team="it"),
    )
    uploaded = knowledge.upload(account.gateway, "handbook", documents_folder=tmp_path)
    try:
        assert sorted(uploaded.keys) == ["leave.md", "leave.md.metadata.json"]
        reasons = dict(uploaded.skipped)
        assert reasons.keys() == {
            "travel.md", "travel.md.metadata.json", "gone.md.metadata.json", "photo.png", "photo.png.metadata.json",
        }  # fmt: skip
        assert reasons["travel.md"] == reasons["travel.md.metadata.json"]
        assert "is not JSON" in reasons["travel.md"]
        assert reasons["gone.md.metadata.json"] == "there is no document beside it"
        again = knowledge.upload(account.gateway, "handbook", documents_folder=tmp_path)
        assert (again.keys, again.unchanged) == ((), 2)
    finally:
        bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
        account.root("s3").delete_object(Bucket=bucket, Key="leave.md.metadata.json")
        account.root("s3").put_object(Bucket=bucket, Key="leave.md", Body=LEAVE.encode())
