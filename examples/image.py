"""Ask about an image. Its format, size and number are held to AWS's limits before anything is sent."""

import base64

from bedrock_gateway import Gateway, InvalidRequestError

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAAAAgAB4iG8MwAAAABJRU5ErkJggg==")


def about(image, kind):
    content = [{"text": "What is this?"}, {"image": {"format": kind, "source": {"bytes": image}}}]
    return [{"role": "user", "content": content}]


with Gateway.from_file("gateway.toml", principal="app") as gateway:
    print(gateway.converse(about(PIXEL, "png"), max_tokens=100).text)
    try:
        gateway.converse(about(PIXEL, "jpeg"))
    except InvalidRequestError as error:
        print(error)
