"""Planned resources as a CloudFormation template or a Terraform file: the same resources that set-up makes. Pure.

A resource that a format cannot hold is named by `left_out` and in the file itself: nothing is left out in silence.
Nothing was applied against AWS.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, get_args

from bedrock_gateway.setup.export.cloudformation import cloudformation, without_type
from bedrock_gateway.setup.export.terraform import gaps, terraform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.setup.resource import Resource

__all__ = ["FORMATS", "Format", "export", "left_out"]

Format = Literal["cloudformation", "terraform"]
FORMATS: tuple[Format, ...] = get_args(Format)


def export(resources: Sequence[Resource], format: Format) -> str:  # noqa: A002 - the word that users know it by
    """Return *resources* as the text of a ``.json`` template or of a ``.tf.json`` file.

    CloudFormation takes the template with the capability ``CAPABILITY_NAMED_IAM``, as everything in it is named. Stores of
    logs are kept when a stack is deleted (``DeletionPolicy``), and Terraform refuses to destroy them.

    Raises:
        ConfigError: a value cannot be said in that format without becoming something else.
    """
    made = terraform(resources) if format == "terraform" else cloudformation(resources)
    return json.dumps(made, indent=2) + "\n"


def left_out(resources: Sequence[Resource], format: Format) -> tuple[str, ...]:  # noqa: A002
    """Return a sentence for everything of *resources* that the format cannot hold; it is for the user to be shown."""
    return gaps(resources) if format == "terraform" else without_type(resources)
