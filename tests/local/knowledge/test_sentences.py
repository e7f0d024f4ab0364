from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.sentences import sentences

LEAVE = """# Leave

Full-time employees receive 25 days of annual leave per calendar year. Up to five unused days may be carried over.

| Grade | Days of leave |
|-------|---------------|
| A     | 30            |

```python
days_of_leave = 99  # How many days of leave.
```

    days of leave in indented code

- Sick leave needs a doctor's note from the fourth day.
"""


def test_headings_tables_and_code_are_never_quoted():
    quoted = [sentence.text for sentence in sentences(LEAVE)]
    assert quoted == [
        "Full-time employees receive 25 days of annual leave per calendar year.",
        "Up to five unused days may be carried over.",
        "Sick leave needs a doctor's note from the fourth day.",
    ]


def test_a_chunk_cut_inside_code_quotes_only_what_follows_the_fence():
    quoted = [
        sentence.text
        for sentence in sentences("total = leave + days\nprint(total)\n```\nLeave is always paid in full.")
    ]
    assert quoted == ["Leave is always paid in full."]


def test_a_chunk_that_ends_inside_code_quotes_only_what_precedes_it():
    quoted = [sentence.text for sentence in sentences("Leave is always paid in full.\n```python\ntotal = leave + days")]
    assert quoted == ["Leave is always paid in full."]


def test_abbreviations_do_not_end_a_sentence():
    quoted = [
        sentence.text for sentence in sentences("Bring a note, e.g. from Dr. Smith, on day one. Then rest at home.")
    ]
    assert quoted == ["Bring a note, e.g. from Dr. Smith, on day one.", "Then rest at home."]


def test_a_sentence_cut_at_the_start_of_a_chunk_is_not_quoted():
    assert [s.text for s in sentences("of annual leave per year. Leave is paid in full.")] == ["Leave is paid in full."]


words = st.lists(st.sampled_from(["leave", "days", "annual", "paid", "25", "the", "of", "naïve", "🙂", "日本", "é", "it"]), min_size=1, max_size=8)  # fmt: skip
chunk = st.lists(
    st.tuples(words, st.sampled_from([". ", "! ", "? ", "\n", "\n\n# ", "\n- ", "\n```\n"])), max_size=12
).map(lambda rows: "".join(" ".join(row) + end for row, end in rows))


@settings(max_examples=100, deadline=None)
@given(st.one_of(chunk, st.text(max_size=200)))
def test_a_sentence_stands_where_it_says(text):
    for sentence in sentences(text):
        assert text[sentence.position : sentence.position + len(sentence.text)] == sentence.text


def quoted(text):
    return [sentence.text for sentence in sentences(text)]


def test_lines_broken_to_fit_a_page_are_one_paragraph():
    assert quoted("Leave is paid in full, as long\nas it was agreed. Sick leave\nneeds a note.") == [
        "Leave is paid in full, as long\nas it was agreed.",
        "Sick leave\nneeds a note.",
    ]


def test_lines_of_their_own_stay_apart():
    assert quoted("Open a report with Enter\nClose a report with q\nSearch it with slash") == [
        "Open a report with Enter",
        "Close a report with q",
        "Search it with slash",
    ]


def test_indented_prose_of_a_plain_text_file_is_quoted_and_indented_code_is_not():
    prose = "    The examples are written so that the same comments\n    are not repeated in later files."
    assert quoted(f"Introduction\n\n{prose}\n\n    result = call(a, b) and more(c)") == [
        "The examples are written so that the same comments\n    are not repeated in later files."
    ]


def test_a_line_over_a_line_of_signs_is_a_heading():
    (found,) = sentences("Leave of absence\n================\n\nIt is not paid at all.")
    assert (found.text, found.heading) == ("It is not paid at all.", "Leave of absence")
