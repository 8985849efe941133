"""Render the page: from the findings to one HTML text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.figures import percent
from pipeline.write_toml import setting_text
from stages.evaluate.report import sections
from stages.evaluate.report.canvas_network import FULL, HALF, drawing_model, unknown_parts
from stages.evaluate.report.findings import Findings
from stages.shared.messages import counted

LARGEST_PAGE = 5_000_000  # bytes
FILTERS = {
    "zipped": lambda columns: zip(*columns, strict=True),
    "percent": lambda share: percent(share).replace(" ", sections.NO_BREAK),
    "setting_text": setting_text,
    "count": lambda n: f"{n:,}",
    "counted": counted,
}
LOADER = jinja2.PackageLoader("stages.evaluate.report")
TEMPLATES = jinja2.Environment(
    loader=LOADER, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
)
TEMPLATES.filters |= FILTERS


def render(findings: Findings) -> str:
    """The whole page; the same findings give the same text.

    The network is in it in full precision, else in half precision, else not at all, so that the page has at most
    ``LARGEST_PAGE`` bytes.
    """
    style, *scripts = (
        Markup(LOADER.get_source(TEMPLATES, name)[0])  # noqa: S704 - our own files, not data
        for name in ("style.css", "network.js", "drawing.js")
    )
    unknown = unknown_parts(findings.networks, scripts[0])
    parts = gather(findings)

    def page(drawing: dict[str, Any] | None) -> str:
        policy = content_policy(style, scripts if drawing else ())
        return TEMPLATES.get_template("page.html").render(
            parts,
            style=style,
            scripts=scripts,
            policy=policy,
            drawing=drawing,
            unknown_parts=unknown,
            largest_page=f"{LARGEST_PAGE / 1e6:g}",
        )

    for precision in () if unknown else (FULL, HALF):
        drawing = drawing_model(findings, precision, largest=LARGEST_PAGE)
        if drawing and len((text := page(drawing)).encode()) <= LARGEST_PAGE:
            return text
    return page(None)


def gather(findings: Findings) -> dict[str, Any]:
    """What the templates show, by name; a name that two sections use raises TypeError."""
    return dict(
        **sections.header(findings),
        **sections.drawing(findings),
        **sections.learning(findings),
        **sections.classes(findings),
        **sections.examples(findings),
        **sections.calibration(findings),
        **sections.first_layer(findings),
        **sections.data(findings),
        **sections.provenance(findings),
    )


def content_policy(style: str, scripts: Sequence[str]) -> str:
    """A content security policy that allows this very style and these scripts, pictures in the page, nothing else."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    allowed = f"script-src {' '.join(map(source, scripts))}; " if scripts else ""
    return f"default-src 'none'; {allowed}style-src {source(style)}; img-src data:; base-uri 'none'; form-action 'none'"
