#!/usr/bin/env python3
"""Draws the panels of the chart's Grafana dashboard from a Prometheus, as one HTML page with SVG.

  draw_dashboard.py --prometheus=http://127.0.0.1:9090 --namespace=reserve --out=dashboard.html

Grafana need not be there: the queries are those of helm/reserve/files/dashboard.json, with its
variables put in. Ends with 1 if a query is refused, or, with --require-data, if one finds nothing.
Needs Python alone.
"""

import argparse
import html
import json
import math
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 70, 10, 10, 24
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"]
MOST_LINES = 12
STYLE = """
body { font: 14px sans-serif; margin: 1em; background: #fff; color: #222; }
.panels { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; border: 1px solid #ccc; padding: .5em; width: %dpx; }
figcaption { font-weight: bold; } ul { margin: .3em 0 0; padding-left: 1.2em; font-size: 12px; }
.bad { color: #b00; } code { font-size: 11px; color: #666; word-break: break-all; }
""" % WIDTH


def ask(url, query, start, end, step):
    """The series of a range query; a text if Prometheus refuses it."""
    parameters = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{parameters}", timeout=30) as answer:
            return json.load(answer)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], error.read().decode(errors="replace")
    except (OSError, ValueError, KeyError) as error:
        return [], str(error)


def points_of(series):
    """(time, value) of what is a number."""
    read = [(float(at), float(value)) for at, value in series["values"]]
    return [(at, value) for at, value in read if math.isfinite(value)]


def legend(template, labels):
    """Grafana's {{label}} put in."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), template)


def number(value, unit):
    """A figure for people."""
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    suffix = {"s": " s", "reqps": "/s", "ops": "/s", "d": " d"}.get(unit, "")
    return f"{value:.4g}{suffix}"


def draw(lines, start, end, unit):
    """The plot of [(name, points)]."""
    highest = max((value for _, points in lines for _, value in points), default=0) or 1
    lowest = min([0] + [value for _, points in lines for _, value in points])
    span = (highest - lowest) or 1
    x = lambda at: LEFT + (at - start) / ((end - start) or 1) * (WIDTH - LEFT - RIGHT)
    y = lambda value: HEIGHT - BOTTOM - (value - lowest) / span * (HEIGHT - TOP - BOTTOM)
    out = [f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">']
    for part in range(5):
        value = lowest + span * part / 4
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
                   'stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 4}" y="{y(value) + 4:.1f}" text-anchor="end" font-size="11">'
                   f"{html.escape(number(value, unit))}</text>")
    for at, anchor in ((start, "start"), (end, "end")):
        clock = time.strftime("%H:%M:%S", time.gmtime(at))
        out.append(f'<text x="{x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}" font-size="11">'
                   f"{clock}</text>")
    for index, (_, points) in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(points) == 1:
            out.append(f'<circle cx="{x(points[0][0]):.1f}" cy="{y(points[0][1]):.1f}" r="2" '
                       f'fill="{colour}"/>')
    return "".join(out) + "</svg>"


def panel_html(panel, arguments, start, end, step):
    """The figure of a panel, and what is wrong with it."""
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    lines, wrong, queries = [], [], []
    for target in panel["targets"]:
        query = target["expr"].replace("$namespace", arguments.namespace)
        query = query.replace("$__rate_interval", arguments.rate_interval)
        queries.append(query)
        series, error = ask(arguments.prometheus, query, start, end, step)
        found = [(legend(target.get("legendFormat", ""), each["metric"]), points_of(each))
                 for each in series]
        found = [(name, points) for name, points in found if points]
        if error:
            wrong.append(f"refused: {error}")
        elif not found:
            wrong.append(f"no data: {query}")
        lines += found
    lines.sort(key=lambda line: -line[1][-1][1])
    shown = lines[:MOST_LINES]
    out = [f"<figure><figcaption>{html.escape(panel['title'])}</figcaption>"]
    out.append(draw(shown, start, end, unit))
    out.append("<ul>")
    for index, (name, points) in enumerate(shown):
        colour = COLOURS[index % len(COLOURS)]
        out.append(f'<li style="color:{colour}">{html.escape(name)}: '
                   f"{html.escape(number(points[-1][1], unit))}</li>")
    if len(lines) > MOST_LINES:
        out.append(f"<li>and {len(lines) - MOST_LINES} more</li>")
    out.append("</ul>")
    out += [f'<p class="bad">{html.escape(each)}</p>' for each in wrong]
    out += [f"<code>{html.escape(query)}</code><br>" for query in queries]
    return "".join(out) + "</figure>", wrong


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", required=True, help="http://host:port")
    parser.add_argument("--namespace", default="reserve", help="the label `namespace` of the metrics")
    parser.add_argument("--dashboard", default=here.parent / "helm/reserve/files/dashboard.json")
    parser.add_argument("--minutes", type=float, default=60, help="how far back")
    parser.add_argument("--rate_interval", default="1m", help="what rates are taken over")
    parser.add_argument("--out", default="dashboard.html")
    parser.add_argument("--require-data", action="store_true",
                        help="a query that finds nothing is an error")
    arguments = parser.parse_args()
    panels = json.loads(pathlib.Path(arguments.dashboard).read_text(encoding="utf-8"))["panels"]
    end = time.time()
    start = end - arguments.minutes * 60
    step = max(1, int((end - start) / 240))
    figures, empty, refused = [], 0, 0
    for panel in panels:
        figure, wrong = panel_html(panel, arguments, start, end, step)
        figures.append(figure)
        for each in wrong:
            refused += each.startswith("refused")
            empty += each.startswith("no data")
            print(f"{panel['title']}: {each}", file=sys.stderr)
    page = (f"<!doctype html><meta charset=utf-8><title>Reserve</title><style>{STYLE}</style>"
            f"<h1>Reserve, {html.escape(arguments.namespace)}, "
            f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(end))}</h1>"
            f'<div class="panels">{"".join(figures)}</div>')
    pathlib.Path(arguments.out).write_text(page, encoding="utf-8")
    print(f"{arguments.out}: {len(panels)} panels, {empty} queries without data, {refused} refused")
    return 1 if refused or (arguments.require_data and empty) else 0


if __name__ == "__main__":
    sys.exit(main())
