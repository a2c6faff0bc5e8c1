"""Draws the results as an SVG of plain bars. Data in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tools.bench.report import seconds
from tools.bench.result import Peer, Result

WIDTH = 900
LABELS = 340
BARS = 400
BAR = 13
PAIR = 40
HEADING = 34
OURS, THEIRS = "#2563eb", "#9ca3af"
ABOUT = "Medians in seconds. Each pair has its own scale; shorter is better."


def svg(results: Sequence[Result]) -> str:
    """Return an SVG of all results: pairs of bars below the name of the peer."""
    parts: list[str] = [_text(10, 20, ABOUT, "#555")]
    y = 34
    for peer in Peer:
        group = [each for each in results if each.against is peer]
        if not group:
            continue
        parts += [_bar(10, y + 9, BAR, OURS), _text(28, y + 20, Peer.OURS.value, weight="bold")]
        parts += [_bar(110, y + 9, BAR, THEIRS), _text(128, y + 20, peer.value, weight="bold")]
        y += HEADING
        for result in group:
            parts += _pair(result, y)
            y += PAIR
    return _document(parts, y + 6)


def _pair(result: Result, y: int) -> list[str]:
    longest = max(result.ours.median, result.theirs.median)
    parts = [_text(LABELS - 10, y + 18, result.title, anchor="end")]
    for top, series, colour in ((y, result.ours, OURS), (y + BAR + 2, result.theirs, THEIRS)):
        length = max(1.0, series.median / longest * BARS)
        parts.append(_bar(LABELS, top, length, colour))
        parts.append(_text(round(LABELS + length + 6), top + 11, seconds(series.median)))
    return parts


def _bar(x: int, y: int, length: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'


def _text(x: int, y: int, text: str, colour: str = "#111", *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def _document(parts: Sequence[str], height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img">\n<title>Medians of this tool and its peers</title>\n'
    )
    # Without a background the text would vanish on a dark page.
    background = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
    return head + background + "\n".join(parts) + "\n</svg>\n"
