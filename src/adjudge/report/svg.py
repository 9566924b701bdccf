"""One matplotlib figure -> SVG text that lives inside a page: themed by the page's CSS, ids of its own, no
date."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

INK, MUTED, RULE, SOFT = "#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04"
SERIES = tuple(f"#0b0b0{n}" for n in range(1, 8))
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    SOFT: "--soft",
    **{colour: f"--series-{n}" for n, colour in enumerate(SERIES, start=1)},
}
"""Stand-in colours that charts draw with; `finish` swaps each for the page's CSS variable, so that one
drawing is legible on a light page, on a dark one and in print."""

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "adjudge",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": SOFT,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.6,
}


def figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` CSS pixels at 1:1, without pyplot and its global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72))


def style() -> Any:
    """The context of drawing: matplotlib's defaults, then STYLE, whatever the user's rc file says."""
    import matplotlib

    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, "backend": "svg", **STYLE}
    return matplotlib.rc_context(settings)


def finish(drawing: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element: ids prefixed with `name`, `label` read out by screen readers.

    The same figure gives the same bytes every time (no date, salted ids).
    """
    raw = io.StringIO()
    with warnings.catch_warnings():
        # Letters outside matplotlib's own font only blur its measuring: the page's fonts draw them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawing.savefig(raw, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(re.sub(r"<!DOCTYPE.*?>", "", raw.getvalue(), flags=re.DOTALL))
    _drop_furniture(root)
    _rename_ids(root, name)
    for node in root.iter():
        _restyle(node)
    _frame(root, label)
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _drop_furniture(root: ET.Element) -> None:
    """Metadata, and the style sheet that would otherwise reach every element of the page."""
    for parent in list(root.iter()):
        for child in list(parent):
            empty_defs = child.tag == f"{{{SVG}}}defs" and all(g.tag == f"{{{SVG}}}style" for g in child)
            if child.tag == f"{{{SVG}}}metadata" or empty_defs:
                parent.remove(child)


def _rename_ids(root: ET.Element, name: str) -> None:
    """Keep only the ids that something points to, and make them this chart's own."""
    text = " ".join(value for node in root.iter() for value in node.attrib.values())
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | {
        node.attrib[f"{{{XLINK}}}href"][1:] for node in root.iter() if f"{{{XLINK}}}href" in node.attrib
    }
    for node in root.iter():
        old = node.attrib.pop("id", None)
        if old in used:
            node.set("id", f"{name}-{old}")
        target = node.attrib.pop(f"{{{XLINK}}}href", None)
        if target:
            node.set("href", f"#{name}-{target[1:]}")
        if "clip-path" in node.attrib:
            node.set("clip-path", node.attrib["clip-path"].replace("url(#", f"url(#{name}-"))


def _restyle(node: ET.Element) -> None:
    """Stand-in colours become CSS variables; fonts are left to the page."""
    css = node.attrib.get("style", "")
    css = re.sub(r"font-family:[^;]*;?\s*", "", css)
    for colour, variable in VARIABLES.items():
        css = css.replace(colour, f"var({variable})")
    if css:
        node.set("style", css)
    if node.tag == f"{{{SVG}}}path" and "d" in node.attrib:
        node.set("d", " ".join(node.attrib["d"].split()))


def _frame(root: ET.Element, label: str) -> None:
    """Sized by its viewBox, named for screen readers."""
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    root.attrib.update({"class": "chart", "role": "img", "aria-label": label})
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    root.attrib.pop("version", None)
