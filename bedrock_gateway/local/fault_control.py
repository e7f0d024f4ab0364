"""The faults over HTTP, for who drives a local Bedrock in another process.

``POST /_bedrock-gateway/faults`` with ``{"name": …, "region": …, "details": {…}}`` makes one; ``GET`` lists all names, with
whether each is made by calls. Who asks has to be root: key and secret go as HTTP's Basic credentials.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.wire.message import Request, Response, one_chunk

if TYPE_CHECKING:
    from bedrock_gateway.local.instance import LocalBedrock

__all__ = ["PATH", "answer"]

PATH = "/_bedrock-gateway/faults"


def answer(local: LocalBedrock, request: Request) -> Response:
    """Make or list faults."""
    if not _is_root(local, request):
        return _json(401, {"error": "Give the root user's access key id and secret as Basic credentials."})
    from botocore.exceptions import ClientError

    from bedrock_gateway.local.faults import FAULTS

    if request.method == "GET":
        return _json(200, {name: "calls" if fault.by_calls else "switch" for name, fault in FAULTS.items()})
    if request.method != "POST":
        return _json(405, {"error": "GET lists the faults, POST makes one."})
    try:
        asked = json.loads(request.body)
        details = {str(name): str(value) for name, value in dict(asked.get("details") or {}).items()}
        local.fault(str(asked["name"]), region=asked.get("region"), **details)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _json(400, {"error": f"no fault was made: {error}"})
    except ClientError as error:
        return _json(409, {"error": f"what it would break is not there: {error}"})
    return _json(200, {"made": asked["name"]})


def _is_root(local: LocalBedrock, request: Request) -> bool:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(text, validate=True) if kind.lower() == "basic" else b""
    except binascii.Error:
        return False
    return hmac.compare_digest(given, ":".join(local.root_credentials).encode())


def _json(status: int, content: dict[str, Any]) -> Response:
    body = json.dumps(content).encode()
    return Response(status, {"content-type": "application/json", "content-length": str(len(body))}, one_chunk(body))
