"""What stands in an ARN is well formed, and who gave what is not is shown what is."""

from __future__ import annotations

import pytest

from bedrock_gateway.capabilities.scope import _EXAMPLES, _NAMES, checked
from bedrock_gateway.errors import ConfigError


@pytest.mark.parametrize("kind", _NAMES)
def test_each_kind_refuses_a_wildcard_and_shows_one_that_it_takes(kind):
    example = _EXAMPLES[kind].partition(",")[0]
    assert checked(kind, example) == example
    with pytest.raises(ConfigError, match="one looks like"):
        checked(kind, f"{example}*")
