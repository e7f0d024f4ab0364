"""The report as a page: complete, self-contained, and never code, whatever AWS answered."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.preflight import CATALOGUE
from bedrock_gateway.preflight.page import as_html
from bedrock_gateway.preflight.report import STATUSES, CheckResult, Fix

from . import chromium
from .stepped import drive, golden, missing

REPORT, _ = drive(
    golden() | {"GetModelInvocationLoggingConfiguration": {}, "GetBucketPolicy": missing("GetBucketPolicy")}
)
HOSTILE = """</script><script>window.harm = 1</script><img src=https://example.org/x onerror="window.harm = 1">' " & {{7*7}}"""


class Read(HTMLParser):
    """Tags, attributes and the texts between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def hostile(text):
    result = CheckResult(
        "LOG-99",
        "LOG",
        "high",
        text,
        "fail",
        text,
        {text: text},
        Fix(text, text, text, text),
        "",
        (text,),
        0.0,
        text,
        text,
    )
    return replace(REPORT, results=(result,), principal=text, region=text)


def test_every_result_is_there_with_its_fix():
    read = Read(as_html(REPORT))
    for one in REPORT.results:
        assert ("id", one.id) in read.attributes
        assert one.summary in read.text
        assert not (one.fix and one.fix.command) or one.fix.command in read.text
    assert read.tags.count("article") == len(REPORT.results)


def test_nothing_outside_the_page_is_named():
    read = Read(as_html(REPORT))
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(read.tags)
    links = [value for name, value in read.attributes if name in {"src", "href", "action"}]
    assert all(value.startswith("#") for value in links)
    assert read.tags.count("script") == 1
    policy = next(value for name, value in read.attributes if value.startswith("default-src"))
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'", policy)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60) | st.just(HOSTILE))
def test_no_text_of_aws_becomes_a_tag(text):
    usual, found = Read(as_html(hostile("x"))), Read(as_html(hostile(text)))
    assert found.tags == usual.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in usual.attributes]


def test_every_row_of_the_catalogue_has_its_place_whatever_was_found():
    kinds = itertools.cycle(STATUSES)
    results = tuple(
        CheckResult(
            row.id, row.category, row.severity, row.title, next(kinds), HOSTILE, {HOSTILE: HOSTILE}, None, row.anchor
        )
        for row in CATALOGUE
    )
    read = Read(as_html(replace(REPORT, results=results)))
    assert {"QUO", "OPS", "CAN", "NET", "IAM"} <= {one.category for one in results}
    assert [value for name, value in read.attributes if name == "id" and "-" in value] == [row.id for row in CATALOGUE]
    assert read.text.count(HOSTILE) >= len(results)
    assert read.tags.count("script") == 1
    assert "img" not in read.tags


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    executable = chromium.find()
    if executable is None:
        pytest.skip("no Chromium on this machine")
    opened = chromium.Browser(executable, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def shown(browser, tmp_path, report):
    path = tmp_path / "report.html"
    path.write_text(as_html(report), encoding="utf-8")
    browser.requested.clear()
    browser.open(path)
    return path


def test_in_a_browser_a_status_is_filtered_and_nothing_is_requested(browser, tmp_path):
    path = shown(browser, tmp_path, REPORT)
    visible = "[...document.querySelectorAll('article')].filter(one => one.offsetParent !== null).length"
    assert browser.evaluate(visible) == len(REPORT.results)
    browser.evaluate("document.querySelector('nav button.pass').click()")
    assert browser.evaluate(visible) == len(REPORT.results) - REPORT.counts["pass"]
    browser.evaluate("document.querySelector('nav button.pass').click()")
    assert browser.evaluate(visible) == len(REPORT.results)
    assert browser.evaluate("getComputedStyle(document.querySelector('nav button')).borderTopLeftRadius") == "16px"
    assert browser.requested == [path.as_uri()]


def test_in_a_browser_a_command_is_copied_or_selected_whole(browser, tmp_path):
    shown(browser, tmp_path, REPORT)
    browser.evaluate("document.querySelector('.copy').click(); new Promise(done => setTimeout(done, 50))")
    said = browser.evaluate("document.querySelector('.copy').textContent")
    assert said in {"Copied", "Selected"}
    first = next(one.fix.command for one in REPORT.results if one.fix and one.fix.command)
    if said == "Selected":
        assert browser.evaluate("getSelection().toString()").replace("\n", " ") == first.replace("\n", " ")


def test_in_a_browser_hostile_names_do_nothing(browser, tmp_path):
    path = shown(browser, tmp_path, hostile(HOSTILE))
    assert browser.evaluate("window.harm") is None
    assert browser.evaluate("document.scripts.length") == 1
    assert browser.evaluate("document.images.length") == 0
    assert HOSTILE in browser.evaluate("document.querySelector('article p').textContent")
    assert browser.requested == [path.as_uri()]
