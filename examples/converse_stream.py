"""Print an answer as it arrives; a stream that is cut raises instead of passing for an answer."""

from bedrock_gateway import Gateway, StreamInterruptedError

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    try:
        with gateway.converse_stream("Explain our leave policy.", max_tokens=300) as stream:
            for text in stream.text_stream:
                print(text, end="", flush=True)
            print("\n", stream.result().usage)
    except StreamInterruptedError as error:
        print("\ninterrupted:", error.reason, "may be sent again:", error.may_resend)
