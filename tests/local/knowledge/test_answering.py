from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge.answering import REFUSAL, answer

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
OFFICE = "## Office\n\nThe office opens at 8 a.m. on weekdays. Visitors sign in at the desk."


def test_the_answer_is_the_sentence_that_answers():
    found = answer("How many days of leave do I get?", [OFFICE, LEAVE])
    assert found.text.startswith("Full-time employees receive 25 days of annual leave per calendar year.")
    assert found.parts[0].sources == (1,)


def test_no_sentence_is_an_answer_to_another_question():
    found = answer("What is the capital of France?", [OFFICE, LEAVE])
    assert (found.text, found.parts) == (REFUSAL, ())


@pytest.mark.parametrize("question", ["", "   ", "Why is that?"])
def test_a_question_without_content_is_not_answered(question):
    assert answer(question, [LEAVE]).parts == ()


def test_no_chunks_are_no_answer():
    assert answer("How many days of leave?", []).text == REFUSAL


def test_a_heading_helps_to_find_what_stands_under_it():
    text = "# Parental leave\n\nThe company pays for sixteen weeks.\n\n# Parking\n\nThe company pays for one place."
    assert answer("Is parental leave paid?", [text]).text == "The company pays for sixteen weeks."


def test_a_question_for_a_quantity_prefers_a_sentence_with_a_number():
    text = "Annual leave is agreed with your manager. Annual leave is 25 days."
    assert answer("How much annual leave is there?", [text]).text.startswith("Annual leave is 25 days.")


def test_a_sentence_in_overlapping_chunks_is_quoted_once_and_cites_both():
    shared = "Annual leave is 25 days."
    found = answer("How many days of annual leave?", [f"Welcome to all of you. {shared}", f"{shared} It is paid."])
    assert found.text.count(shared) == 1
    assert found.parts[0].sources == (0, 1)


words = st.lists(st.sampled_from(["leave", "days", "annual", "paid", "25", "the", "of", "naïve", "🙂", "日本", "é", "it"]), min_size=1, max_size=8)  # fmt: skip
chunk = st.lists(
    st.tuples(words, st.sampled_from([". ", "! ", "? ", "\n", "\n\n# ", "\n- ", "\n```\n"])), max_size=12
).map(lambda rows: "".join(" ".join(row) + end for row, end in rows))


@settings(max_examples=200, deadline=None)
@given(st.lists(chunk, max_size=4))
def test_every_part_is_quoted_truly_and_stands_where_its_span_says(chunks):
    found = answer("How many days of annual leave are paid?", chunks)
    assert 0 <= len(found.parts) <= 3
    at = 0
    for part in found.parts:
        assert part.text == found.text[part.start : part.end]
        assert part.start >= at
        assert part.sources
        assert all(part.text in chunks[number] for number in part.sources)
        at = part.end
    if not found.parts:
        assert found.text == REFUSAL


def test_the_same_question_has_the_same_answer():
    assert answer("days of leave", [LEAVE, OFFICE]) == answer("days of leave", [LEAVE, OFFICE])


def test_what_begins_a_document_in_lower_case_is_quoted_where_nothing_better_is():
    assert answer("What does it say about cats?", ["note about cats"]).text == "note about cats"


def test_a_sentence_of_hard_wrapped_text_is_quoted_whole():
    text = (
        "The notice period is three months,\nunless both sides agree in writing to\na shorter one. Holidays are paid."
    )
    found = answer("How long is the notice period?", [text])
    assert found.text == "The notice period is three months,\nunless both sides agree in writing to\na shorter one."
