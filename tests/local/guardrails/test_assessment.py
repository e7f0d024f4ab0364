"""The assessment itself, whatever it is given: it ends, hides what it masks, and says the same again."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.guardrails.assessment import assess
from bedrock_gateway.local.guardrails.findings import INPUT, OUTPUT, Piece
from bedrock_gateway.local.guardrails.personal import FORMS, UNKNOWN, spans

KINDS = sorted(FORMS) + sorted(UNKNOWN)
STRONG = {"inputStrength": "HIGH", "outputStrength": "HIGH"}
POLICIES: dict[str, Any] = {
    "topicPolicy": {"topics": [{"name": "Money", "definition": "x", "examples": ["buy shares"]}]},
    "contentPolicy": {"filters": [{"type": kind, **STRONG} for kind in ("HATE", "VIOLENCE", "PROMPT_ATTACK")]},
    "wordPolicy": {"words": [{"text": "no way"}], "managedWordLists": [{"type": "PROFANITY"}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": kind, "action": "ANONYMIZE"} for kind in KINDS],
        "regexes": [{"name": "digits", "pattern": r"\d+", "action": "ANONYMIZE"}],
    },
    "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.5}]},
}
SCRAPS = ["jane@example.com", "4111 1111 1111 1111", "192.0.2.1", "[local NAME Jane]", "damn", "no way", " ", "12", "é"]
texts = st.lists(st.sampled_from(SCRAPS) | st.text(max_size=12), max_size=8).map("".join)
pieces = st.builds(
    Piece, texts, st.frozensets(st.sampled_from(["grounding_source", "query", "guard_content"])), st.booleans()
)


@settings(max_examples=75, deadline=None)
@given(given_pieces=st.lists(pieces, max_size=4), side=st.sampled_from([INPUT, OUTPUT]))
def test_it_says_the_same_again_and_counts_what_it_was_given(given_pieces, side):
    first, second = assess(POLICIES, given_pieces, side), assess(POLICIES, given_pieces, side)
    assert (first.found, first.action, first.texts) == (second.found, second.action, second.texts)
    assert first.total == sum(len(one.text) for one in given_pieces)
    assert first.guarded == sum(len(one.text) for one in given_pieces if one.guarded)
    for one, text in zip(given_pieces, first.texts, strict=True):
        assert one.guarded or text == one.text


@settings(max_examples=100, deadline=None)
@given(text=texts.filter(lambda text: "{" not in text and "}" not in text))
def test_nothing_that_is_masked_is_left_and_nothing_else_is_gone(text):
    only = {"sensitiveInformationPolicy": POLICIES["sensitiveInformationPolicy"]}
    made = assess(only, [Piece(text)], OUTPUT)
    covered = {place for one in made.found for _, start, end in one.spans for place in range(start, end)}
    assert (made.action == "ANONYMIZED") == bool(covered)
    kept = "".join(character for place, character in enumerate(text) if place not in covered)
    assert re.sub(r"\{\w+\}", "", made.texts[0]) == kept


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(KINDS), text=texts)
def test_a_datum_lies_in_its_text(kind, text):
    assert all(0 <= start < end <= len(text) for start, end in spans(kind, text))


LONG = [
    "a.", "a@", "a@b.", "1 ", "1-", "[local NAME ", "https://", "https://.", "pin ", "pin", " ", "password is ", "A1",
    "aB/", ":", "1:", "1.1.", "ignore previous ", "(1) ", "AB12 ", "1/", "=a", "exp 0", "swift ", "+1 ", "login:",
]  # fmt: skip


@pytest.mark.parametrize("repeated", LONG)
def test_no_text_takes_for_ever(repeated):
    """A fifth of a second for 120,000 characters; a pattern that goes back and forth takes a quarter of a minute and more."""
    text = (repeated * 120_000)[:120_000]
    started = time.thread_time()
    for kind in KINDS:
        spans(kind, f"pin {text}")
    assess({name: POLICIES[name] for name in ("wordPolicy", "contentPolicy", "topicPolicy")}, [Piece(text)], INPUT)
    assert time.thread_time() - started < 5
