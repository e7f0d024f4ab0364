"""The main job, end to end, on an embedded local Bedrock. Every line it prints is what happened.

usage: scripts/demo [--docs FOLDER] [--question TEXT]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bedrock_gateway import GatewayError, GovernanceError
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.knowledge.sentences import sentences

sys.path.insert(0, str(Path(__file__).resolve().parent))
import world as accounts

ROOT = Path(__file__).resolve().parents[1]
PROMPT = "In one sentence: why does a team need least privilege?"
QUESTION = "What does a global. profile add?"
UNDECLARED = "anthropic.claude-3-haiku-20240307-v1:0"


class StepFailedError(Exception):
    """A step did not do what it says."""


class Story:
    """Prints numbered steps, and stops where one does not hold."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.number = 0

    def step(self, title: str) -> None:
        self.number += 1
        self.console.print(f"\n[bold cyan]{self.number}. {title}[/]")

    def say(self, text: str, style: str = "") -> None:
        self.console.print(f"   {text}", style=style, markup=False, highlight=False)

    def require(self, holds: object, claim: str) -> None:
        if not holds:
            raise StepFailedError(claim)
        self.console.print(f"   [green]✓[/] {claim}", highlight=False)


def refused(code: str, call: Any, **params: Any) -> str:
    """The message of the refusal that *call* must meet."""
    try:
        call(**params)
    except ClientError as error:
        if error.response["Error"]["Code"] == code:
            return str(error.response["Error"]["Message"])
        raise
    raise StepFailedError(f"{call.__name__} was allowed")


def describe(policy: dict[str, Any]) -> str:
    actions = {
        action
        for one in policy["Statement"]
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    return f"{len(policy['Statement'])} statements, {len(actions)} actions, {len(json.dumps(policy, separators=(',', ':')))} characters"


def set_up_principals(story: Story, world: accounts.World) -> None:
    story.step("Two roles, each with exactly its generated policy")
    world.create_person()
    world.create_buckets()
    bound = world.create_boundary()
    story.say(f"boundary of every role the operator makes, which it cannot change: {describe(bound)}")
    for name in ("operator", "app"):
        world.create_role(name)
        story.say(f"{name}: {describe(world.grant(name))}")
    story.say(f"bedrock-gateway policy --principal app: {json.dumps(world.policy('app'))}", style="dim")
    held = world.client(world.admin, "iam").get_role_policy(RoleName="app", PolicyName="generated")["PolicyDocument"]
    story.require(
        all("bedrock:*" not in str(one["Action"]) for one in held["Statement"]),
        "no wildcard action in the application's policy",
    )


def set_up_logging(story: Story, world: accounts.World) -> None:
    story.step("Invocation logging, set up by the operator")
    operator = world.become("operator")
    world.set_up_logging(operator)
    found = world.client(operator, "bedrock").get_model_invocation_logging_configuration().get("loggingConfig")
    story.require(found, "invocation logging is on")
    story.say(f"log group {found['cloudWatchConfig']['logGroupName']}, bucket {found['s3Config']['bucketName']}")
    story.require(
        found["textDataDeliveryEnabled"],
        "AWS's own validation accepted role, trust policy, log group and bucket policy",
    )


def preflight(story: Story, world: accounts.World, name: str) -> Any:
    with world.gateway(name, observers=[]) as gateway:
        report = gateway.preflight()
    for result in report.results:
        if result.status in {"fail", "warn", "unknown"}:
            story.say(f"{result.status:8} {result.id}  {result.summary}")
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    story.say(f"{report.level} preflight as {name}: {counts}")
    return report


def stream_an_answer(story: Story, world: accounts.World) -> Any:
    story.step("A streamed answer, as the application")
    events: list[Any] = []
    with (
        world.gateway("app", observers=[events.append]) as gateway,
        gateway.converse_stream(PROMPT, max_tokens=200) as stream,
    ):
        story.console.print("   ", end="")
        for text in stream.text_stream:
            story.console.print(text, end="", style="italic", markup=False, highlight=False)
        result = stream.result()
        story.console.print()
    ended = [event for event in events if event.name == "gateway.call_ended"]
    story.require(
        result.stop_reason == "end_turn" and result.usage.output_tokens,
        f"complete: {result.usage.output_tokens} output tokens",
    )
    story.require(len(ended) == 1 and ended[0].outcome == "ok", "one event for the call")
    return ended[0]


def make_knowledge_base(story: Story, world: accounts.World, documents: Path) -> None:
    story.step(f"A knowledge base from {documents.name}/, made by the operator")
    operator = world.become("operator")
    keys = world.upload(operator, documents)
    story.require(keys, f"{len(keys)} documents uploaded")
    with world.gateway("operator", observers=[]) as gateway:
        source = world.create_knowledge_base(gateway, operator)
    story.say(f"knowledge base {world.knowledge_base_id}, data source {source}; its id now stands in gateway.toml")
    with world.gateway("operator", observers=[]) as gateway:
        job = gateway.start_ingestion("handbook", data_source_id=source)
        job = watch(story, gateway, job, len(keys))
    story.require(
        job.status == "COMPLETE" and not job.documents_failed,
        f"{job.documents_indexed} of {job.documents_scanned} documents indexed, as the knowledge-base role",
    )
    story.say(f"the application's policy follows: {describe(world.grant('app'))}")


def watch(story: Story, gateway: Any, job: Any, total: int) -> Any:
    columns = (TextColumn("   ingesting"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=story.console) as progress:
        bar = progress.add_task("", total=total)
        return gateway.wait_for_ingestion(
            job, on_progress=lambda now: progress.update(bar, completed=now.documents_indexed)
        )


def ask(story: Story, world: accounts.World, question: str) -> None:
    story.step("The application asks it")
    story.say(f"Q: {question}")
    with world.gateway("app", observers=[]) as gateway:
        answer = gateway.retrieve_and_generate(question, knowledge_base="handbook")
    story.say(f"A: {answer.text}", style="italic")
    for citation in answer.citations:
        for source in citation.sources:
            story.say(f"   {citation.span} {source.uri}")
    cited = [citation for citation in answer.citations if citation.sources]
    story.require(cited, f"cited: {len(cited)} of {len(answer.citations)} parts of the answer")
    story.require(
        all(answer.text[slice(*one.span)] == one.text for one in cited if one.span),
        "each citation's span is the text it quotes",
    )


def refuse(story: Story, world: accounts.World) -> None:
    story.step("What is not declared is refused, by the client and by IAM")
    app = world.become("app")
    with world.gateway("app", observers=[]) as gateway:
        try:
            gateway.converse("Hello", model=UNDECLARED)
        except GovernanceError as error:
            story.say(f"client: {error}")
        else:
            raise StepFailedError("the client sent an undeclared model")
    message = [{"role": "user", "content": [{"text": "Hello"}]}]
    bare = world.client(app, "bedrock-runtime")
    story.say("bare boto3: " + refused("AccessDeniedException", bare.converse, modelId=UNDECLARED, messages=message))
    control = world.client(app, "bedrock")
    story.say("bare boto3: " + refused("AccessDeniedException", control.delete_model_invocation_logging_configuration))
    story.require(True, "the application can neither reach another model nor switch its own audit off")


def join_logs(story: Story, world: accounts.World, ended: Any) -> None:
    story.step("Our log line and AWS's delivered record, joined by request id")
    line = {"event": ended.name} | {key: value for key, value in asdict(ended).items() if value is not None}
    story.say(json.dumps(line, default=str))
    logs = world.client(world.admin, "logs")
    found = logs.filter_log_events(
        logGroupName="/bedrock/invocations", logStreamNames=["aws/bedrock/modelinvocations"]
    )["events"]
    records = [json.loads(one["message"]) for one in found if one["message"].startswith("{")]
    (record,) = [one for one in records if one["requestId"] == ended.request_id]
    shown = ("schemaType", "requestId", "operation", "modelId", "identity")
    story.say(json.dumps({key: record[key] for key in shown}))
    story.require(PROMPT in json.dumps(record["input"]), "the delivered record holds the prompt")
    story.require(PROMPT not in json.dumps(line, default=str), "our line does not")


def break_and_mend(story: Story, world: accounts.World) -> None:
    story.step("Somebody breaks the logging role's trust policy; preflight says so, with the fix")
    name = world.config.logging.role
    iam = world.client(world.admin, "iam")
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    wrong = json.dumps(trust).replace(f":{accounts.REGION}:", ":us-west-2:")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=wrong)
    report = preflight(story, world, "operator")
    failed = {result.id: result for result in report.failed}
    story.require("LOG-07" in failed and report.exit_code() == 1, "preflight fails at LOG-07")
    fix = failed["LOG-07"].fix
    story.say(f"fix: {fix.command}")
    operator = world.client(world.become("operator"), "iam")
    operator.update_assume_role_policy(RoleName=name, PolicyDocument=fix.document)
    report = preflight(story, world, "operator")
    story.require(
        not report.failed and report.exit_code() == 0, "the fix applied by the operator, preflight passes again"
    )


def default_question(documents: Path) -> str:
    """Of somebody else's folder: ask about the first full sentence in it, else about the longest piece of text."""
    if documents == ROOT / "docs":
        return QUESTION
    texts = [path.read_text(errors="replace") for path in accounts.documents_below(documents)]
    quotable = [one.text for text in texts for one in sentences(text)] or [
        line for text in texts for line in text.splitlines()
    ]
    full = (one for one in quotable if one.endswith(".") and len(one.split()) >= 8)
    words = re.findall(r"[\w'-]+", next(full, max(quotable, key=len, default="")))
    return f"What does it say about {' '.join(words[:12])}?"


def tell(story: Story, documents: Path, question: str) -> None:
    story.step("A local Bedrock, embedded")
    with LocalBedrock() as local, local.serve() as server, tempfile.TemporaryDirectory() as folder:
        world = accounts.World(local, server.endpoint, Path(folder))
        story.require(local.iam == "enforce", f"{server.endpoint}, IAM enforced, no AWS account, no network")
        world.write_config()
        set_up_principals(story, world)
        set_up_logging(story, world)
        story.step("Preflight, as the operator and as the application")
        for name in ("operator", "app"):
            story.require(preflight(story, world, name).exit_code() == 0, f"{name}: nothing found")
        ended = stream_an_answer(story, world)
        make_knowledge_base(story, world, documents)
        ask(story, world, question)
        refuse(story, world)
        join_logs(story, world, ended)
        break_and_mend(story, world)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="bedrock-gateway's main job, end to end, on a local Bedrock."
    )
    parser.add_argument(
        "--docs", metavar="FOLDER", help="text and Markdown files to answer from (default: this project's docs)"
    )
    parser.add_argument("--question", metavar="TEXT", help="what to ask them")
    parser.add_argument("--svg", metavar="FILE", help="also save what was shown as a picture")
    parsed = parser.parse_args(argv)
    started_in = Path(os.environ.get("DEMO_STARTED_IN", Path.cwd()))
    parsed.docs = (started_in / parsed.docs).resolve() if parsed.docs else ROOT / "docs"
    if not parsed.docs.is_dir():
        parser.error(f"no such folder: {parsed.docs}")
    if not accounts.documents_below(parsed.docs):
        parser.error(f"no document in {parsed.docs} (looked for {', '.join(accounts.DOCUMENTS)})")
    return parsed


def main(argv: list[str] | None = None) -> int:
    parsed = arguments(argv)
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCKGW_"))]:
        del os.environ[name]  # nothing of a real account takes part
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    story = Story(Console(record=bool(parsed.svg), width=None if sys.stdout.isatty() else 140))
    started = time.monotonic()
    try:
        tell(story, parsed.docs, parsed.question or default_question(parsed.docs))
    except (StepFailedError, GatewayError, ClientError) as error:
        story.console.print(
            f"\n[bold red]FAILED at step {story.number}[/]: {type(error).__name__}: {error}", highlight=False
        )
        return 1
    story.console.print(
        f"\n[bold green]All {story.number} steps did what they say[/], in {time.monotonic() - started:.1f} s.",
        highlight=False,
    )
    if parsed.svg:
        story.console.save_svg(parsed.svg, title="scripts/demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
