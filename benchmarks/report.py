"""Samples → medians, a table for the terminal, and the figures and the chart of docs/performance.md."""

from __future__ import annotations

import statistics
from html import escape
from typing import TYPE_CHECKING, Any

from measures import ASYNC, MEASURES, SYNC, TARGETS, Target

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- figures: python benchmarks/run.py --docs -->", "<!-- /figures -->"
Samples = dict[str, dict[str, list[float]]]


def paired(samples: Samples, target: Target) -> list[float] | None:
    """One value a round; None: that was not measured."""
    ours = samples.get(target.measure, {}).get(target.ours)
    base = samples.get(target.measure, {}).get(target.base or "")
    if not ours or (target.base and not base):
        return None
    if base is None:
        return [one * target.scale for one in ours]
    both = list(zip(ours, base, strict=True))
    return [(one - other) * target.scale if target.difference else one / other for one, other in both]


def spread(values: list[float]) -> str:
    """The median, and the middle half of what was measured."""
    digits = 0 if max(values) >= 100 else 1 if max(values) >= 5 else 2
    middle = statistics.median(values)
    if len(values) < 2:
        return f"{middle:.{digits}f}"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def target_rows(samples: Samples) -> list[tuple[str, str, str, str]]:
    """Title, figure, target, whether it is met."""
    rows = []
    for target in TARGETS:
        values = paired(samples, target)
        if values is None:
            continue
        met = "" if target.limit is None else "yes" if statistics.median(values) <= target.limit else "**no**"
        rows.append((target.title, spread(values), "" if target.limit is None else f"≤ {target.limit:g}", met))
    return rows


def ratios(samples: Samples, measure: str, base: str) -> dict[str, list[float]]:
    """Peer → its ratio to *base*, one a round."""
    found = samples.get(measure, {})
    if base not in found:
        return {}
    return {
        name: [one / other for one, other in zip(values, found[base], strict=True)] for name, values in found.items()
    }


def peer_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Every peer beside raw boto3: a call, an event, 200 streams (beside aiobotocore), memory."""
    samples: Samples = result["samples"]
    columns = [
        ratios(samples, "call", SYNC),
        ratios(samples, "stream", SYNC),
        ratios(samples, "many", ASYNC),
    ]
    memory = {name: statistics.median(values) / 1e6 for name, values in samples.get("rss", {}).items()}
    rows = []
    for name, peer in result["peers"].items():
        version = next(iter(peer["versions"].items()))
        figures = [spread(column[name]) if name in column else "" for column in columns]
        rows.append((peer["title"], " ".join(version), *figures, f"{memory[name]:.0f}" if name in memory else ""))
    return rows


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def absolute(samples: Samples) -> list[tuple[str, ...]]:
    """What the raw clients took, in microseconds of CPU."""
    rows = []
    for measure in MEASURES:
        for base in (SYNC, ASYNC):
            values = samples.get(measure.name, {}).get(base)
            if values and not measure.tail:
                rows.append((measure.title, base.split("_")[0], spread([one * 1e6 for one in values])))
    return rows


def text(result: dict[str, Any]) -> str:
    """Everything, as Markdown."""
    load, machine = result["load_average"], result["machine"]
    under = (
        f"Measured on {result['measured']}: Python {result['python']}, {machine['system']}, {machine['cores']} cores "
        f"({machine['processor']}), {result['rounds']} interleaved rounds, load average {load['before']:.1f} before and "
        f"{load['after']:.1f} after. Median, and in brackets the middle half of the rounds."
    )
    targets = table(("figure", "measured", "target", "met"), target_rows(result["samples"]))
    head = (
        "peer",
        "version",
        "call / boto3",
        "stream event / boto3",
        "200 streams, event / aiobotocore",
        "MB after a call",
    )
    peers = table(head, peer_rows(result))
    raw = table(("raw client", "", "µs of CPU"), absolute(result["samples"]))
    return f"{under}\n\n## Targets\n\n{targets}\n\n## Peers\n\n{peers}\n\n## What the ratios are ratios of\n\n{raw}\n"


BAR, LEFT, WIDTH = 18, 270, 420
COLOURS = {"gateway": "#0b7285", "boto3": "#adb5bd", "aiobotocore": "#adb5bd"}


def chart(result: dict[str, Any]) -> str:
    """Bars of CPU beside raw boto3, as SVG."""
    parts: list[str] = []
    y = 10
    for title, measure in (("CPU of a call / boto3", "call"), ("CPU of a stream event / boto3", "stream")):
        found = {name: statistics.median(values) for name, values in ratios(result["samples"], measure, SYNC).items()}
        most = max(found.values())
        parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">{title}</text>')
        y += 24
        for name, value in sorted(found.items(), key=lambda one: one[1]):
            colour = COLOURS.get(name.split("_", maxsplit=1)[0], "#dee2e6")
            label = name.rsplit("_", maxsplit=1)
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(f"{label[0]}, {label[1]}")}</text>'
            )
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{WIDTH * value / most:.1f}" height="{BAR - 4}" fill="{colour}"/>'
            )
            parts.append(f'<text x="{LEFT + WIDTH * value / most + 6:.1f}" y="{y + 13}">{value:.2f}</text>')
            y += BAR
        y += 14
    width = LEFT + WIDTH + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="#212529"><title>CPU beside raw boto3; less is better</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def write(result: dict[str, Any], docs: Path) -> None:
    """Put the figures between their marks in performance.md, and the chart beside it."""
    page = docs / "performance.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    picture = "![CPU of a call and of a stream event, beside raw boto3](performance.svg)"
    page.write_text(f"{before}{BEGIN}\n\n{picture}\n\n{text(result)}\n{END}{after}")
    (docs / "performance.svg").write_text(chart(result))
