"""The HTML host: front ends on one page that needs no kernel and no network, with the same modules as in a notebook."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effv2viz.widgets.front_end import STATIC, FrontEnd

Section = tuple[str, Sequence[FrontEnd]]
Link = tuple[tuple[FrontEnd, str], tuple[FrontEnd, str]]

_STYLE = """
body { margin: 0 auto; max-width: 1100px; padding: 16px; font: 15px/1.5 system-ui, sans-serif; }
body { color: #1b1b1b; background: #ffffff; }
h1 { font-size: 1.4em; } h2 { font-size: 1.15em; margin-top: 2em; }
@media (prefers-color-scheme: dark) { body { color: #ececec; background: #161616; } }
"""


def write_page(
    path: str | Path, title: str, sections: Sequence[Section], *, lead: str = "", links: Sequence[Link] = ()
) -> None:
    """Writes a page, whole or not at all.

    Args:
        path: of the .html file.
        title: of the page, in plain text.
        sections: a heading and the front ends under it, in order.
        lead: plain text under the title.
        links: pairs of (front end, trait) that follow each other, as ``traitlets.link`` makes them in a notebook.
    """
    unfinished = Path(path).with_name(Path(path).name + ".part")
    unfinished.write_text(page(title, sections, lead=lead, links=links), encoding="utf-8")
    os.replace(unfinished, path)


def page(title: str, sections: Sequence[Section], *, lead: str = "", links: Sequence[Link] = ()) -> str:
    """The text of the page that ``write_page`` writes."""
    fronts = [front for _, some in sections for front in some]
    place = {id(front): number for number, front in enumerate(fronts)}
    modules = {type(front).__name__: str(front._esm) for front in fronts}
    content = {
        "modules": modules,
        "models": [{"module": type(front).__name__, "state": _written(front.synced())} for front in fronts],
        "links": [[place[id(a)], one, place[id(b)], other] for (a, one), (b, other) in links],
    }
    body = []
    for heading, some in sections:
        places = "".join(f'<div data-model="{place[id(front)]}"></div>' for front in some)
        body.append(f"<section><h2>{html.escape(heading)}</h2>{places}</section>")
    data = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    lead = f"<p>{html.escape(lead)}</p>" if lead else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}{(STATIC / 'views.css').read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{html.escape(title)}</h1>\n{lead}\n{''.join(body)}\n</main>\n"
        f'<script type="application/json" id="content">{data}</script>\n'
        f'<script type="module">{(STATIC / "host.js").read_text(encoding="utf-8")}</script>\n</body>\n</html>\n'
    )


def _written(state: dict[str, Any]) -> dict[str, Any]:
    """Bytes become ``{"base64": text}``."""
    return {
        name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in state.items()
    }
