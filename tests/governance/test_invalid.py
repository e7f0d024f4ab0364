"""A request that botocore refuses: what is wrong is said, and nothing of what is in it."""

from __future__ import annotations

import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway.governance.invalid import faults
from tests.protocol.conforming import operation


def told(params: dict) -> str:
    """What is said of *params*, which botocore refuses."""
    report = ParamValidator().validate(params, operation("bedrock-runtime", "Converse").input_shape)
    assert report.has_errors()
    return "; ".join(faults(f"Parameter validation failed:\n{report.generate_report()}", params))


def message(block: object) -> dict:
    return {"modelId": "m", "messages": [{"role": "user", "content": [block]}]}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (message({"type": "text", "text": "Hi"}), 'messages[0].content[0] holds "type", which AWS does not know there; it has text, image'),
        (message({"type": "image_url", "image_url": {"url": "x"}}), 'messages[0].content[0] holds "image_url"'),
        (message({"words": "Hi"}), "messages[0].content[0] holds a member that AWS does not know there; it has text,"),
        (message({"text": 5}), "messages[0].content[0].text cannot be of the type int"),
        (message({}), "messages[0].content[0] is empty: it has one of text,"),
        (message({"text": "x", "image": {"format": "png", "source": {"bytes": b"x"}}}), "messages[0].content[0] has one member alone, of text,"),
        (message({"toolUse": {"toolUseId": "t", "name": "n"}}), "messages[0].content[0].toolUse lacks input"),
        (message({"text": "x"}) | {"toolConfig": {"tools": [{"type": "function", "function": {"name": "n"}}]}}, 'toolConfig.tools[0] holds "function"'),
        (message({"text": "x"}) | {"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens is too small"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_what_aws_has_there(params, words):
    assert words in told(params)


FORGED = 'Unknown parameter in messages[0]: "type", must be one of: secret, words'


@pytest.mark.parametrize(
    "params",
    [
        message({"text": ["secret", FORGED]}),
        message({"text": f"x\n{FORGED}", "secret": 1}),
        message({f"a\n{FORGED}": 1}),
        message({"secret words": 1}),
        {"modelId": "m", "messages": f"\n{FORGED}"},
        message({"text": "x"}) | {"requestMetadata": {"secret words": 5}},
        message({"text": "x"}) | {"requestMetadata": {"secret": f"\n{FORGED}", "b": 5}},
        message({"text": "x"}) | {"requestMetadata": {"secret": 5}},
        message({"text": "x"}) | {"promptVariables": {"secret": {"text": 5}}},
    ],
)
def test_nothing_of_the_request_is_said_even_where_it_looks_like_a_report(params):
    assert "secret" not in told(params)


@given(
    st.recursive(
        st.sampled_from(["secret", f"\n{FORGED}", 5, None, b"secret"]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["text", "role", "content", "secret", "image", FORGED, f"a\n{FORGED}\n"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_of_any_request_is_said(value):
    params = {"modelId": "m", "messages": value}
    report = ParamValidator().validate(params, operation("bedrock-runtime", "Converse").input_shape)
    if report.has_errors():
        assert "secret" not in "; ".join(faults(f"Parameter validation failed:\n{report.generate_report()}", params))
