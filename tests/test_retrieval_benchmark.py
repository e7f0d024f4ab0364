"""The retrieval benchmark: what it takes for questions, how it counts, and that the page shows what was measured."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
pytestmark = pytest.mark.skipif(not HERE.exists(), reason="benchmarks are no part of what is released")

BODY = "An answer has twenty words at least, since shorter sections only introduce the ones that stand below them in the text."
FILES = {
    "usr/share/doc/debian/FAQ/pkg.en.html": f'<h2 class="title"><a id="a"></a>7.1. What is a "package"?</h2><p>{BODY}</p><h2 class="title">7.2. Notes</h2><p>{BODY} &amp; more</p><h3 class="title">7.3. Is this short?</h3><p>No.</p>',
    "usr/share/doc/debian/FAQ/index.en.html": f'<h2 class="title">Is this the index?</h2><p>{BODY}</p>',
    "usr/share/debian-reference/ch01.en.html": f'<h1 class="title">Chapter 1. Is this asked?</h1><p>{BODY}</p>',
    "usr/share/doc/python3.11/html/_sources/faq/general.rst.txt": f"General\n=======\n\nWhat is Python?\n---------------\n\n{BODY}\n",
    "usr/share/doc/python3.11/html/_sources/tutorial/intro.rst.txt": f"Is this asked?\n==============\n\n{BODY}\n",
    "usr/share/perl/5.36.0/pod/perlfaq4.pod": f"=head2 Why is C<int()> broken?\n\n{BODY}\n\n=head2 See also\n\n{BODY}\n",
    "usr/share/perl/5.36.0/pod/perl5360delta.pod": f"=head1 What is new?\n\n{BODY}\n",
}


@pytest.fixture(scope="module")
def modules():
    """The benchmark's modules, which find each other as scripts do."""
    names = ("measures", "report", "question_sets", "retrieval_report")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield {name: importlib.import_module(name) for name in names}
        for name in names:
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("debian", 'What is a "package"?', "faq/pkg.en/0000.txt"),
        ("python", "What is Python?", "faq/general/0001.txt"),
        ("perl", "Why is int() broken?", "perlfaq4/0000.txt"),
    ],
)
def test_a_faqs_headings_are_the_questions_and_stand_in_no_answer(modules, tmp_path, name, question, answer):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    made = modules["question_sets"].SETS[name][1](tmp_path)
    assert made.questions == [(question, answer)]
    assert made.documents[answer] == BODY
    others = [text for document, text in made.documents.items() if document != answer]
    assert others
    assert all(BODY in text and text != BODY for text in others)
    assert not [document for document in made.documents if "index" in document or "delta" in document]


def test_recall_counts_answers_among_the_best_and_the_duel_those_that_one_finds(modules):
    report = modules["retrieval_report"]
    ranks, base = [1, 0, 5, 2], [0, 3, 1, 0]
    assert report.recall(ranks) == 0.75
    assert report.reciprocal(ranks) == (1 + 1 / 5 + 1 / 2) / 4
    assert report.against(ranks, base) == (2, 1)
    low, high = report.margin([1] * 50 + [0] * 50)
    assert (round(low, 3), round(high, 3)) == (0.404, 0.596)


def test_the_page_shows_what_was_measured(modules):
    report, page = modules["retrieval_report"], (ROOT / "docs" / "local-retrieval.md").read_text()
    result = json.loads((HERE / "retrieval.json").read_text())
    assert report.text(result).strip() in page.split(report.BEGIN)[1].split(report.END)[0]
    assert (ROOT / "docs" / "local-retrieval.svg").read_text() == report.chart(result)


def test_with_what_was_measured_retrieve_finds_more_than_bm25(modules):
    report, result = modules["retrieval_report"], json.loads((HERE / "retrieval.json").read_text())
    assert set(result["sets"]) == set(modules["question_sets"].SETS)
    for one in result["sets"].values():
        assert {who: len(ranks) for who, ranks in one["ranks"].items()} == dict.fromkeys(
            report.TITLES, one["questions"]
        )
        best = max(report.recall(one["ranks"]["bm25"]), report.recall(one["ranks"]["bm25-stemmed"]))
        assert best <= report.recall(one["ranks"]["hashing"]) < report.recall(one["ranks"]["wordllama"])
