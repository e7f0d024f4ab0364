"""`LocalBedrock`: one local AWS account, on a port or inside this process."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local import fault_control
from bedrock_gateway.local.app import App
from bedrock_gateway.local.call import State
from bedrock_gateway.local.enforcement import MODES, Decided, Gate
from bedrock_gateway.local.inprocess import attach
from bedrock_gateway.local.knowledge.embedders import Embedding, embedder_named
from bedrock_gateway.local.models.model import Pacing
from bedrock_gateway.local.moto_bridge import LOCK
from bedrock_gateway.local.principals import Directory
from bedrock_gateway.local.server import serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Self

    import boto3

    from bedrock_gateway.local.server import LocalServer

__all__ = ["ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "LocalBedrock"]

ROOT_ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
"""AWS's documentation example: known to everybody, so good for nothing but this machine."""
ROOT_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

_ACCOUNT = re.compile(r"[0-9]{12}")


class LocalBedrock:
    """One local AWS account with Bedrock and, through moto, the services around it.

    moto keeps its state in the process: two of these in one process share users, roles, buckets and logs where they
    name the same account. What Bedrock itself keeps (knowledge bases, logging, sessions) is each one's own.
    """

    def __init__(
        self,
        *,
        account: str = "123456789012",
        iam: str = "enforce",
        root_access_key: str = ROOT_ACCESS_KEY,
        root_secret_key: str = ROOT_SECRET_KEY,
        region: str | None = None,
        pace_seconds: float = 0.005,
        embedder: str = "hashing",
    ) -> None:
        """Make one; nothing listens yet, and nothing of moto is loaded.

        Args:
            account: Its id, 12 digits.
            iam: ``enforce``, ``report`` (everything is served, what IAM says is only recorded) or ``off``.
            root_access_key: Access key id of the root user, who is subject to no policy.
            root_secret_key: Its secret.
            region: What `session` uses where it is given none, and what a request is for that names none: one with a
                long-term API key on a local endpoint. None: us-east-1 for the latter.
            pace_seconds: Pause before each token of a stream.
            embedder: What makes vectors, whichever embedding model is named: ``hashing``, the bundled one, or
                ``wordllama``, which knows words of one meaning and needs the extra ``local-semantic``.

        Raises:
            ValueError: one of them is none of those.
            MissingExtraError: the embedder is not installed.
        """
        if iam not in MODES:
            raise ValueError(f"iam is one of {', '.join(MODES)}, not {iam!r}")
        if not _ACCOUNT.fullmatch(account):
            raise ValueError(f"account is 12 digits, not {account!r}")
        self.account = account
        self.iam = iam
        self.region = region
        self.root_credentials = (root_access_key, root_secret_key)
        """Access key id and secret of the root user."""
        self.pace_seconds = pace_seconds
        self.embedder = embedder
        self._embedder = embedder_named(embedder)
        self._gate = Gate(iam, Directory(account, "aws", root_access_key, root_secret_key), self._fresh_state())
        self.app = App(self._gate, default_region=region or "us-east-1")
        self.app.besides[fault_control.PATH] = partial(fault_control.answer, self)

    def __repr__(self) -> str:
        return f"LocalBedrock(account={self.account!r}, iam={self.iam!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fresh_state(self) -> State:
        state = State()
        state.of(Pacing).seconds = self.pace_seconds
        state.of(Embedding).embedder = self._embedder
        return state

    @property
    def state(self) -> State:
        """What Bedrock keeps; a test can order faults through it."""
        return self._gate.state

    @property
    def decisions(self) -> tuple[Decided, ...]:
        """The newest decisions, oldest first."""
        return tuple(self._gate.decisions)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[LocalServer]:
        """Serve on a port while the context lasts; port 0 takes a free one. What is yielded has ``.endpoint``.

        Raises:
            OSError: the port is in use.
        """
        return serving(self.app, host, port)

    def attach(self, target: Any) -> None:
        """Answer every request of *target* in this process, signed and checked as on a port.

        *target* is a session or a client of boto3, botocore, aioboto3 or aiobotocore.
        """
        attach(self.app, target)

    def session(self, *, region: str | None = None, credentials: Mapping[str, str] | None = None) -> boto3.Session:
        """Return a boto3 session that is answered in this process.

        Args:
            region: Its Region; None: the one given to this object.
            credentials: ``AccessKeyId``, ``SecretAccessKey`` and perhaps ``SessionToken``, as AssumeRole and
                CreateAccessKey return them; None: the root user's.
        """
        import boto3

        key, secret = self.root_credentials
        given = credentials or {"AccessKeyId": key, "SecretAccessKey": secret}
        session = boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            region_name=region or self.region,
        )
        self.attach(session)
        return session

    def fault(self, name: str, *, region: str | None = None, **details: str) -> None:
        """Make one thing wrong with the account, by name; `bedrock_gateway.local.faults.FAULTS` has all names.

        Args:
            name: The fault, as docs/preflight-faults.md names it: ``no bucket policy``.
            region: Where; None: the Region given to this object, else us-east-1.
            details: What it is to be about where the account has several of it, or where it cannot be found out:
                ``bucket``, ``role``, ``user``, ``knowledge_base``, ``guardrail``, ``model``, ``profile``, ``service`` …

        Raises:
            ValueError: there is no such fault, or a detail is missing.
            botocore.exceptions.ClientError: what it would break is not there.
        """
        from bedrock_gateway.local.faults import make_fault

        make_fault(self, name, region or self.region or "us-east-1", details)

    def reset(self) -> None:
        """Forget everything: Bedrock's state of this object, its decisions, and *all* of moto's state in the process."""
        from moto.moto_api._internal.models import moto_api_backend

        with LOCK:
            moto_api_backend.reset()
            self._gate.directory.forget()
        self._gate.decisions.clear()
        self._gate.state = self._fresh_state()

    def close(self) -> None:
        """Release what Bedrock kept; moto's state stays in the process. Attached sessions keep being answered."""
        self._gate.decisions.clear()
