"""InvokeModel with the vendor's own body, for what Converse does not cover."""

from bedrock_gateway import Gateway

BODY = {
    "schemaVersion": "messages-v1",
    "messages": [{"role": "user", "content": [{"text": "What is a Region?"}]}],
    "inferenceConfig": {"maxTokens": 100},
}

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    reply = gateway.invoke_model(BODY)
    print(reply.text, reply.usage)
