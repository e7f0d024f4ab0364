"""`kb create`, `ingest` and `ask` on a thousand real text files that packages of this machine ship."""

from __future__ import annotations

import json
import random
import re
import sysconfig
import time
from hashlib import sha256
from pathlib import Path

import pytest

from bedrock_gateway import cli

WANTED = 1000
QUESTIONS = 20
ROOTS = ("/usr/share/doc", "/usr/share/nodejs", "/usr/lib/node_modules", sysconfig.get_paths()["purelib"], "/usr/lib")


def texts():
    """(name, content) of a thousand different files; the first that are found, in the order of their paths."""
    seen = set()
    for root in ROOTS:
        for path in sorted(Path(root).rglob("*")):
            if path.suffix not in {".md", ".txt", ".html"} or path.is_symlink() or not path.is_file():
                continue
            if any(part.startswith(".") for part in path.parts):
                continue
            if not 400 <= path.stat().st_size <= 60_000:
                continue
            raw = path.read_bytes()
            digest = sha256(raw).digest()
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                continue
            if (
                path.suffix == ".html"
                and len(re.sub(r"<script.*?</script>|<[^>]*>", " ", text, flags=re.DOTALL).split()) < 50
            ):
                continue  # a page that scripts fill
            if digest not in seen and "\x00" not in text:
                seen.add(digest)
                yield path.as_posix().lstrip("/"), text
            if len(seen) == WANTED:
                return


def sentences(files):
    """(question, name): a line that stands in one file only, in its words."""
    owners = {}
    for name, text in files.items():
        if not name.endswith(".txt"):
            continue
        for line in text.splitlines():
            words = line.strip()
            if 50 <= len(words) <= 200 and len(re.findall(r"[A-Za-z]{3,}", words)) >= 8:
                owners.setdefault(words, set()).add(name)
    unique = sorted((line, next(iter(names))) for line, names in owners.items() if len(names) == 1)
    return random.Random(20261126).sample(unique, QUESTIONS)


def squeezed(text):
    return " ".join(text.split())


@pytest.fixture
def shell(account, monkeypatch, tmp_path, capsys):
    (tmp_path / "gateway.toml").write_text(account.world.config_file.read_text())
    monkeypatch.chdir(tmp_path)

    def run(*words, who="operator"):
        frozen = account.world.become(who).get_credentials().get_frozen_credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", frozen.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", frozen.secret_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", frozen.token)
        code = cli.main(["kb", *words, "--principal", who, "--output", "json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_answers_cite_the_file_and_the_words_they_come_from(account, shell, tmp_path, record_property):
    files = dict(texts())
    if len(files) < WANTED:
        pytest.skip(f"this machine ships {len(files)} text files, not {WANTED}")
    for name, text in files.items():
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket

    code, created = shell("create", "handbook", "--create-role", "--no-ingest")
    assert code == 0
    started = time.monotonic()
    code, ingested = shell("ingest", "handbook", "--folder", "documents")
    seconds = time.monotonic() - started
    (job,) = ingested["jobs"]
    assert not job["failed"], job["failed"]
    assert code == 0
    assert job["documents_indexed"] == WANTED + 1  # leave.md of the account

    account.world.knowledge_base_id = created["id"]
    try:
        account.world.write_config()
        account.world.grant("app")
        (tmp_path / "gateway.toml").write_text(account.world.config_file.read_text())
        right = 0
        for question, name in sentences(files):
            _, answer = shell("ask", "handbook", question, who="app")
            for citation in answer["citations"]:
                start, end = citation["span"]
                assert answer["text"][start:end] == citation["text"]
                for source in citation["sources"]:
                    cited = source["uri"].removeprefix(f"s3://{bucket}/")
                    assert squeezed(citation["text"]) in squeezed(files[cited]) or cited.endswith((".html", ".md"))
            right += any(
                source["uri"] == f"s3://{bucket}/{name}" for one in answer["citations"] for source in one["sources"]
            )
        record_property("right", right)
        assert right >= QUESTIONS * 0.9
    finally:
        account.world.knowledge_base_id = None
        account.world.write_config()
    assert shell("delete", "handbook")[0] == 0
    assert not account.inventory()
    s3 = account.root("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": one["Key"]} for one in page["Contents"] if one["Key"] != "leave.md"]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    print(f"{right} of {QUESTIONS} right; {WANTED} files uploaded and ingested in {seconds:.1f} s")
