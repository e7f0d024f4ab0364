from __future__ import annotations

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.iam.trust import service_trust


@pytest.mark.parametrize(("region", "partition"), [("eu-central-1", "aws"), ("us-gov-west-1", "aws-us-gov")])
def test_bedrock_is_trusted_for_one_account_region_and_kind_of_resource(region, partition):
    scope = Scope(region=region, account="111122223333", partition=partition)
    (one,) = service_trust(scope, "knowledge-base/*").dump()["Statement"]
    assert one["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert one["Action"] == "sts:AssumeRole"
    assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    source = f"arn:{partition}:bedrock:{region}:111122223333:knowledge-base/*"
    assert one["Condition"]["ArnLike"] == {"aws:SourceArn": source}
