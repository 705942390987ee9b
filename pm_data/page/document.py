"""Put parts together to one HTML file that opens offline, under a policy that lets it load nothing."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files

from pm_data.jsonlib import JsonObject
from pm_data.page.parts import Chart, Figures, Strips, Table, escaped, shown

Part = Figures | Table | Strips | Chart

_SIGNIFICANT_DIGITS = 6


def render(title: str, subtitle: str, parts: Sequence[Part]) -> str:
    """Return the page.

    Charts that follow each other stand side by side where there is room.
    """
    style = _asset("uPlot.min.css") + _asset("page.css")
    library, script = _asset("uPlot.iife.min.js"), _asset("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{escaped(title)}</title><style>{style}</style></head>\n"
        f"<body><header><h1>{escaped(title)}</h1><p>{escaped(subtitle)}</p></header>\n"
        f"<main>{_body(parts)}</main>\n"
        f'<script type="application/json" id="charts">{_charts_json(parts)}</script>\n'
        f"<script>{library}</script><script>{script}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return files("pm_data.page").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _body(parts: Sequence[Part]) -> str:
    pieces, in_charts = [], False
    for part in parts:
        if isinstance(part, Chart) != in_charts:
            in_charts = not in_charts
            pieces.append('<div class="charts">' if in_charts else "</div>")
        if isinstance(part, Chart):
            unit = f" <small>{escaped(part.unit)}</small>" if part.unit else ""
            pieces.append(
                f'<section><h2>{escaped(part.title)}{unit}</h2><div class="chart">'
                "<noscript>The chart needs JavaScript, which this file brings along.</noscript>"
                "</div></section>"
            )
        else:
            pieces.append(part.html())
    if in_charts:
        pieces.append("</div>")
    return "".join(pieces)


def _charts_json(parts: Sequence[Part]) -> str:
    """Return what page.js draws; charts over the same moments share them."""
    times: list[list[float]] = []
    charts: list[JsonObject] = []
    for part in parts:
        if not isinstance(part, Chart):
            continue
        seconds = [round(second, 3) for second in part.seconds]
        if seconds not in times:
            times.append(seconds)
        series = [
            {
                "label": shown(line.label),
                "style": line.style,
                "values": [_rounded(value) for value in line.values],
            }
            for line in part.series
        ]
        marks = [round(mark, 3) for mark in part.marks]
        charts.append(
            {"times": times.index(seconds), "series": series, "marks": marks, "fromZero": part.from_zero}
        )
    text = json.dumps({"times": times, "charts": charts}, separators=(",", ":"), allow_nan=False)
    # Inside a script element only `<` can end or change what the text is.
    return text.replace("<", "\\u003c")


def _rounded(value: float | None) -> float | None:
    if value is None or isinstance(value, int):
        return value
    short = float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
    return int(short) if short.is_integer() else short
