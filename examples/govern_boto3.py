"""A client that other code uses, under the same rules: give it to LangChain, Strands or your own functions."""

import boto3

from bedrock_gateway import Gateway, GovernanceError

MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    config = gateway.config
    client = boto3.client("bedrock-runtime", region_name=config.region, endpoint_url=config.endpoint)
    governed = gateway.govern(client)
    print(governed.converse(modelId="us.amazon.nova-lite-v1:0", messages=MESSAGES)["usage"])
    try:
        governed.converse(modelId="amazon.nova-micro-v1:0", messages=MESSAGES)
    except GovernanceError as error:
        print(error.reason)
