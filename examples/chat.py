"""A conversation: each answer's message goes back as it came, so that nothing the model needs is lost."""

import sys

from bedrock_gateway import Gateway, GatewayError

messages = []

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    for line in (
        ["What is a Region?", "And how many are there?"] if sys.stdin is None or not sys.stdin.isatty() else sys.stdin
    ):
        messages.append({"role": "user", "content": line})
        try:
            with gateway.converse_stream(messages, system="Be brief.", max_tokens=300) as stream:
                for text in stream.text_stream:
                    print(text, end="", flush=True)
                messages.append(stream.result().message)
        except GatewayError as error:
            messages.pop()  # what was not answered is not part of the conversation
            print("\n", error)
        print()
