"""The AWS CLI as far as the preflight's fixes use it, over boto3: the real one cannot live beside our botocore.

``aws SERVICE OPERATION --member value …`` becomes the call, a failure the CLI's line on standard error and exit code 254.
"""

from __future__ import annotations

import json
import os
import sys

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

JSON_TYPES = {"structure", "list", "map"}


def main(service: str, operation: str, *rest: str) -> int:
    options, words = {}, list(rest)
    while words:
        name = words.pop(0).removeprefix("--")
        options[name] = words.pop(0) if words and not words[0].startswith("--") else True
    region = options.pop("region", "us-east-1")
    client = boto3.client(
        {"s3api": "s3"}.get(service, service), region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"]
    )
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    params = {}
    for option, text in options.items():
        name, member = members[option]
        converted = int(text) if member.type_name == "integer" else text
        params[name] = json.loads(text) if member.type_name in JSON_TYPES else converted
    try:
        print(json.dumps(getattr(client, method)(**params), default=str))
    except ClientError as error:
        print(error, file=sys.stderr)
        return 254
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
