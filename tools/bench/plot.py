"""The plot of the results. Owns an SVG of plain bars, written by hand; data in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from tools.bench.report import seconds
from tools.bench.scenario import Peer, Result

WIDTH = 900
LABELS = 340
BARS = 400
BAR = 13
PAIR = 40
HEADING = 34
OURS, THEIRS, LOOK = "#2563eb", "#9ca3af", "#d1d5db"
ABOUT = "Medians in seconds. Each pair has its own scale; shorter is better. Light: the look after a peer's push."
ORDER = (Peer.CHAIN, Peer.CLI, Peer.NPM)


def svg(results: Sequence[Result]) -> str:
    """Return a picture of all results that have a peer: pairs of bars, each pair to a scale of its own."""
    shown = sorted(
        (each for each in results if each.scenario.against),
        key=lambda each: ORDER.index(each.scenario.against or Peer.CHAIN),
    )
    parts: list[str] = [_text(10, 20, ABOUT, "#555")]
    y = 34
    for peer, group in groupby(shown, key=lambda each: each.scenario.against):
        name = peer.value if peer else ""
        parts += [_bar(10, y + 9, BAR, OURS), _text(28, y + 20, Peer.OURS.value, weight="bold")]
        parts += [_bar(110, y + 9, BAR, THEIRS), _text(128, y + 20, name, weight="bold")]
        y += HEADING
        for result in group:
            parts += _pair(result, y)
            y += PAIR
    return _document(parts, y + 6)


def _pair(result: Result, y: int) -> list[str]:
    theirs = result.theirs
    if theirs is None:
        return []
    longest = max(result.ours.total, theirs.total)
    parts = [_text(LABELS - 10, y + 18, result.scenario.title, anchor="end")]
    for offset, series, colour in ((0, result.ours, OURS), (BAR + 2, theirs, THEIRS)):
        length, alone = (max(1.0, each / longest * BARS) for each in (series.total, series.median))
        if series.looks:
            parts.append(_bar(LABELS, y + offset, length, LOOK))
        parts.append(_bar(LABELS, y + offset, alone, colour))
        parts.append(_text(round(LABELS + length + 6), y + offset + 11, seconds(series.total)))
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
    # A background of its own: the text would vanish on a dark page.
    background = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
    return head + background + "\n".join(parts) + "\n</svg>\n"
