"""Read the plain text out of a document's bytes, as far as that needs no library.

Lines that were only wrapped are joined, so that a sentence is one line of text, as AWS's own parser leaves it; headings,
lists, tables and code keep their lines. Markdown's inline marks are unwrapped outside code.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UnreadableDocumentError", "extract", "suffix_of"]

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_OWN_LINE = re.compile(r"^\s*(#{1,6} |[-*+] |\d{1,3}[.)] |\||>|=+\s*$|-{3,}\s*$)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)\s]*(?: \"[^\"]*\")?\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]*(?: \"[^\"]*\")?\)")
_STRONG = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)(.+?)(?<=\S)\1(?![\w*])")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")
_CODE_SPAN = re.compile(r"(`+)(?:(?!\1).)+?\1")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{3,}")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_UNREAD = frozenset(
    [
        "pdf",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "ppt",
        "pptx",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "webp",
        "mp3",
        "mp4",
        "wav",
        "zip",
    ]
)


class UnreadableDocumentError(Exception):
    """The document's text cannot be read; the message says why."""

    service = "Amazon S3 Source"
    """What AWS says the call went to that did not succeed."""


def _joined(text: str) -> str:
    """Join lines that belong to one paragraph or list item."""
    lines: list[str] = []
    fence: str | None = None
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence is not None or mark:
            lines.append(line)
            if mark:
                fence = mark[1] if fence is None else (None if mark[1].startswith(fence) else fence)
        elif _continues(lines, line):
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _continues(lines: list[str], line: str) -> bool:
    if not lines or not line.strip() or _OWN_LINE.match(line):
        return False
    previous = lines[-1]
    if not previous.strip() or _FENCE.match(previous) or previous.startswith(("    ", "\t")):
        return False
    return not re.match(r"^\s*(#{1,6} |\||=+\s*$|-{3,}\s*$)", previous)


def _unmarked(line: str) -> str:
    pieces, last = [], 0
    for code in _CODE_SPAN.finditer(line):
        pieces += [_unwrapped(line[last : code.start()]), code[0]]
        last = code.end()
    return "".join([*pieces, _unwrapped(line[last:])])


def _unwrapped(text: str) -> str:
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    return _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", text))


def _markdown(text: str) -> str:
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    fence: str | None = None
    lines = []
    for line in _joined(text).split("\n"):
        mark = _FENCE.match(line)
        inside = fence is not None or mark is not None
        if mark:
            fence = mark[1] if fence is None else (None if mark[1].startswith(fence) else fence)
        lines.append(line if inside else _unmarked(line))
    return "\n".join(lines)


class _Html(HTMLParser):
    """Collects the visible text of a page."""

    _HIDDEN = frozenset({"script", "style", "head", "template", "noscript"})
    _BLOCK = frozenset(
        [
            "p",
            "div",
            "section",
            "article",
            "li",
            "ul",
            "ol",
            "table",
            "tr",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "br",
            "pre",
            "blockquote",
            "header",
            "footer",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._hidden += tag in self._HIDDEN
        if tag in self._BLOCK:
            self.parts.append("\n\n" + ("#" * int(tag[1]) + " " if re.fullmatch(r"h[1-6]", tag) else ""))
        elif tag in {"td", "th"}:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0
        if tag in self._BLOCK:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def _html(text: str) -> str:
    parser = _Html()
    parser.feed(text)
    parser.close()
    return "\n".join(line.strip() for line in "".join(parser.parts).split("\n"))


def _as_is(text: str) -> str:
    return text


_READERS: dict[str, Callable[[str], str]] = {
    "txt": _joined,
    "text": _joined,
    "md": _markdown,
    "markdown": _markdown,
    "html": _html,
    "htm": _html,
    "csv": _as_is,
    "json": _as_is,
}


_SUFFIXES = {
    "text/plain": "txt",
    "text/markdown": "md",
    "text/html": "html",
    "text/csv": "csv",
    "application/json": "json",
}


def suffix_of(media_type: str) -> str:
    """Return the ending of a file of that MIME type.

    Raises:
        UnreadableDocumentError: the format is not served.
    """
    found = _SUFFIXES.get(media_type.partition(";")[0].strip().lower())
    if found is None:
        raise UnreadableDocumentError(f"The local Bedrock does not read documents of type {media_type!r}.")
    return found


def extract(key: str, content: bytes) -> str:
    """Return the text of the document at S3 *key*.

    Raises:
        UnreadableDocumentError: the format is not served, or the text is not UTF-8, or there is none.
    """
    suffix = key.rpartition("/")[2].rpartition(".")[2].casefold()
    reader = _READERS.get(suffix)
    if reader is None:
        known = " by the local Bedrock, which reads text, Markdown, HTML, CSV and JSON" if suffix in _UNREAD else ""
        raise UnreadableDocumentError(f"Ignored 1 files as their file format was not supported{known}.")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError("Ignored 1 files as their content was not UTF-8 text.") from error
    text = _BLANK_LINES.sub("\n\n", reader(text)).strip()
    if not text:
        raise UnreadableDocumentError("Ignored 1 files as they had no text.")
    return text
