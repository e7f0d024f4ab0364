from __future__ import annotations

import pytest

from bedrock_gateway.capabilities import models
from bedrock_gateway.errors import ConfigError

PREFIX = "arn:aws:bedrock:us-east-1"


@pytest.mark.parametrize(
    ("text", "kind", "model"),
    [
        ("amazon.nova-lite-v1:0", "on-demand", "amazon.nova-lite-v1:0"),
        ("us.amazon.nova-lite-v1:0", "profile", "amazon.nova-lite-v1:0"),
        ("us-gov.amazon.nova-lite-v1:0", "profile", "amazon.nova-lite-v1:0"),
        ("global.amazon.nova-2-lite-v1:0", "profile", "amazon.nova-2-lite-v1:0"),
        (f"{PREFIX}::foundation-model/amazon.nova-lite-v1:0", "on-demand", "amazon.nova-lite-v1:0"),
        (f"{PREFIX}:111122223333:application-inference-profile/abc123", "application-profile", None),
        ("abcdefghij12", "application-profile", None),
        (f"{PREFIX}:111122223333:provisioned-model/abcdefghij12", "provisioned", None),
        (f"{PREFIX}:111122223333:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghij12", "custom-model", None),
        (f"{PREFIX}:111122223333:custom-model/imported/abcdefghij12", "custom-model", None),
        (f"{PREFIX}:111122223333:custom-model-deployment/abcdefghij12", "custom-deployment", None),
        (f"{PREFIX}:111122223333:imported-model/abcdefghij12", "imported", None),
        (f"{PREFIX}:111122223333:prompt-router/abcdefghij12", "prompt-router", None),
        (f"{PREFIX}:111122223333:default-prompt-router/anthropic.claude:1", "prompt-router", None),
        ("arn:aws:sagemaker:us-east-1:111122223333:endpoint/my-endpoint", "marketplace", None),
        ("arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:imported-model/abcdefghij12", "imported", None),
    ],
)
def test_a_model_id_is_parsed_by_kind(text, kind, model):
    found = models.parse_model_id(text)
    assert (found.kind, found.model) == (kind, model)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nova",
        "amazon.*",
        "amazon..nova",
        "../amazon.nova",
        "amazon.${aws:username}",
        "amazon.nova-lite-v1:0\n",
        f"{PREFIX}:111122223333:foundation-model/amazon.nova-lite-v1:0",
        f"{PREFIX}::inference-profile/us.amazon.nova-lite-v1:0",
        f"{PREFIX}:111122223333:inference-profile/us.a..b",
        f"{PREFIX}:111122223333:inference-profile/xx.amazon.nova-lite-v1:0",
        f"{PREFIX}:111122223333:agent/ABC",
        f"{PREFIX}:111122223333:custom-model/abcdefghij12",
        f"{PREFIX}:111122223333:custom-model/../abcdefghij12",
        f"{PREFIX}:111122223333:custom-model/amazon.titan/abcdefghij12/x",
        f"{PREFIX}:111122223333:imported-model/a:b",
        f"{PREFIX}:111122223333:imported-model/*",
        f"{PREFIX}:1111:imported-model/abcdefghij12",
        f"{PREFIX}:111122223333:endpoint/x",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/x/y",
        "arn:aws:sagemaker:us-east-1::endpoint/x",
        "arn:aws:bedrock:us-east-1",
        "arn:${aws:Partition}:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
        "111122223333",
        "abcdefghij1",
        "ABCDEFGHIJ12",
        "amazon.nova-lite-v1:0" + "0" * 10_000,
        "\u0430mazon.nova-lite-v1:0",
    ],
)
def test_what_is_not_a_model_id_is_refused(text):
    with pytest.raises(ConfigError):
        models.parse_model_id(text)


def test_every_destination_list_holds_its_source():
    for name, row in models._data()["models"].items():
        for geography, sources in row["profiles"].items():
            for source in sources:
                assert source in models.destinations(f"{geography}.{name}", source)


def test_every_id_of_the_data_parses_to_itself():
    for name in models._data()["models"]:
        assert models.parse_model_id(name).model == name


def test_the_data_does_not_speak_for_govcloud():
    assert models.on_demand_in("amazon.titan-embed-text-v2:0", "us-gov-west-1") is None
    assert models.on_demand_in("amazon.titan-embed-text-v2:0", "us-west-1") is False
