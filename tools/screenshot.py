"""The picture of a report for the README: its top in a headless Chromium, as a PNG of at most 300 KB.

.venv/bin/python tools/screenshot.py runs/demo/report.html docs/report.png
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

MOST_BYTES = 300_000
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
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("report", type=Path)
    ask.add_argument("picture", type=Path)
    ask.add_argument("--width", type=int, default=1400)
    ask.add_argument("--height", type=int, default=1640)
    ask.add_argument("--dark", action="store_true")
    asked = ask.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium here; run: tools/browser.sh", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        shot = Path(scratch) / "shot.png"
        scheme = f"--blink-settings=preferredColorScheme={0 if asked.dark else 1}"
        window = f"--window-size={asked.width},{asked.height}"
        told = [f"--user-data-dir={scratch}/profile", f"--screenshot={shot}", window, scheme]
        page = asked.report.resolve().as_uri()
        subprocess.run([chromium, *FLAGS, *told, page], check=True, timeout=120, capture_output=True)
        return save(Image.open(shot), asked.picture)


def save(picture: Image.Image, out: Path) -> int:
    """In full colour where that fits, else with the 256 colours that serve it best."""
    out.parent.mkdir(parents=True, exist_ok=True)
    full = picture.convert("RGB")
    full.save(out, optimize=True)
    if out.stat().st_size > MOST_BYTES:
        full.quantize(256, method=Image.Quantize.FASTOCTREE).save(out, optimize=True)
    size = out.stat().st_size
    print(f"{out}: {size / 1000:.0f} KB")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
