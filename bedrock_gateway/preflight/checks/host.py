"""ENV-08, ENV-09, KB-10: the host: what set-up keeps on it, and whether the process was forked after clients were built."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS", "KEEPS_STATE"]

Checking = Generator[Asking, Any, Finding]

KEEPS_STATE = frozenset({"kb-provision", "kb-create", "logging-admin"})
"""Capabilities whose set-up writes down what it does; who only calls models keeps nothing."""
_ENOUGH_BYTES = 100 << 20
_ELSEWHERE = frozenset({"nfs", "nfs4", "cifs", "smb3"})
_FLEETING = frozenset({"tmpfs", "ramfs"})


def _env_08(probe: Probe) -> Checking:
    yield from ()
    state = probe.facts.state
    if state is None or not KEEPS_STATE & set(probe.principal.capabilities):
        return Finding("not_applicable", "this principal keeps nothing on this host")
    if state.error:
        return Finding("unknown", f"the folder of manifests, {state.folder}, cannot be looked at: {state.error}")
    evidence = {"folder": state.folder, "free_MiB": str(state.free_bytes >> 20), "filesystem": state.filesystem or ""}
    wrong = {
        "cannot be written": not state.writable,
        f"has {state.free_bytes >> 20} MiB left, 100 are asked for": state.free_bytes < _ENOUGH_BYTES,
        "has no locks: two set-ups could run at the same time": not state.lockable,
    }
    if said := [what for what, so in wrong.items() if so]:
        return Finding("fail", f"the folder of manifests, {state.folder}, {'; '.join(said)}", evidence)
    if state.filesystem in _ELSEWHERE:
        return Finding("warn", f"{state.folder} is on {state.filesystem}: its locks depend on a server", evidence)
    if state.filesystem in _FLEETING:
        return Finding("warn", f"{state.folder} is on {state.filesystem}: a restart forgets what set-up made", evidence)
    return Finding("pass", f"{state.folder} can be written and locked", evidence)


def _env_09(probe: Probe) -> Checking:
    yield from ()
    facts = probe.facts
    evidence = {"server": facts.server} if facts.server else {}
    if facts.forked:
        said = "this process was forked after the gateway had built clients; they were built a second time here"
        return Finding("warn", said, evidence)
    if facts.before_fork:
        return Finding(
            "warn", f"{facts.server} has not forked its workers yet: what is built now, each builds again", evidence
        )
    return Finding("pass", "the clients were built in the process that uses them", evidence)


def _kb_10(probe: Probe) -> Checking:
    yield from ()
    state, config = probe.facts.state, probe.config
    if state is None:
        return Finding("not_applicable", "the configuration is from no file: no manifest is kept beside it")
    if state.error:
        return Finding("unknown", f"{state.folder} cannot be looked at: {state.error}")
    here = [one for one in state.unfinished if (one.account, one.region) == (config.account, config.region)]
    if here:
        names = [one.knowledge_base for one in here]
        known = [f"bedrock-gateway kb resume {name}" for name in names if name in config.knowledge_bases]
        said = f"begun and not complete: {', '.join(names)}"
        return Finding("warn", said, {"folder": state.folder}, " && ".join(known) or None)
    if state.unreadable:
        said = f"a manifest in {state.folder} cannot be read: {', '.join(state.unreadable)}"
        return Finding("unknown", said, {"folder": state.folder})
    return Finding("pass", "no creation of a knowledge base is half finished here")


CHECKS: dict[str, Check] = {"ENV-08": _env_08, "ENV-09": _env_09, "KB-10": _kb_10}
