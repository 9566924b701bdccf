"""Pretrain the small decoder that judges: python tools/decoder/pretrain.py --out FOLDER (see README.md beside
this file).

Stopped at any time it goes on where it was; the same settings give the same weights however often it was
stopped.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import network
import numpy as np
import tokens
import torch
from pairs import Pack, Rows, step, worlds
from torch.nn import functional

from adjudge.student.start import minilm_folder

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Settings:
    """What decides the weights. pairs: rows seen in all; the rate rises over `warmup` steps, stays, and falls
    to 0 over the last `decay` of the rows, so that a longer run begins exactly as a shorter one. shares: rows
    of binary, four, ordinal3. json_share: rows answered as JSON."""

    seed: int = 11
    first_world: int = 101
    worlds: int = 3
    items: int = 12_000
    pairs: int = 480_000
    width: int = 128
    layers: int = 3
    heads: int = 4
    inner: int = 352
    vocabulary: int = 8192
    alike: float = 0.85
    rope: float = 100_000.0
    batch_tokens: int = 1024
    together: int = 12
    turned: float = 0.3
    lr: float = 1e-3
    warmup: int = 100
    decay: float = 0.25
    weight_decay: float = 0.01
    clip: float = 1.0
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    json_share: float = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out-world", type=int, default=99)
    parser.add_argument(
        "--stop-after", type=float, default=1e9, help="seconds; the checkpoint can go on later"
    )
    parser.add_argument("--every", type=float, default=180.0, help="seconds between checkpoints")
    for name, value in asdict(Settings()).items():
        if not isinstance(value, tuple):
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    settings = Settings(**{name: getattr(given, name) for name in asdict(Settings()) if name != "shares"})
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    Run(settings, given.out, given.held_out_world).go(given.stop_after, given.every)


class Run:
    """One pretraining: its data, network, optimiser and place."""

    def __init__(self, settings: Settings, out: Path, held_out_world: int) -> None:
        self.settings, self.out = settings, out
        out.mkdir(parents=True, exist_ok=True)
        self.tokenizer, self.rows, self.held = self._data(held_out_world)
        shape = {
            "hidden_size": settings.width,
            "num_hidden_layers": settings.layers,
            "num_attention_heads": settings.heads,
            "intermediate_size": settings.inner,
            "rope_parameters": {"rope_type": "default", "rope_theta": settings.rope},
        }
        going_on = (out / "state.pt").exists()
        self.model = network.build(
            self.tokenizer, None if going_on else minilm_folder(), shape, settings.alike
        )
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            settings.lr,
            betas=(0.9, 0.95),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.batches = self.seen = 0
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []
        self._resume()

    def _data(self, held_out_world: int) -> tuple[Any, Rows, Rows]:
        """Tokenizer, rows to learn from, rows held out; kept in the folder, so that going on is quick."""
        kept = self.out / "data.pickle"
        if kept.exists():
            found: tuple[Any, Rows, Rows] = pickle.loads(kept.read_bytes())
            return found
        settings = self.settings
        pairs = worlds(range(settings.first_world, settings.first_world + settings.worlds), settings.items)
        some = np.random.default_rng(settings.seed).permutation(len(pairs.titles))[:20_000]
        texts = [pairs.titles[k] for k in some]
        texts += [pairs.keyphrases[k] for k in some if k < len(pairs.keyphrases)]
        tokenizer = tokens.build(texts, minilm_folder(), settings.vocabulary)
        rows = Rows(pairs, HERE, tokenizer, settings.json_share)
        held = Rows(worlds([held_out_world], 3000), HERE, tokenizer, 0.0)
        kept.write_bytes(pickle.dumps((tokenizer, rows, held)))
        return tokenizer, rows, held

    def go(self, stop_after: float, every: float) -> None:
        begun = marked = last = time.monotonic()
        total, rows, spent = 0.0, 0, self.seconds
        for number, packs in enumerate(self._stream()):
            if number < self.batches:
                continue
            size = sum(pack.pairs for pack in packs)
            total += self._step(packs, size) * size
            rows += size
            self.batches, self.seen = number + 1, self.seen + size
            now = time.monotonic()
            over = self.seen >= self.settings.pairs or now - begun > stop_after
            if over or now - marked > every / 6:
                marked = now
                print(
                    f"{self.seen:,} pairs, {self.batches:,} steps, loss {total / rows:.4f}, "
                    f"{self.seen / (spent + now - begun):.0f} pairs/s",
                    flush=True,
                )
                total, rows = 0.0, 0
            if over or now - last > every:
                last = now
                self.seconds = spent + now - begun
                self._save()
            if over:
                return

    def _stream(self) -> Any:
        rng = np.random.default_rng([self.settings.seed, 1])
        while True:
            yield from self.rows.epoch(rng, self.settings)

    def _rate(self) -> float:
        settings = self.settings
        rising = min(1.0, (self.batches + 1) / settings.warmup)
        falling = min(1.0, (settings.pairs - self.seen) / (settings.decay * settings.pairs))
        return settings.lr * rising * max(falling, 0.0)

    def _step(self, packs: list[Pack], size: int) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        said = torch.tensor([token for pack in packs for _, token in pack.learned])
        loss = functional.cross_entropy(self._logits(packs), said, reduction="sum") / size
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _logits(self, packs: list[Pack]) -> torch.Tensor:
        """(learned places, vocabulary): logits where something is learned. Padding stands to the right,
        alone."""
        width = max(len(pack.ids) for pack in packs)
        ids = torch.tensor([pack.ids + [0] * (width - len(pack.ids)) for pack in packs])
        segment = torch.tensor([pack.segment + [-1] * (width - len(pack.ids)) for pack in packs])
        position = torch.tensor([pack.position + [0] * (width - len(pack.ids)) for pack in packs])
        same = (segment[:, :, None] == segment[:, None, :]) | (segment[:, None, :] == 0)
        seen = (same & torch.ones(width, width, dtype=torch.bool).tril())[:, None]
        hidden = self.model.model(
            input_ids=ids, attention_mask=seen, position_ids=position, use_cache=False
        ).last_hidden_state
        rows = torch.tensor([row for row, pack in enumerate(packs) for _ in pack.learned])
        places = torch.tensor([place for pack in packs for place, _ in pack.learned])
        return self.model.lm_head(hidden[rows, places])

    def _save(self) -> None:
        from safetensors.torch import save_file

        figures = self._measure()
        self.history.append({"pairs": self.seen, "seconds": round(self.seconds), **figures})
        print(json.dumps(self.history[-1]), flush=True)
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        place = {"batches": self.batches, "seen": self.seen, "seconds": self.seconds, "history": self.history}
        torch.save({**state, **place}, self.out / "state.partial")
        (self.out / "state.partial").replace(self.out / "state.pt")
        self.model.save_pretrained(self.out)
        weights = {name: value.half().contiguous() for name, value in self.model.state_dict().items()}
        save_file(weights, self.out / "model.safetensors", metadata={"format": "pt"})
        self.tokenizer.save_pretrained(self.out)
        (self.out / "settings.json").write_text(json.dumps(asdict(self.settings), indent=1) + "\n")

    def _resume(self) -> None:
        if (self.out / "state.pt").exists():
            state = torch.load(self.out / "state.pt", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.batches, self.seen = state["batches"], state["seen"]
            self.seconds, self.history = state["seconds"], state["history"]

    @torch.inference_mode()
    def _measure(self, rows: int = 2000) -> dict[str, float]:
        """AUC and accuracy of the binary answer on an unseen market."""
        pairs = np.random.default_rng(5).permutation(len(self.held.pairs))[:rows]
        packs = [
            (self.held.pack([(int(pair), 0, 0)]), step("binary", int(self.held.pairs.grade[pair])))
            for pair in pairs
        ]
        packs.sort(key=lambda made: len(made[0].ids))
        scores: list[float] = []
        no, yes = (self.held.forms[0][0].answers[k][0] for k in (0, 1))
        for start in range(0, len(packs), 32):
            # Each pack learns the answer and what ends it; the first of the two is wanted.
            logits = self._logits([pack for pack, _ in packs[start : start + 32]])[::2]
            scores += (logits[:, yes] - logits[:, no]).tolist()
        truth = np.array([grade for _, grade in packs])
        return {
            "auc": round(auc(np.array(scores), truth), 4),
            "accuracy": round(float(((np.array(scores) > 0) == truth).mean()), 4),
        }


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """The chance that a relevant pair scores above an irrelevant one, ties half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    yes = int(truth.sum())
    return float((ranks[truth == 1].sum() - yes * (yes + 1) / 2) / (yes * (len(truth) - yes)))


if __name__ == "__main__":
    main()
