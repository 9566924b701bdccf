"""A checkpoint made ready to be used and committed: python tools/decoder/export.py RUN FOLDER

RUN is what pretrain.py writes. FOLDER gets weights (float16; config.json says float32, so that they are
computed with in full), tokenizer, chat template, generation config, the prompts, and `pretraining.json`:
settings and figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from pairs import PROMPTS

HERE = Path(__file__).parent
COPIED = ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
MOST_BYTES = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    export(given.run, given.folder)


def export(run: Path, folder: Path) -> None:
    """Raises SystemExit where the folder would be over 10 MB."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(run / name, folder / name)
    for name in PROMPTS.values():
        shutil.copyfile(HERE / name, folder / name)
    config = {**json.loads((run / "config.json").read_text()), "dtype": "float32"}
    _write(folder / "config.json", config)
    said = {
        "do_sample": False,
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": config["pad_token_id"],
    }
    _write(folder / "generation_config.json", {**said, "max_new_tokens": 12})
    state = torch.load(run / "state.pt", weights_only=True)
    settings = json.loads((run / "settings.json").read_text())
    place = {"pairs": state["seen"], "steps": state["batches"], "minutes": round(state["seconds"] / 60, 1)}
    _write(folder / "pretraining.json", {"settings": settings, **place, "history": state["history"]})
    total = sum(path.stat().st_size for path in folder.iterdir())
    if total > MOST_BYTES:
        raise SystemExit(f"{folder} is {total:,} bytes: allowed are {MOST_BYTES:,}")


def _write(path: Path, told: dict[str, object]) -> None:
    path.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
