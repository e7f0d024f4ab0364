"""Tools: the model asks for them, this program runs them, until it answers."""

from bedrock_gateway import Gateway

TOOLS = [
    {
        "toolSpec": {
            "name": "days_left",
            "description": "Days of leave that somebody has left",
            "inputSchema": {"json": {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]}},
        }
    }
]


def days_left(who):
    return {"who": who, "days": 12}


messages = [{"role": "user", "content": "Use days_left: how many does Ana have?"}]

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    reply = gateway.converse(messages, tools=TOOLS)
    while reply.tool_calls:
        print("asked for", [call.name for call in reply.tool_calls])
        results = [{"toolUseId": one.id, "content": [{"json": days_left(**one.input)}]} for one in reply.tool_calls]
        messages += [reply.message, {"role": "user", "content": [{"toolResult": one} for one in results]}]
        reply = gateway.converse(messages, tools=TOOLS)
    print(reply.text)
