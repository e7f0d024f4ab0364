"""Write docs/capabilities.md from the table: operations, IAM actions, options, confidence, sources, resend class."""

from __future__ import annotations

import sys
from pathlib import Path

from _derived import settle

from bedrock_gateway.capabilities import CAPABILITIES, Capability, Leg
from bedrock_gateway.capabilities.table import CONDITIONS

TARGET = Path(__file__).resolve().parents[2] / "docs" / "capabilities.md"

HEAD = """\
# Capabilities

Generated from `bedrock_gateway/capabilities/` by `scripts/regen`. A capability is what a team asks for; the client, the policy
generator and the preflight read the same rows. `policies/` of the repository holds the JSON of each.

- *Kind*: `runtime` is what an application does, `administration` what sets things up; the two never share a principal. `read`
  goes with either.
- *Resend* says what happens after an outcome that is not known: `free` is sent again, `token` is deduplicated by AWS, `billed` is
  not sent again.
- *Confidence* of a leg: H, AWS states it; M, one source, or an argued choice; L and ?, assumed: emitted, listed on standard error
  and in `--report`, and left out by `--strict` where the call can do without.
- *With*: the leg is granted only where that option is given ([policies](policies.md#options-that-change-what-is-granted)).
"""

REASONS_HEAD = """
## Why, and where it is from

Legs that do not follow from the name of the operation.

| action | on | confidence | why | source |
| --- | --- | --- | --- | --- |"""

RESOURCES = {"*": "everything", "any-foundation-model": "foundation-model, any", "any-profile": "profile, any"}


def leg(one: Leg) -> str:
    remarks = [one.confidence]
    if one.condition:
        remarks.append(one.condition)
    if one.only_with:
        remarks.append(f"with {one.only_with.replace('_', ' ')}")
    if one.one_of:
        remarks.append("one of these")
    return f"`{one.action}` on {RESOURCES.get(one.resource, one.resource)} ({', '.join(remarks)})"


def reasons() -> str:
    """What is not plain from AWS's own reference: each leg once, with its source."""
    legs = [one for row in CAPABILITIES.values() for operation in row.operations for one in operation.legs if one.why]
    lines = [
        f"| `{one.action}` | {RESOURCES.get(one.resource, one.resource)} | {one.confidence} | {one.why} | {one.source} |"
        for one in legs
    ]
    return "\n".join((REASONS_HEAD, *dict.fromkeys(lines))) + "\n"


def conditions() -> str:
    rows = [f"| {name} | {what} |" for name, what in CONDITIONS.items()]
    head = "What has no ARN is besides bound to the Region by `aws:RequestedRegion`."
    return "\n".join(("\n## Conditions\n", f"{head}\n", "| name | when |", "| --- | --- |", *rows)) + "\n"


def section(row: Capability) -> str:
    lines = [f"\n## {row.name}\n", f"{row.summary} Kind: {row.kind}.\n"]
    if row.inseparable:
        lines.append(f"{row.inseparable}\n")
    lines += ["| operation | IAM actions | resend |", "| --- | --- | --- |"]
    for one in row.operations:
        legs = "<br>".join(map(leg, one.legs)) or "none"
        lines.append(f"| {one.service}: `{one.name}` | {legs} | {one.resend} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(settle(TARGET, HEAD + "".join(map(section, CAPABILITIES.values())) + conditions() + reasons()))
