"""An answer as a class. One that does not fit is an error that keeps it: no second call is made behind your back."""

from pydantic import BaseModel

from bedrock_gateway import Gateway, MalformedResponseError, UnsupportedByBotocoreError


class Leave(BaseModel):
    """How much leave somebody has."""

    days: int
    carries_over: bool


with Gateway.from_file("gateway.toml", principal="app") as gateway:
    try:
        print(gateway.converse("How much leave is there?", output=Leave).parsed)
    except MalformedResponseError as error:
        print(error.partial.stop_reason, "and not what was asked for")
    except UnsupportedByBotocoreError as error:
        print(error)
