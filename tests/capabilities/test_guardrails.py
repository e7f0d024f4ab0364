from __future__ import annotations

from typing import get_args

import pytest

from bedrock_gateway.capabilities.guardrails import _DESTINATIONS, GUARDRAIL_GEOGRAPHIES, guardrail_destinations
from bedrock_gateway.capabilities.models import is_region
from bedrock_gateway.config import GuardrailConfig
from bedrock_gateway.errors import ConfigError

SOURCES = [(geography, source) for geography, sources in _DESTINATIONS.items() for source in sources]


@pytest.mark.parametrize(("geography", "source"), SOURCES)
def test_a_guardrail_may_always_run_where_it_is_called_from(geography, source):
    reach = guardrail_destinations(geography, source)
    assert source in reach
    assert all(map(is_region, reach))
    assert list(reach) == sorted(set(reach))


@pytest.mark.parametrize(
    ("geography", "source", "reach"),
    [
        ("us", "us-east-1", {"us-east-1", "us-east-2", "us-west-2"}),
        ("us", "us-west-1", {"us-east-1", "us-east-2", "us-west-1", "us-west-2"}),
        ("ca", "ca-central-1", {"ca-central-1", "ca-west-1"}),
        ("us-gov", "us-gov-east-1", {"us-gov-east-1", "us-gov-west-1"}),
        ("uk", "eu-west-2", {"eu-west-2"}),
    ],
)
def test_the_destinations_of_aws(geography, source, reach):
    assert set(guardrail_destinations(geography, source)) == reach


def test_the_widest_reach_is_that_of_a_far_source():
    assert len(guardrail_destinations("apac", "ap-east-2")) == 10
    assert len(guardrail_destinations("apac", "ap-southeast-3")) == 9
    assert len(guardrail_destinations("apac", "ap-southeast-4")) == 8


@pytest.mark.parametrize(
    ("geography", "source"), [("global", "us-east-1"), ("jp", "ap-northeast-1"), ("us", "eu-west-1")]
)
def test_a_profile_that_aws_does_not_have_is_refused_with_those_it_has(geography, source):
    with pytest.raises(ConfigError, match=r"us-east-1|known: us, us-gov"):
        guardrail_destinations(geography, source)


def test_the_configuration_offers_exactly_these_profiles():
    offered = GuardrailConfig.model_fields["profile"].annotation
    literal = next(one for one in get_args(offered) if one is not type(None))
    assert set(get_args(literal)) == set(GUARDRAIL_GEOGRAPHIES)
