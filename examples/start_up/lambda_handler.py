"""A Lambda function that does not start where invocation logging is off, and looks again as what it found ages.

gateway.toml lies beside this file, with ``[preflight] mode = "enforce"``.
"""

from pathlib import Path

from bedrock_gateway import Gateway

gateway = Gateway.from_file(Path(__file__).with_name("gateway.toml"), principal="app")
# The init phase has ten seconds, and counts for nobody's request; what it raises, Lambda reports, and tries again.
gateway.preflight(deadline_seconds=8).raise_for_status()


def handler(event, _context):
    """Answer a question; the call that finds the last pass too old looks first, within `deadline_seconds`."""
    reply = gateway.converse(event["question"], max_tokens=300)
    return {"answer": reply.text, "request_id": reply.request_id}
