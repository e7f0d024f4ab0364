from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.embedding import content_terms, dimensions_of, embed, stem


def similarity(a: str, b: str) -> float:
    return sum(x * y for x, y in zip(embed(a, 512), embed(b, 512), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.sampled_from([256, 384, 512, 1024, 1536]))
def test_every_text_has_a_unit_vector_of_the_asked_length(text, dimensions):
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.sqrt(sum(x * x for x in vector)), 1.0, rel_tol=1e-9)


def test_the_same_text_has_the_same_vector_in_every_run():
    vector = embed("annual", 256)
    assert [(i, round(x, 4)) for i, x in enumerate(vector) if x] == [
        (8, 0.1925),
        (34, -0.1925),
        (37, 0.1925),
        (73, -0.1925),
        (76, -0.7698),
        (81, 0.1925),
        (100, 0.1925),
        (126, 0.1925),
        (211, -0.1925),
        (216, -0.1925),
        (220, -0.1925),
        (230, -0.1925),
    ]


def test_a_question_is_nearer_to_its_answer_than_to_another_sentence():
    question = "How many days of leave do I get?"
    answer = similarity(question, "Full-time employees receive 25 days of annual leave.")
    other = similarity(question, "Expense claims go to the finance team.")
    assert answer > other + 0.2


def test_stop_words_alone_make_no_likeness():
    assert similarity("What is the policy on the use of it?", "the of it is on what") < 0.35


def test_unrelated_texts_are_nearly_orthogonal():
    assert abs(similarity("parental leave", "quarterly revenue growth")) < 0.15


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("days", "day"),
        ("policies", "policy"),
        ("running", "run"),
        ("ingestion", "ingesting"),
        ("stopped", "stop"),
        ("employee's", "employees"),
    ],
)
def test_word_forms_share_a_stem(one, other):
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("class", "clas"), ("bus", "busy"), ("policy", "police")])
def test_different_words_keep_different_stems(one, other):
    assert stem(one) != stem(other)


def test_words_of_one_meaning_count_as_one_term():
    assert content_terms("vacation") == content_terms("leave")


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        ("amazon.titan-embed-text-v2:0", 1024),
        ("amazon.titan-embed-text-v1", 1536),
        ("cohere.embed-english-v3", 1024),
        ("cohere.embed-multilingual-v3:0:512", 1024),
    ],
)
def test_embedding_models_have_their_default_length(model, dimensions):
    offered = dimensions_of(model)
    assert offered is not None
    assert offered[0] == dimensions


def test_a_chat_model_is_no_embedding_model():
    assert dimensions_of("anthropic.claude-3-haiku-20240307-v1:0") is None
