"""A rule of your own, and the events sent where you want them."""

from dataclasses import replace

from bedrock_gateway import Gateway, GovernanceError


def cap_output_tokens(send):
    """Runs before anything is sent: returns the request, changed or not, or raises."""
    limit = send.params.get("inferenceConfig", {}).get("maxTokens")
    if send.operation == "Converse" and (limit is None or limit > 500):
        raise GovernanceError("ask for at most 500 tokens", rule="cap-output-tokens")
    return replace(send)


events = []

with Gateway.from_file(
    "gateway.toml", principal="app", rules=[cap_output_tokens], observers=[events.append]
) as gateway:
    gateway.converse("Hello", max_tokens=50)
    try:
        gateway.converse("Hello", max_tokens=5000)
    except GovernanceError as error:
        print(error.reason)
    print([(event.name, event.outcome) for event in events])
