"""InvokeModel for every family: one request, written in each vendor's own words."""

from bedrock_gateway import Gateway, TextRequest

ASK = TextRequest("What is a Region?", system="Be brief.", max_tokens=100)

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    reply = gateway.invoke_model(ASK)
    print(reply.text, reply.stop_reason, reply.usage)
