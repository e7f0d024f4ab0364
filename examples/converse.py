"""One governed call: declared in gateway.toml, or refused before anything is sent."""

from bedrock_gateway import Gateway

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    reply = gateway.converse("Summarise our leave policy.", system="Be brief.", max_tokens=300)
    print(reply.text)
    print(reply.stop_reason, reply.usage.output_tokens, "tokens, request", reply.request_id)
