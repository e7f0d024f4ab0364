"""A process that makes the golden account once, and then, for each line it is given, looks at a copy of it with one fault.

Each line is a JSON object (`Case`), each answer one line, too. A copy is a fork: nothing of a fault is left for the next
one, and no account is made twice. It is a process of its own because a test process has threads, and must not fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .local_account import Golden

__all__ = ["Case", "Looker", "Seen"]


@dataclass(frozen=True)
class Case:
    """What to look at."""

    fault: str = ""
    """Name in `bedrock_gateway.local.faults`; empty: none."""
    details: dict[str, str] = field(default_factory=dict)
    principal: str = "auditor"
    who: str = ""
    """``root``, or a user, in place of a session of the principal's role."""
    without: str = ""
    """An IAM action that is taken out of what the principal is granted."""
    session_seconds: int = 3600
    deadline_seconds: float = 60.0


@dataclass(frozen=True)
class Seen:
    """What the preflight said."""

    statuses: dict[str, str] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    """Check → the action that it says is to be granted."""
    calls: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    """What went wrong in place of a preflight."""


def _less(policy: dict[str, Any], action: str) -> dict[str, Any]:
    """Return *policy* without *action*."""
    kept = []
    for one in policy["Statement"]:
        listed = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        left = [name for name in listed if name != action]
        kept += [{**one, "Action": left}] if left else []
    return {**policy, "Statement": kept}


def look(golden: Golden, case: Case) -> Seen:
    """Make the fault, and run the preflight over HTTP."""
    with golden.local.serve() as server:
        session = golden.session(case.principal, server.endpoint, who=case.who, seconds=case.session_seconds)
        if case.without:
            golden.grant(case.principal, _less(golden.policy(case.principal), case.without))
        if case.fault:
            golden.local.fault(case.fault, **case.details)
        begun = time.monotonic()
        report = golden.preflight(case.principal, server.endpoint, session, seconds=case.deadline_seconds)
        seconds = time.monotonic() - begun
    return Seen(
        {one.id: one.status for one in report.results},
        {one.id: one.summary for one in report.results},
        {one.id: one.fix.iam_action for one in report.results if one.fix and one.fix.iam_action},
        {one.id: list(one.calls) for one in report.results},
        seconds,
    )


def _answer(golden: Golden, line: str, out: Any) -> None:
    try:
        seen = look(golden, Case(**json.loads(line)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is to show it
        import traceback

        seen = Seen(error=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    print(json.dumps(asdict(seen)), file=out, flush=True)


class Looker:
    """The process, from outside."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "local_runner.log").open("w+")
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.preflight.local_runner"],
            cwd=Path(__file__).resolve().parents[2],
            # Nothing of this machine's AWS configuration, and nobody else's cache.
            env={**kept, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._seen: dict[str, Seen] = {}
        assert self._line() == "ready", self.log()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def log(self) -> str:
        """What the process wrote besides."""
        self._log.seek(0)
        return self._log.read()[-4000:]

    def look(self, case: Case) -> Seen:
        """Return what the preflight says in the golden account with one fault; the same case is looked at once."""
        line = json.dumps(asdict(case))
        if line not in self._seen:
            assert self._process.stdin is not None
            print(line, file=self._process.stdin, flush=True)
            answer = self._line()
            assert answer, self.log()
            self._seen[line] = Seen(**json.loads(answer))
        found = self._seen[line]
        assert not found.error, found.error
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()


def main() -> None:
    """Serve the lines of standard input."""
    from .local_account import made

    golden = made()
    with golden.local.serve() as server:  # whatever is read and imported on the way need not be so in each fork
        golden.preflight("auditor", server.endpoint, golden.session("auditor", server.endpoint))
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _answer(golden, line, sys.stdout)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
