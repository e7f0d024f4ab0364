"""The local catalogue's facts about Regions and profiles."""

from bedrock_gateway.local.models import catalogue

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_a_geographic_profile_lists_its_destinations_by_source():
    assert catalogue.destinations(f"us.{SONNET}", "us-east-2") == ("us-east-1", "us-east-2", "us-west-2")
    assert catalogue.destinations(f"us.{SONNET}", "eu-west-1") == ()


def test_a_global_profile_runs_in_its_source_and_without_a_region():
    assert catalogue.destinations(f"global.{SONNET}", "eu-west-1") == ("eu-west-1", "")


def test_a_model_is_offered_only_where_it_can_be_called():
    assert catalogue.model(SONNET, "us-east-1").inference_types("us-east-1") == ("INFERENCE_PROFILE",)
    assert catalogue.model(SONNET, "nowhere-1") is None
    assert len(catalogue.models("us-east-1")) > 100
