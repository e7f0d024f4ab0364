"""Questions with the section that answers each, out of documentation that Debian packages ship.

A FAQ is a question set that people wrote: its headings are the questions, the section under a heading is the answer.
The heading is taken off the section, so that a question stands nowhere in what is searched; other manuals of the same
subject are put beside the answers. One section answers each question here, though others may answer it too: what is
measured is whether *that* one is found.
"""

from __future__ import annotations

import html
import itertools
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["SETS", "QuestionSet", "unpacked"]

MIN_WORDS = 20
"""Shorter sections are only an introduction to the ones below them."""

_RST_TITLE = re.compile(r"(?m)^(?P<title>\S.*)\n(?P<line>[=\-~^\"*#'`+])(?P=line){3,}[ \t]*$")
_POD_TITLE = re.compile(r"(?m)^=head[1-4][ \t]+(?P<title>.*(?:\n\S.*)*)$")
_HTML_TITLE = re.compile(r"<h[1-6] class=\"title\"[^>]*>(?P<title>.*?)</h[1-6]>", re.DOTALL)
_NUMBER = re.compile(r"^(?:Chapter )?\d+\.(?:\d+\.)*\s+")
_POD_MARK = re.compile(r"[A-Z]<(?P<text>[^<>]*)>")


@dataclass
class QuestionSet:
    """Documents by name, and questions with the name of the document that answers each."""

    title: str
    packages: tuple[str, ...]
    licence: str
    documents: dict[str, str] = field(default_factory=dict)
    questions: list[tuple[str, str]] = field(default_factory=list)


def _sections(text: str, heading: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield (heading, what stands under it up to the next heading)."""
    found = list(heading.finditer(text))
    for this, following in itertools.zip_longest(found, found[1:]):
        body = text[this.end() : following.start() if following else len(text)]
        title = this["title"]
        if heading is _POD_TITLE:
            title = _POD_MARK.sub(r"\g<text>", title)
        elif heading is _HTML_TITLE:
            title = html.unescape(re.sub(r"<[^>]+>", "", title))
        yield _NUMBER.sub("", " ".join(title.split())), body


def _plain_html(text: str) -> str:
    text = re.sub(r"</?(?:p|li|div|pre|tr|ul|ol|dt|dd|br)\b[^>]*>", "\n\n", text)
    return re.sub(r"\n{3,}", "\n\n", html.unescape(re.sub(r"<[^>]+>", "", text)))


def _add(into: QuestionSet, name: str, text: str, heading: re.Pattern[str], *, asks: bool) -> None:
    for number, (title, section) in enumerate(_sections(text, heading)):
        body = (_plain_html(section) if heading is _HTML_TITLE else section).strip()
        if len(body.split()) < MIN_WORDS:
            continue
        answers = asks and title.endswith("?")
        document = f"{name}/{number:04d}.txt"
        # A manual keeps its headings: only what is asked for must not stand in the answer.
        into.documents[document] = body if answers else f"{title}\n\n{body}"
        if answers:
            into.questions.append((title, document))


def _debian(root: Path) -> QuestionSet:
    made = QuestionSet("Debian FAQ", ("debian-faq", "debian-reference-en"), "Debian FAQ: verbatim copying licence of SPI; Debian Reference: GPL-2+")  # fmt: skip
    for path in sorted((root / "usr/share/doc/debian/FAQ").glob("*.en.html")):
        if path.stem not in {"index.en", "faqinfo.en"}:
            _add(made, f"faq/{path.stem}", path.read_text(), _HTML_TITLE, asks=True)
    for path in sorted((root / "usr/share/debian-reference").glob("*.en.html")):
        if path.stem != "index.en":
            _add(made, f"reference/{path.stem}", path.read_text(), _HTML_TITLE, asks=False)
    return made


def _python(root: Path) -> QuestionSet:
    made = QuestionSet("Python FAQ", ("python3.11-doc",), "PSF-2.0")
    sources = root / "usr/share/doc/python3.11/html/_sources"
    for folder in ("faq", "tutorial", "howto", "reference", "library", "extending", "using"):
        for path in sorted((sources / folder).glob("*.rst.txt")):
            name = f"{folder}/{path.name.removesuffix('.rst.txt')}"
            _add(made, name, path.read_text(), _RST_TITLE, asks=folder == "faq")
    return made


def _perl(root: Path) -> QuestionSet:
    made = QuestionSet("Perl FAQ", ("perl-doc",), "GPL-1+ or Artistic")
    for path in sorted(root.glob("usr/share/perl/*/pod/*.pod")):
        if not path.stem.endswith("delta"):
            text = path.read_text(errors="replace")
            _add(made, path.stem, text, _POD_TITLE, asks=path.stem.startswith("perlfaq"))
    return made


SETS: dict[str, tuple[tuple[str, ...], Callable[[Path], QuestionSet]]] = {
    "debian": (("debian-faq", "debian-reference-en"), _debian),
    "perl": (("perl-doc",), _perl),
    "python": (("python3.11-doc",), _python),
}
"""Name → the Debian packages, and what reads them where they were unpacked."""


def unpacked(packages: tuple[str, ...], folder: Path) -> tuple[Path, dict[str, str]]:
    """Fetch and unpack *packages* into *folder*, without installing them; return where, and the version of each.

    Raises:
        FileNotFoundError: this system has no apt-get or no dpkg-deb.
        subprocess.CalledProcessError: a package could not be fetched.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FileNotFoundError(f"{tool} is needed: the question sets come out of Debian packages")
    root, versions = folder / "root", {}
    for package in packages:
        found = sorted(folder.glob(f"{package}_*.deb"))
        if not found:
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
            found = sorted(folder.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", found[-1], root], check=True)
        versions[package] = found[-1].name.split("_")[1].replace("%3a", ":")
    return root, versions
