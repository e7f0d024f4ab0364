from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError, extract


@pytest.mark.parametrize(
    ("key", "content", "text"),
    [
        ("a.txt", b"One sentence\r\nthat was wrapped.\r\n\r\nAnother.", "One sentence that was wrapped.\n\nAnother."),
        ("a.md", b"# Title\n\nSee [the **list**](x.md)\nand `a*b*c`.\n\n```\nkept\nas is\n```", "# Title\n\nSee the list and `a*b*c`.\n\n```\nkept\nas is\n```"),
        ("a.md", b"- one\n  more\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |", "- one more\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        ("a.md", b"---\ntitle: x\n---\n<!-- note -->\nSnake_case_names and 2 * 3 * 4 stay.", "Snake_case_names and 2 * 3 * 4 stay."),
        ("a.HTML", b"<html><head><title>x</title><style>p{}</style></head><body><h2>Leave</h2><p>25 &amp; more\n days.</p><script>x()</script></body></html>", "## Leave\n\n25 & more days."),
        ("a.json", b'{"days": 25}', '{"days": 25}'),
        ("a.txt", b"\xef\xbb\xbfWith a mark.", "With a mark."),
    ],
)  # fmt: skip
def test_the_text_of_a_document_is_read(key, content, text):
    assert extract(key, content) == text


@pytest.mark.parametrize(
    ("key", "content"), [("a.pdf", b"%PDF"), ("noextension", b"text"), ("a.txt", b"\xff\xfe\x00"), ("a.md", b"")]
)
def test_what_cannot_be_read_is_said(key, content):
    with pytest.raises(UnreadableDocumentError, match="Ignored 1 files"):
        extract(key, content)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["txt", "md", "html", "csv", "json"]))
def test_reading_never_fails_but_in_the_announced_way(text, suffix):
    try:
        read = extract(f"a.{suffix}", text.encode(errors="replace"))
    except UnreadableDocumentError:
        return
    assert read == read.strip() != ""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["leave", "is", "paid.", "\n", "\n\n", "- item", "# head", "| a | b |", "> quoted"]),
        max_size=40,
    )
)
def test_joining_lines_keeps_every_word_of_plain_text(words):
    text = " ".join(words)
    try:
        assert extract("a.txt", text.encode()).split() == text.split()
    except UnreadableDocumentError:
        assert not text.strip()
