from __future__ import annotations

import itertools
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.chunking import CHARACTERS_PER_TOKEN, fixed_size, semantic, whole

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
