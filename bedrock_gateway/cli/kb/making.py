"""`kb create`, `resume`, `delete`, `status`, `ingest`: what changes or looks at a knowledge base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import add_common, config_path, gateway_of, state_folder
from bedrock_gateway.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import IngestionJob
    from bedrock_gateway.setup.knowledge import Created, Status

__all__ = ["add_forms"]


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the forms."""
    for name, (about, run, options) in _FORMS.items():
        parser = forms.add_parser(name, help=about)
        add_common(parser)
        for option in options:
            parser.add_argument(option, **_OPTIONS[option])
        parser.set_defaults(run=run)


def _create(args: argparse.Namespace) -> int:
    return _made(args, "create")


def _resume(args: argparse.Namespace) -> int:
    return _made(args, "resume")


def _made(args: argparse.Namespace, how: str) -> int:
    """Create or go on; print what AWS assigned, or write it into gateway.toml; 0."""
    from bedrock_gateway.setup import knowledge

    make: Callable[..., Created] = getattr(knowledge, how)
    with gateway_of(args) as gateway:
        _upload(args, gateway)
        created = make(
            gateway, args.name, folder=state_folder(args), create_role=args.create_role, ingest=not args.no_ingest
        )
        config = gateway.config
    for one in created.unseen:
        note(f"note: {one}")
    _report_failures(created.jobs)
    if args.output == "json":
        emit_json(_created_as_json(created))
    if args.write:
        _write(args, config, created)
    elif args.output == "text":
        emit(_assigned(config, created))
    return 0


def _assigned(config: GatewayConfig, created: Created) -> str:
    from bedrock_gateway.setup.assigned import lines

    return lines(config.environment or "NAME", created.knowledge_base, created.id)


def _write(args: argparse.Namespace, config: GatewayConfig, created: Created) -> None:
    from bedrock_gateway.setup.assigned import write

    path = config_path(args)
    changed = write(path, config.environment or "", created.knowledge_base, created.id)
    note(f"{'wrote' if changed else 'already in'} {path}: {created.knowledge_base} has id {created.id}")


def _created_as_json(created: Created) -> dict[str, Any]:
    return {
        "knowledge_base": created.knowledge_base,
        "id": created.id,
        "role_arn": created.role_arn,
        "data_sources": created.data_sources,
        "jobs": [_job(one) for one in created.jobs],
    }


def _job(job: IngestionJob) -> dict[str, Any]:
    from bedrock_gateway.setup.knowledge import failed_documents

    return {
        "id": job.id,
        "data_source_id": job.data_source_id,
        "status": job.status,
        "documents_scanned": job.documents_scanned,
        "documents_indexed": job.documents_indexed,
        "documents_deleted": job.documents_deleted,
        "documents_failed": job.documents_failed,
        "failed": [{"uri": one.uri, "reason": one.reason} for one in failed_documents(job)],
    }


def _report_failures(jobs: tuple[IngestionJob, ...]) -> None:
    from bedrock_gateway.setup.knowledge import failed_documents

    for job in jobs:
        named = failed_documents(job)
        for one in named:
            note(f"failed: {one.uri}: {one.reason}")
        if job.documents_failed > len(named):
            note(f"failed: {job.documents_failed - len(named)} more documents, which AWS does not name")


def _delete(args: argparse.Namespace) -> int:
    """Remove; print what is kept; 0."""
    from bedrock_gateway.setup import knowledge

    with gateway_of(args) as gateway:
        removed = knowledge.delete(gateway, args.name, folder=state_folder(args))
        known = gateway.config.knowledge_base(args.name).id
    if args.output == "json":
        emit_json({"knowledge_base": removed.knowledge_base, "kept": list(removed.kept)})
    else:
        emit("\n".join((f"deleted {removed.knowledge_base}", *(f"kept {one}" for one in removed.kept))))
    if known:
        note(f"note: {config_path(args)} still has id {known}: take the line out")
    return 0


def _status(args: argparse.Namespace) -> int:
    """Print how it is; 1 where it is not whole."""
    from bedrock_gateway.setup import knowledge

    with gateway_of(args) as gateway:
        found = knowledge.status(gateway, args.name, folder=state_folder(args))
    if args.output == "json":
        emit_json(_status_as_json(found))
    else:
        emit("\n".join(_status_lines(found)))
    whole = found.status == "ACTIVE" and not found.begun and all(one.job != "FAILED" for one in found.sources)
    return 0 if whole else 1


def _status_as_json(found: Status) -> dict[str, Any]:
    return {
        "knowledge_base": found.knowledge_base,
        "id": found.id,
        "status": found.status,
        "begun": found.begun,
        "existing": list(found.existing),
        "failure_reasons": list(found.failure_reasons),
        "data_sources": [
            {"name": one.name, "id": one.id, "status": one.status, "job": one.job, "statistics": dict(one.statistics)}
            for one in found.sources
        ],
    }


def _status_lines(found: Status) -> list[str]:
    lines = [f"{found.knowledge_base} {found.id or '(no id yet)'}: {found.status}"]
    lines += [f"  reason: {one}" for one in found.failure_reasons]
    for one in found.sources:
        counts = ", ".join(f"{value} {_words(key)}" for key, value in one.statistics.items() if value)
        lines.append(f"  {one.name} {one.id}: {one.status}, last ingestion {one.job or 'none'} {counts}".rstrip())
    if found.begun:
        lines.append("  begun and not complete: `bedrock-gateway kb resume` goes on; what exists:")
        lines += [f"    {one}" for one in found.existing]
    return lines


def _words(key: str) -> str:
    name = key.removeprefix("numberOf")
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()


def _upload(args: argparse.Namespace, gateway: Any) -> None:
    """Upload the folder, if one is given; say what was left out."""
    from bedrock_gateway.setup import knowledge

    if args.folder is None:
        return
    uploaded = knowledge.upload(gateway, args.name, documents_folder=Path(args.folder), source=args.source_number)
    for name, why in uploaded.skipped:
        note(f"skipped: {name}: {why}")


def _ingest(args: argparse.Namespace) -> int:
    """Upload a folder if one is given, then read the data sources anew; 1 where documents failed."""
    from bedrock_gateway.setup import knowledge

    with gateway_of(args) as gateway:
        _upload(args, gateway)
        jobs = () if args.upload_only else knowledge.ingest(gateway, args.name, folder=state_folder(args))
    _report_failures(jobs)
    if args.output == "json":
        emit_json({"knowledge_base": args.name, "jobs": [_job(one) for one in jobs]})
    else:
        for job in jobs:
            emit(
                f"{job.id}: {job.documents_scanned} scanned, {job.documents_indexed} indexed, "
                f"{job.documents_deleted} deleted, {job.documents_failed} failed"
            )
    return 1 if any(job.documents_failed for job in jobs) else 0


_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--create-role": {"action": "store_true", "help": "make the service role too (capability kb-provision)"},
    "--write": {"action": "store_true", "help": "put the id that AWS assigned into the configuration"},
    "--no-ingest": {"action": "store_true", "help": "leave it empty"},
    "--folder": {"metavar": "PATH", "help": "upload the documents below PATH first (capability kb-documents)"},
    "--upload-only": {"action": "store_true", "help": "upload, and ingest nothing"},
    "--source-number": {"type": int, "default": 0, "metavar": "N", "help": "configured source to upload to, from 0"},
}
_MAKING = ("--create-role", "--write", "--no-ingest", "--folder", "--source-number")
_FORMS: Mapping[str, tuple[str, Callable[[argparse.Namespace], int], tuple[str, ...]]] = {
    "create": ("make everything of the plan, and fill it", _create, _MAKING),
    "resume": ("go on where a creation stopped", _resume, _MAKING),
    "status": ("show how it is", _status, ()),
    "ingest": ("read its data sources anew", _ingest, ("--folder", "--source-number", "--upload-only")),
    "delete": ("remove everything that was made for it; documents stay", _delete, ()),
}
