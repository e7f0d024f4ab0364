"""`bedrock-gateway kb`: the same as the functions, printed, with the exit codes of every command."""

from __future__ import annotations

import json
import tomllib
from collections import Counter

import pytest

from bedrock_gateway import cli, errors
from bedrock_gateway.setup.assigned import with_id

from .conftest import LEAVE


@pytest.fixture
def shell(account, monkeypatch, tmp_path, capsys):
    """Run a command as *who*, in a folder with gateway.toml; returns exit code, stdout and stderr."""
    config = tmp_path / "gateway.toml"
    config.write_text(account.world.config_file.read_text())
    monkeypatch.chdir(tmp_path)

    def run(*words, who="operator"):
        frozen = account.world.become(who).get_credentials().get_frozen_credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", frozen.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", frozen.secret_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", frozen.token)
        code = cli.main(["kb", *words, "--principal", who])
        done = capsys.readouterr()
        return code, done.out, done.err

    run.config = config
    return run


def test_from_plan_to_an_answer_and_back_to_nothing(account, shell, tmp_path):
    code, out, err = shell("plan", "handbook", "--create-role")
    assert (code, err) == (0, "")
    for line in (
        "make  role",
        "make  vector index",
        "Cannot be changed afterwards",
        "0.00 USD a month",
        '"iam:PassRole"',
    ):
        assert line in out
    assert account.inventory() == Counter()

    code, out, err = shell("create", "handbook", "--create-role", "--write")
    assert (code, out) == (0, "")
    assert "knowledge base: created handbook" in err
    assert "wrote gateway.toml" in err
    assert account.inventory() == account.planned()
    (found,) = account.root("bedrock-agent").list_knowledge_bases()["knowledgeBaseSummaries"]
    written = tomllib.loads(shell.config.read_text())
    assert written["env"]["laptop"]["knowledge_base"]["handbook"]["id"] == found["knowledgeBaseId"]

    code, out, err = shell("status", "handbook")
    assert (code, err) == (0, "")
    assert "ACTIVE" in out
    assert "last ingestion COMPLETE" in out

    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "equipment.md").write_text("# Equipment\n\nEverybody chooses a laptop on the first day.\n")
    (documents / "film.mp4").write_bytes(b"x")
    code, out, err = shell("ingest", "handbook", "--folder", "documents")
    assert code == 0
    assert "2 scanned, 1 indexed" in out
    assert "skipped: film.mp4" in err

    account.world.knowledge_base_id = found["knowledgeBaseId"]
    runtime = account.world.runtime_capabilities
    account.world.runtime_capabilities = (*runtime, "rag-stream")
    try:
        account.world.write_config()
        account.world.grant("app")
        shell.config.write_text(account.world.config_file.read_text())
        code, out, err = shell("ask", "handbook", "When does unused leave lapse?", who="app")
        assert (code, err) == (0, "")
        assert "March" in out
        assert "leave.md" in out
        code, streamed, err = shell("ask", "handbook", "When does unused leave lapse?", "--stream", who="app")
        assert (code, streamed, err) == (0, out, "")
        code, out, _ = shell("ask", "handbook", "When does unused leave lapse?", "--output", "json", who="app")
        answer = json.loads(out)
        assert (answer["empty"], answer["grounded"], answer["grounded_share"]) == (False, True, 1.0)
        assert answer["session_id"]
        for one in answer["citations"]:
            start, end = one["span"]
            assert answer["text"][start:end] == one["text"]
            assert all(one["text"].strip() in LEAVE for _ in one["sources"])
        code, _, err = shell(
            "ask", "handbook", "x", "--filter", '{"startsWith": {"key": "a", "value": "b"}}', who="app"
        )
        assert (code, "s3-vectors has no operator startsWith" in err) == (2, True)
        nothing = '{"equals": {"key": "team", "value": "nobody"}}'
        code, out, _ = shell("ask", "handbook", "x", "--filter", nothing, "--output", "json", who="app")
        assert (code, json.loads(out)["empty"]) == (1, True)
        code, _, err = shell("ask", "handbook", "x", "--tenant", "a", who="app")
        assert (code, "knows no tenants" in err) == (2, True)
        code, _, err = shell("ask", "handbook", "x", "--search-type", "hybrid", who="app")
        assert (code, "s3-vectors has no search of type HYBRID" in err) == (1, True)
        code, _, err = shell("ask", "handbook", "x", "--filter", "{", who="app")
        assert (code, "is no JSON" in err) == (2, True)
    finally:
        account.world.knowledge_base_id = None
        account.world.runtime_capabilities = runtime
        account.world.write_config()
        account.root("s3").delete_object(
            Bucket=account.config.knowledge_bases["handbook"].sources[0].bucket, Key="equipment.md"
        )

    code, out, err = shell("delete", "handbook")
    assert (code, out) == (0, "deleted handbook\n")
    assert "still has id" in err
    assert account.inventory() == Counter()


def test_everything_as_json(account, shell):
    planned = json.loads(shell("plan", "handbook", "--output", "json")[1])
    assert planned["creator"]["missing"] == []
    assert [one["made"] for one in planned["resources"]][:2] == [False, True]
    created = json.loads(shell("create", "handbook", "--create-role", "--output", "json")[1])
    assert created["jobs"][0]["documents_indexed"] == 1
    status = json.loads(shell("status", "handbook", "--output", "json")[1])
    assert (status["status"], status["begun"], status["id"]) == ("ACTIVE", False, created["id"])
    ingested = json.loads(shell("ingest", "handbook", "--output", "json")[1])
    assert ingested["jobs"][0]["status"] == "COMPLETE"
    assert json.loads(shell("delete", "handbook", "--output", "json")[1]) == {"knowledge_base": "handbook", "kept": []}


def test_what_aws_assigned_is_printed_where_it_is_not_written(account, shell):
    code, out, _ = shell("create", "handbook", "--create-role", "--no-ingest")
    assert code == 0
    assert tomllib.loads(out)["env"]["laptop"]["knowledge_base"]["handbook"]["id"]
    assert "id =" not in shell.config.read_text()


def test_a_second_create_is_refused_and_resume_goes_on(account, shell):
    assert shell("create", "handbook", "--create-role", "--no-ingest")[0] == 0
    code, out, err = shell("create", "handbook", "--create-role")
    assert (code, out) == (2, "")
    assert "kb resume" in err
    code, out, err = shell("resume", "handbook", "--output", "json")
    assert json.loads(out)["jobs"][0]["status"] == "COMPLETE"


def test_a_folder_goes_up_before_the_bucket_is_looked_at(account, shell, tmp_path):
    bucket = account.config.knowledge_bases["handbook"].sources[0].bucket
    account.root("s3").delete_object(Bucket=bucket, Key="leave.md")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "leave.md").write_text(LEAVE)
    code, out, _ = shell("create", "handbook", "--create-role", "--folder", "documents", "--output", "json")
    assert (code, json.loads(out)["jobs"][0]["documents_indexed"]) == (0, 1)


def test_status_says_what_is_not_whole(account, shell):
    code, out, _ = shell("status", "handbook")
    assert (code, "no id yet" in out) == (1, True)


def test_what_is_refused_is_one_line(account, shell):
    code, out, err = shell("create", "handbook")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    code, _, err = shell("plan", "nothing")
    assert (code, "no knowledge base 'nothing'" in err) == (2, True)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (errors.ThrottledError("slow", operation="CreateRole", code="Throttling"), 3),
        (errors.AccessDeniedError("no", operation="CreateRole", code="AccessDenied"), 1),
        (errors.TransportError("lost", operation="CreateRole", sent=None), 3),
        (errors.ConfigError("bad"), 2),
        (errors.ServiceError("old", operation="CreateRole", code="ExpiredToken"), 2),
    ],
)
def test_a_creation_that_stopped_exits_as_what_stopped_it(cause, code):
    error = errors.SetupIncompleteError("stopped", step="role", exists=("role x",), manifest="m")
    error.__cause__ = cause
    assert cli._exit_code(error) == code
    assert cli._exit_code(errors.NotOursError("theirs", kind="role", name="x")) == 1


HEAD = 'format = 1\napplication = "helpdesk"\n[env.prod]\naccount = "111122223333"  # ours\n'
BASE = "[env.prod.knowledge_base.handbook]  # of AWS\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, HEAD + '\n[env.prod.knowledge_base.handbook]\nid = "KB12345678"\n'),
        (HEAD.rstrip("\n"), HEAD + '\n[env.prod.knowledge_base.handbook]\nid = "KB12345678"\n'),
        (HEAD + BASE, HEAD + BASE + 'id = "KB12345678"\n'),
        (HEAD + BASE + 'role = "x"\n', HEAD + BASE + 'id = "KB12345678"\nrole = "x"\n'),
        (
            HEAD + BASE + "  id = 'KBOLD00000' # old\nrole = 'x'\n",
            HEAD + BASE + "  id = \"KB12345678\" # old\nrole = 'x'\n",
        ),
        (
            HEAD + BASE + '[[env.prod.knowledge_base.handbook.source]]\ntype = "s3"\n',
            HEAD + BASE + 'id = "KB12345678"\n[[env.prod.knowledge_base.handbook.source]]\ntype = "s3"\n',
        ),
        (
            HEAD + '[[env.prod.knowledge_base.handbook.source]]\ntype = "s3"\n',
            HEAD
            + '[[env.prod.knowledge_base.handbook.source]]\ntype = "s3"\n\n'
            + '[env.prod.knowledge_base.handbook]\nid = "KB12345678"\n',
        ),
    ],
)
def test_the_id_is_put_in_and_nothing_else_is_touched(before, after):
    assert with_id(before, "prod", "handbook", "KB12345678") == after


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'knowledge_base = {handbook = {store = "s3-vectors"}}\n',
        HEAD + 'knowledge_base.handbook.id = """KB\nOLD"""\n',
    ],
)
def test_a_table_that_is_written_another_way_is_left_to_its_owner(text):
    with pytest.raises(errors.ConfigError, match="put it in by hand"):
        with_id(text, "prod", "handbook", "KB12345678")


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal in the place of stderr, which keeps what is drawn on it; pytest puts its own there for each phase."""
    import io

    from bedrock_gateway.cli.kb import progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")

    def put():
        made = Terminal()
        monkeypatch.setattr(progress.sys, "stderr", made)
        return made

    return put


def test_progress_moves_on_a_terminal_and_shows_no_markup_or_escape(terminal):
    """rich draws it; what a resource is called cannot draw anything."""
    from bedrock_gateway.cli.kb.progress import shown_progress
    from bedrock_gateway.events import IngestionPolled, SetupProgressed

    drawn, hostile = terminal(), "[red]x[/red]\x1b]0;owned\x07"
    with shown_progress() as show:
        show(SetupProgressed("role", "waiting", "handbook", hostile, "soon"))
        show(SetupProgressed("role", "created", "handbook", hostile))
        show(IngestionPolled(hostile, "K", "STARTING", 0, 0, 0))
        show(IngestionPolled(hostile, "K", "IN_PROGRESS", 4, 2, 1))
        show(IngestionPolled(hostile, "K", "COMPLETE", 4, 3, 1))
    written = drawn.getvalue()
    assert "role: created [red]x[/red]" in written
    assert "complete, 4 scanned, 3 indexed, 1 failed" in written
    assert "owned\x07" not in written


def test_the_bar_of_an_ingestion_is_what_is_done_of_what_was_found(terminal):
    from rich.console import Console
    from rich.progress import Progress

    from bedrock_gateway.cli.kb.progress import _Bars
    from bedrock_gateway.events import IngestionPolled

    with Progress(console=Console(file=terminal())) as progress:
        show = _Bars(progress)
        show(IngestionPolled("J", "K", "STARTING", 0, 0, 0))
        assert progress.tasks[0].total is None
        show(IngestionPolled("J", "K", "IN_PROGRESS", 8, 5, 1))
        (task,) = progress.tasks
        assert (task.total, task.completed, task.fields["counts"]) == (8, 6, "8 scanned, 5 indexed, 1 failed")
        show(IngestionPolled("J", "K", "FAILED", 8, 5, 3))
        assert progress.tasks == []


def test_progress_is_a_line_an_event_where_it_is_piped_and_none_twice(capsys):
    from bedrock_gateway.cli.kb.progress import shown_progress
    from bedrock_gateway.events import IngestionPolled

    with shown_progress() as show:
        for scanned in (1, 1, 2):
            show(IngestionPolled("J", "K", "IN_PROGRESS", scanned, 1, 0))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"ingestion J: in_progress, {number} scanned, 1 indexed, 0 failed" for number in (1, 2)]
