"""Write docs/capabilities.md from the table: operations, IAM actions, confidence, resend class."""

from __future__ import annotations

import sys
from pathlib import Path

from bedrock_gateway.capabilities import CAPABILITIES, Capability, Leg

TARGET = Path(__file__).resolve().parents[2] / "docs" / "capabilities.md"

HEAD = """\
# Capabilities

Generated from `bedrock_gateway/capabilities/` by `scripts/regen`. A capability is what a team asks for; the client, the policy
generator and the preflight read the same rows. *Resend* says what happens after an outcome that is not known: `free` is sent
again, `token` is deduplicated by AWS, `billed` is not sent again. *Confidence* of each leg: H, AWS states it; M, one source, or an
argued choice; L and ?, assumed, and left out by `--strict`.
"""


def leg(one: Leg) -> str:
    only = f", with a {one.only_with}" if one.only_with else ""
    return f"`{one.action}` on {one.resource.replace('*', 'everything')} ({one.confidence}{only})"


def section(row: Capability) -> str:
    lines = [f"\n## {row.name}\n", f"{row.summary} Kind: {row.kind}.\n"]
    if row.inseparable:
        lines.append(f"{row.inseparable}\n")
    lines += ["| operation | IAM actions | resend |", "| --- | --- | --- |"]
    for one in row.operations:
        legs = "<br>".join(map(leg, one.legs)) or "none"
        lines.append(f"| {one.service}: `{one.name}` | {legs} | {one.resend} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    text = HEAD + "".join(map(section, CAPABILITIES.values()))
    if "--check" in argv:
        if not TARGET.exists() or TARGET.read_text() != text:
            print(f"out of date: {TARGET.name}", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
