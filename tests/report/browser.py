"""A headless Chromium driven by its command line: a screenshot, the DOM after loading, and what it logged."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name resolves, not even for Chromium
)


def run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open `page` with further flags and wait till Chromium is done."""
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )


def requests(page: Path, log: Path) -> list[str]:
    """Every URL that `page` itself asked the network for, from Chromium's own log; what Chromium asks on
    its own behalf (updates, the time) carries another key and is left out."""
    run(page, f"--log-net-log={log}", "--dump-dom")
    events = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    return [seen["url"] for seen in events if "file://" in seen.get("network_isolation_key", "")]


def measured(page: Path, scratch: Path, *flags: str) -> dict:
    """What the laid-out page looks like from within: sizes, errors, overflow. A copy of the page is opened
    to which the measuring script is added and whose own policy, which forbids every script, is taken out."""
    text = page.read_text(encoding="utf-8")
    policy = text[text.index('<meta http-equiv="Content-Security-Policy"') :].split(">", 1)[0] + ">"
    catch = "<script>window.errors = []; window.onerror = (e) => errors.push(String(e));</script>"
    copy = scratch / "measured.html"
    copy.write_text(
        text.replace(policy, catch).replace("</body>", f"<script>{_MEASURE}</script></body>"), "utf-8"
    )
    dom = run(copy, "--dump-dom", *flags).stdout
    return json.loads(dom.rsplit("MEASURED[", 1)[1].rsplit("]MEASURED", 1)[0])


_MEASURE = """
const place = (node) => node.getBoundingClientRect();
const box = (node) => [Math.round(place(node).width), Math.round(place(node).height)];
document.querySelectorAll("details").forEach((part) => { part.open = true; });
const beyond = (node) => Math.round(place(node).right - place(node.closest(".scroll")).right);
const shade = (node) => getComputedStyle(node).backgroundColor;
const found = {
  captions: [...document.querySelectorAll("caption:not(.hidden) > span")].map(beyond),
  scorecard: [...document.querySelectorAll("table.paper")].map(beyond),
  results: [...document.querySelectorAll("thead th")].filter((h) => h.textContent === "Found").map(beyond),
  highlighted: [...document.querySelectorAll("tr.production, tr.chosen")].map(
    (row) => [shade(row), shade(row.cells[0]), getComputedStyle(row.cells[0]).position]),
  hints: [...document.querySelectorAll(".scroll")].map((part) => getComputedStyle(part).backgroundAttachment),
  errors: window.errors,
  charts: [...document.querySelectorAll("svg.chart")].map(box),
  whiskers: [...document.querySelectorAll("svg.whisker")].map(box),
  tables: [...document.querySelectorAll("table")].map(box),
  headings: [...document.querySelectorAll("h1, h2")].map((h) => h.textContent.trim()),
  width: document.documentElement.scrollWidth,
  window: document.documentElement.clientWidth,
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
  strokes: [...new Set(
    [...document.querySelectorAll("svg.chart path")].map((p) => getComputedStyle(p).stroke))],
};
const note = document.createElement("script");
note.type = "text/plain";
note.textContent = "MEASURED[" + JSON.stringify(found) + "]MEASURED";
document.body.append(note);
"""
