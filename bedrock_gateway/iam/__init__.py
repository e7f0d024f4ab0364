"""IAM documents: what to grant, what a document means, and whether a request passes under it.

Names are loaded on first use, so that the local Bedrock can import the evaluator without the generator. The functions
are taken from their modules (`from bedrock_gateway.iam.generate import generate`): a package cannot export a function
under the name of its own submodule.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.iam.document import Policy, PolicyError, Statement
    from bedrock_gateway.iam.evaluate import AccessRequest, Decision, Layers, PrincipalRef, UndecidableError
    from bedrock_gateway.iam.generate import Assumption, Generated, Grant

__all__ = [
    "AccessRequest",
    "Assumption",
    "Decision",
    "Generated",
    "Grant",
    "Layers",
    "Policy",
    "PolicyError",
    "PrincipalRef",
    "Statement",
    "UndecidableError",
]

_WHERE = {
    **dict.fromkeys(("Policy", "PolicyError", "Statement"), "document"),
    **dict.fromkeys(("AccessRequest", "Decision", "Layers", "PrincipalRef", "UndecidableError"), "evaluate"),
    **dict.fromkeys(("Assumption", "Generated", "Grant"), "generate"),
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
