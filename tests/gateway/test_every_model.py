"""Every model that makes text on Bedrock today answers a `TextRequest`, at once and streamed: against the local Bedrock."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from bedrock_gateway import Gateway, GatewayConfig, TextRequest
from bedrock_gateway.capabilities.models import on_demand_in, profiles_for
from bedrock_gateway.families import family_of

REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
ASK = TextRequest("How many days of leave?", max_tokens=40)


def callable_models() -> dict[str, list[str]]:
    """Region → the ids by which models are called there, each model once."""
    data = json.loads(files("bedrock_gateway.capabilities").joinpath("_models.json").read_text())["models"]
    found: dict[str, list[str]] = {}
    for model in filter(family_of, data):
        ids = [(region, model if on_demand_in(model, region) else None) for region in REGIONS]
        ids = [(region, one or next(iter(profiles_for(model, region)), None)) for region, one in ids]
        for region, one in [(region, one) for region, one in ids if one][:1]:
            found.setdefault(region, []).append(one)
    return found


def test_every_model_answers_at_once_and_streamed():
    pytest.importorskip("moto", reason="the local Bedrock is an extra")
    import boto3

    from bedrock_gateway.local import LocalBedrock

    key, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    asked = 0
    with LocalBedrock(iam="off", pace_seconds=0) as local:
        for region, models in callable_models().items():
            principals = {"app": {"capabilities": ["invoke", "invoke-stream"], "models": models}}
            config = GatewayConfig(
                application="models", account="123456789012", region=region, local=True, principals=principals
            )
            session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
            local.attach(session)
            with Gateway(config, session=session, observers=[]) as gateway:
                for model in models:
                    with gateway.invoke_model_stream(ASK, model=model) as stream:
                        streamed = stream.result()
                    for reply in (gateway.invoke_model(ASK, model=model), streamed):
                        assert reply.text, model
                        assert reply.stop_reason, model
                        assert reply.usage.output_tokens, model
                    asked += 1
    assert asked > 100
