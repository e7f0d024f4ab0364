from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.chunking import CHARACTERS_PER_TOKEN, fixed_size, hierarchical, semantic, whole
from bedrock_gateway.local.knowledge.embedders import HASHING

prose = st.lists(st.sampled_from(["Leave is paid. ", "Ask! ", "\n\n", "# Heading\n", "word ", "naïve ", "日本語。", "e\u0301", "🙂", "\t", "x" * 30]), max_size=80).map("".join)  # fmt: skip
texts = st.one_of(prose, st.text(max_size=300))


@settings(max_examples=150, deadline=None)
@given(texts, st.integers(1, 30), st.integers(0, 99))
def test_fixed_size_chunks_lose_no_text_and_keep_their_bounds(text, max_tokens, overlap):
    chunks = fixed_size(text, max_tokens=max_tokens, overlap_percentage=overlap)
    size = max_tokens * CHARACTERS_PER_TOKEN
    covered = set()
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert 0 < len(chunk.text) <= size
        covered.update(range(chunk.start, chunk.end))
    assert all(not text[i].strip() for i in range(len(text)) if i not in covered)
    for before, after in itertools.pairwise(chunks):
        assert before.start < after.start
        assert before.end - after.start <= size * overlap // 100


@settings(max_examples=50, deadline=None)
@given(texts, st.integers(4, 30), st.integers(50, 99))
def test_semantic_chunks_cover_the_text_once(text, max_tokens, percentile):
    chunks = semantic(text, max_tokens=max_tokens, breakpoint_percentile=percentile)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert len(chunk.text) <= max_tokens * CHARACTERS_PER_TOKEN
    for before, after in itertools.pairwise(chunks):
        assert before.end <= after.start
        assert not text[before.end : after.start].strip()


def test_semantic_chunks_part_where_the_subject_changes():
    text = "Leave is paid leave. Annual leave is leave of 25 days. Leave days expire. Servers run Linux kernels. Linux servers boot from disk."
    chunks = semantic(text, max_tokens=100, breakpoint_percentile=75)
    assert [chunk.text.split()[0] for chunk in chunks] == ["Leave", "Servers"]


def test_no_chunking_keeps_the_document_whole():
    assert [chunk.text for chunk in whole("one\n\ntwo")] == ["one\n\ntwo"]
    assert whole(" \n ") == []


def test_a_chunk_ends_with_a_sentence_where_one_ends_in_reach():
    text = "Leave is paid by the company. " * 20
    chunks = fixed_size(text, max_tokens=25, overlap_percentage=0)
    assert len(chunks) > 1
    assert all(chunk.text.rstrip().endswith(".") for chunk in chunks)


def test_a_heading_goes_with_the_text_under_it():
    text = "A. " * 25 + "\n# Leave\n" + "B is so. " * 6
    second = fixed_size(text, max_tokens=25, overlap_percentage=0)[1]
    assert second.text.startswith("# Leave")


def test_a_cut_never_parts_a_letter_from_its_accent():
    chunks = fixed_size("e\u0301" * 50, max_tokens=1, overlap_percentage=0)
    assert not any(unicodedata.combining(chunk.text[0]) for chunk in chunks)


def test_the_default_is_three_hundred_tokens_with_a_fifth_of_overlap():
    text = "Leave is paid. " * 400
    chunks = fixed_size(text)
    assert max(len(chunk.text) for chunk in chunks) <= 1200
    assert 0 < chunks[0].end - chunks[1].start <= 240


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(5, 30), st.integers(2, 5), st.integers(1, 4))
def test_children_cover_their_parents_and_parents_the_text(text, parent_tokens, child_tokens, overlap_tokens):
    cut = hierarchical(text, parent_tokens=parent_tokens, child_tokens=child_tokens, overlap_tokens=overlap_tokens)
    covered = set()
    for child, parent in cut:
        assert child.text == text[child.start : child.end]
        assert parent.text == text[parent.start : parent.end]
        assert parent.start <= child.start < child.end <= parent.end
        assert len(child.text) <= child_tokens * CHARACTERS_PER_TOKEN
        assert len(parent.text) <= parent_tokens * CHARACTERS_PER_TOKEN
        covered.update(range(child.start, child.end))
    assert all(not text[i].strip() for i in range(len(text)) if i not in covered)
    parents = list(dict.fromkeys((parent.start, parent.end) for _, parent in cut))
    for layer in (parents, *([(c.start, c.end) for c, p in cut if (p.start, p.end) == one] for one in parents)):
        for (_, end), (start, _) in itertools.pairwise(layer):
            assert end - start <= overlap_tokens * CHARACTERS_PER_TOKEN


@pytest.mark.parametrize(
    ("buffer_size", "compared"),
    [(0, ["A a. ", "B b. ", "C c. ", "D d."]), (1, ["A a. B b. ", "A a. B b. C c. ", "B b. C c. D d.", "C c. D d."])],
)
def test_a_buffer_compares_sentences_with_their_neighbours(buffer_size, compared):
    embedded = []

    class Recorder:
        name = "recorder"

        def embed(self, texts, dimensions):
            embedded.extend(texts)
            return HASHING.embed(texts, dimensions)

    semantic(
        "A a. B b. C c. D d.", max_tokens=9, breakpoint_percentile=80, buffer_size=buffer_size, embedder=Recorder()
    )
    assert embedded == compared
