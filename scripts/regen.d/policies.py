"""Write policies/*.json: one file a capability and a service role, for one documented example scope."""

from __future__ import annotations

import sys
from pathlib import Path

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.generate import generate

TARGET = Path(__file__).resolve().parents[2] / "policies"
EXAMPLE = Scope(
    region="us-east-1",
    account="111122223333",
    models=("us.anthropic.claude-sonnet-4-5-20250929-v1:0",),
    knowledge_bases=("KB12345678",),
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb-handbook",),
    logging_bucket="example-bedrock-logs-111122223333-us-east-1",
    documents=(("example-handbook-111122223333-us-east-1", "handbook/"),),
    vector_indexes=(("example-vectors-111122223333-us-east-1", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
)


def documents() -> dict[str, str]:
    logging, kb = roles.logging_role(EXAMPLE), roles.kb_role(EXAMPLE)
    made = {name: generate([name], EXAMPLE).policy for name in CAPABILITIES}
    made |= {"logging-role": logging.permissions, "logging-role.trust": logging.trust}
    made |= {"kb-role": kb.permissions, "kb-role.trust": kb.trust, "logging-bucket": roles.logging_bucket(EXAMPLE)}
    made |= {"boundary": boundary(EXAMPLE)}
    return {f"{name}.json": policy.to_json(indent=2) + "\n" for name, policy in made.items()}


def main(argv: list[str]) -> int:
    wanted = documents()
    TARGET.mkdir(exist_ok=True)
    found = {path.name: path.read_text() for path in TARGET.glob("*.json")}
    if "--check" in argv:
        stale = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        for name in stale:
            print(f"out of date: policies/{name}", file=sys.stderr)
        return 1 if stale else 0
    for name in found.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, text in wanted.items():
        (TARGET / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
