"""The calls that each capability is made of, in an order in which they succeed.

Written from AWS's operations. What IAM needs for them is not said here: the policy says it, and the judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import stories_account, stories_inference, stories_knowledge, stories_principals
from .stories_account import logging_config
from .stories_inference import MESSAGES, model_arn
from .stories_knowledge import storage, vector_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .setting import Setting, Story

__all__ = ["MESSAGES", "STORIES", "logging_config", "model_arn", "storage", "vector_base"]

STORIES: Mapping[str, Callable[[Setting], Story]] = {
    **stories_inference.STORIES,
    **stories_knowledge.STORIES,
    **stories_account.STORIES,
    **stories_principals.STORIES,
}
