"""An answer as a class. One that does not fit is an error that keeps it, unless a second, billed call is asked for."""

from pydantic import BaseModel

from bedrock_gateway import Gateway, OutputValidationError, UnsupportedByBotocoreError


class Leave(BaseModel):
    """How much leave somebody has."""

    days: int
    carries_over: bool


with Gateway.from_file("gateway.toml", principal="app") as gateway:
    try:
        print(gateway.converse("How much leave is there?", output=Leave, output_retries=1).parsed)
    except OutputValidationError as error:
        print(error.usage, "spent, and not what was asked for:", error.faults)
    except UnsupportedByBotocoreError as error:
        print(error)
