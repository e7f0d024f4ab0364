"""Which results of a preflight the processes of a host may share, and under which key: pure, but for `Passes`.

Only passes are shared, and never what each process must see for itself: who it is (GetCallerIdentity) and whether logging is
on (LOG-01, LOG-02). Both answers are part of the key, so that a pass never speaks of another role, or of a destination that
somebody has changed since.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import GatewayError
from bedrock_gateway.preflight.catalogue import rows
from bedrock_gateway.preflight.catalogue.reads import LOGGING, STS
from bedrock_gateway.preflight.flow import Finding, Look
from bedrock_gateway.preflight.opening import FIRST

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.preflight.catalogue import Level, Row
    from bedrock_gateway.preflight.flow import Asking, Check, Probe
    from bedrock_gateway.preflight.passes import Passes
    from bedrock_gateway.preflight.report import CheckResult

__all__ = ["Sharing", "may_be_shared"]

_OWN = frozenset({*STS, *LOGGING})


def may_be_shared(row: Row) -> bool:
    """Whether another process's pass of it may stand for one's own: it asks AWS more than every process itself does."""
    return bool(set(row.operations) - _OWN)


class Sharing:
    """What one preflight takes from the other processes of its host, and gives to them."""

    def __init__(self, passes: Passes, level: Level, until: float, *, takes: bool = True) -> None:
        """*until* (`time.monotonic`): how long to wait for another process's run. *takes* False: only give."""
        self._passes, self._until, self._takes = passes, until, takes
        self._known = frozenset(row.id for row in rows(level) if may_be_shared(row))
        self._taken: dict[str, float] = {}
        self._key: str | None = None
        self.ignored: list[str] = []
        """Why what was found, or the place for it, is not used."""

    def around(self, checks: Mapping[str, Check]) -> Mapping[str, Check]:
        """Return *checks*, of which those that may be shared first look whether another process has passed them."""
        return {name: self._shared(name, one) if name in self._known else one for name, one in checks.items()}

    def take(self, key: str) -> Mapping[str, Any]:
        """Read what the others have found; blocks. Of the looks of a preflight, the one named ``passes``."""
        return self._passes.take(key, self._known, self._until)

    def give(self, results: tuple[CheckResult, ...]) -> None:
        """Tell the others what passed here, and let them go on; blocks."""
        if self._key is None:
            return self.close()
        passed = {one.id for one in results if one.status == "pass"} & self._known
        ages = {name: self._taken.get(name, 0.0) for name in passed}
        gone = {one.id for one in results if one.status not in {"pass", "unknown"}}
        reason = self._passes.give(self._key, self._known, ages, gone)
        if reason is not None and reason not in self.ignored:
            self.ignored.append(reason)
        return None

    def close(self) -> None:
        """Let the others go on; never blocks."""
        self._passes.release()

    def _shared(self, name: str, check: Check) -> Check:
        def looked_up(probe: Probe) -> Generator[Asking, Any, Finding]:
            age = yield from self._age(name, probe)
            if age is None:
                return (yield from check(probe))
            self._taken[name] = age
            return Finding("pass", f"passed {age:.0f} s ago, in a process of this host that shares its passes")

        return looked_up

    def _age(self, name: str, probe: Probe) -> Generator[Asking, Any, float | None]:
        """How old a pass of *name* is; None: there is none. All checks share the questions and the look."""
        apart = replace(probe, calls=[])  # what the key needs is not what the check has read
        try:
            who, logging = yield from apart.read_each(FIRST)
        except GatewayError:
            return None
        self._key = _key(probe, who, logging)
        if not self._takes:
            return None
        [found] = yield (Look("passes", self._key),)
        if found["ignored"] and found["ignored"] not in self.ignored:
            self.ignored.append(found["ignored"])
        age: float | None = found["passes"].get(name)
        return age


def _key(probe: Probe, who: Mapping[str, Any], logging: Mapping[str, Any]) -> str:
    """The question to which passes are an answer, as a hash: nothing of it can be read from the file."""
    arn = str(who["Arn"])
    account, resource = arn.split(":")[4], arn.split(":", 5)[5]
    if resource.startswith("assumed-role/"):  # the session is each process's own
        resource = "/".join(resource.split("/")[:-1])
    parts = [
        version("bedrock-gateway"),
        probe.facts.botocore,
        sorted(probe.facts.endpoint_overrides.items()),  # what answers elsewhere, says nothing of AWS
        configuration_hash(probe.config),
        probe.name,
        probe.level,
        account,
        probe.config.region,
        arn.split(":")[1],
        resource,
        str(who.get("UserId", "")).partition(":")[0],  # a role that was made again has another one
        logging.get("loggingConfig") or {},
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def configuration_hash(config: GatewayConfig) -> str:
    """Return the hash of everything that *config* declares."""
    declared = json.dumps(config.model_dump(mode="json"), sort_keys=True, default=str)
    return hashlib.sha256(declared.encode()).hexdigest()
