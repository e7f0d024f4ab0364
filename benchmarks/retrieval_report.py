"""Ranks → recall@5 with its margin, as the table and the chart of docs/local-retrieval.md."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from report import table

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- figures: python benchmarks/retrieval.py --docs -->", "<!-- /figures -->"
TITLES = {
    "bm25": "BM25 (bm25s)",
    "bm25-stemmed": "BM25, stemmed (bm25s, PyStemmer)",
    "hashing-vectors": "`hashing`, vectors alone",
    "hashing": "**Retrieve, `hashing`** (bundled)",
    "wordllama-vectors": "`wordllama`, vectors alone",
    "wordllama": "**Retrieve, `wordllama`** (`[local-semantic]`)",
}
COLOURS = {"hashing": "#0b7285", "wordllama": "#0b7285"}
BASE = "bm25-stemmed"


def recall(ranks: list[int]) -> float:
    return sum(rank > 0 for rank in ranks) / len(ranks)


def margin(ranks: list[int]) -> tuple[float, float]:
    """Return Wilson's interval, 95 %, of the recall."""
    z, count, share = 1.96, len(ranks), recall(ranks)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def reciprocal(ranks: list[int]) -> float:
    """Return the mean of one over the rank; 0 where the answer is not among the five."""
    return sum(1 / rank for rank in ranks if rank) / len(ranks)


def pooled(result: dict[str, Any], who: str) -> list[int]:
    return [rank for one in result["sets"].values() for rank in one["ranks"][who]]


def against(ranks: list[int], base: list[int]) -> tuple[int, int]:
    """Return how many questions only the first finds, and how many only the second."""
    both = list(zip(ranks, base, strict=True))
    return sum(a > 0 and not b for a, b in both), sum(b > 0 and not a for a, b in both)


def text(result: dict[str, Any]) -> str:
    """Everything, as Markdown."""
    sets = result["sets"]
    head = (
        "retriever",
        *(one["title"] for one in sets.values()),
        "all",
        "95 %",
        "MRR@5",
        "only this : only stemmed BM25",
    )
    rows = []
    for who, title in TITLES.items():
        every = pooled(result, who)
        low, high = margin(every)
        ours, theirs = against(every, pooled(result, BASE))
        each = (f"{recall(one['ranks'][who]):.3f}" for one in sets.values())
        duel = "" if who == BASE else f"{ours} : {theirs}"
        rows.append(
            (title, *each, f"{recall(every):.3f}", f"{low:.3f} to {high:.3f}", f"{reciprocal(every):.3f}", duel)
        )
    about = table(
        ("set", "questions", "documents", "chunks", "Debian packages", "licence"),
        [
            (
                one["title"],
                f"{one['questions']:,}",
                f"{one['documents']:,}",
                f"{one['chunks']:,}",
                ", ".join(f"{name} {version}" for name, version in one["packages"].items()),
                one["licence"],
            )
            for one in sets.values()
        ],
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    under = f"Measured on {result['measured']} with Python {result['python']}, {versions}."
    return f"{table(head, rows)}\n\n{under}\n\n{about}\n"


def chart(result: dict[str, Any]) -> str:
    """Bars of recall@5 over all questions, with their margins, as SVG."""
    left, wide, high, y = 300, 420, 22, 10
    parts = []
    for who, title in TITLES.items():
        every = pooled(result, who)
        value, (low, up) = recall(every), margin(every)
        middle, name = y + (high - 4) / 2, title.replace("*", "").replace("`", "")
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect x="{left}" y="{y}" width="{wide * value:.1f}" height="{high - 4}" fill="{COLOURS.get(who, "#ced4da")}"/>'
        )
        parts.append(f'<path d="M{left + wide * low:.1f} {middle}H{left + wide * up:.1f}" stroke="#212529"/>')
        parts.append(f'<text x="{left + wide * up + 6:.1f}" y="{y + 14}">{value:.3f}</text>')
        y += high
    width, title = left + wide + 20, "recall@5 over all questions; the line is the 95 % margin"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 6}" width="{width}" height="{y + 6}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="#212529"><title>{title}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def write(result: dict[str, Any], docs: Path) -> None:
    """Put the figures between their marks in local-retrieval.md, and the chart beside it."""
    page = docs / "local-retrieval.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    picture = "![recall@5 over all questions](local-retrieval.svg)"
    page.write_text(f"{before}{BEGIN}\n\n{picture}\n\n{text(result)}\n{END}{after}")
    (docs / "local-retrieval.svg").write_text(chart(result))
