"""A local Hugging Face causal LM: batched, left-padded, the last position's probabilities of the answer words.

One forward pass a text and no generation: the grade is read where the model would begin to answer. All tokens of the
vocabulary that spell an answer (case, leading space, or its unmistakable first piece) are summed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge.config import check_choice, check_range
from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.answer_tokens import step_of
from adjudge.llm.contract import Answer, AskFailed, Capabilities, Message, NoAccess, Request, Tops, Unservable

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 20
FEWEST_SHOWN = 20


@dataclass(frozen=True)
class LocalSettings:
    """device: cpu, cuda, ...; dtype of the weights; longest: tokens a prompt may have (a longer one is refused);
    chat: use the tokenizer's chat template where it has one; threads: of the processor (0: torch's own choice)."""

    device: str = "cpu"
    dtype: str = "auto"
    longest: int = 4096
    chat: bool = True
    threads: int = 0

    def __post_init__(self) -> None:
        check_choice("LocalSettings", "dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))
        check_range("LocalSettings", "longest", self.longest, 1, 10_000_000)
        check_range("LocalSettings", "threads", self.threads, 0, 4096)

    def told(self) -> dict[str, Any]:
        """The settings that can change an answer: part of what a verdict is kept under."""
        return {"chat": self.chat, "dtype": self.dtype}


class Local:
    """A client of one model loaded in this process, by folder or hub name. revision: the hub's commit, branch or tag to
    load; of a folder it is only what its answers are kept under."""

    def __init__(self, model: str, settings: LocalSettings | None = None, revision: str = "") -> None:
        self.model, self.settings = model, settings or LocalSettings()
        self.revision = revision or revision_of(model)
        self.capabilities = Capabilities(token_probabilities=True, batching=True)
        self._tokenizer, self._network = _load(model, self.settings, revision)
        self._spelled: dict[tuple[str, ...], torch.Tensor] = {}

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed where the text is too long."""
        result = (await self.ask_many([request]))[0]
        if isinstance(result, AskFailed):
            raise result
        return result

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        """All in one forward pass, in a thread of its own."""
        return await asyncio.to_thread(self._batch, requests)

    async def close(self) -> None:
        """The weights go with the object."""

    def _batch(self, requests: Sequence[Request]) -> list[Answer | AskFailed]:
        import torch

        rows = [self._ids(request) for request in requests]
        fits = [place for place, row in enumerate(rows) if 0 < len(row) <= self.settings.longest]
        why = f"the text is empty or longer than {self.settings.longest} tokens"
        results: list[Answer | AskFailed] = [AskFailed("refused request", why) for _ in requests]
        if not fits:
            return results
        ids, mask = self._padded([rows[place] for place in fits])
        # Left padding shifts every row; without its own positions a padded text would be read elsewhere.
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            last = self._network(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1)
            logprobs = torch.log_softmax(last.logits[:, -1].float(), dim=-1)
        for place, row in zip(fits, logprobs, strict=True):
            results[place] = self._answer(requests[place], row, len(rows[place]))
        return results

    def _ids(self, request: Request) -> list[int]:
        return prompt_ids(self._tokenizer, request.messages, self.settings.chat)

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        width = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id
        pad = self._tokenizer.eos_token_id if pad is None else pad
        ids = torch.full((len(rows), width), 0 if pad is None else pad, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, width - len(row) :] = torch.tensor(row)
            mask[place, width - len(row) :] = 1
        return ids.to(self.settings.device), mask.to(self.settings.device)

    def _answer(self, request: Request, logprobs: torch.Tensor, tokens_in: int) -> Answer:
        """The likeliest tokens, and every token that spells an answer, as one position's alternatives."""
        import torch

        top = torch.topk(logprobs, min(FEWEST_SHOWN, len(logprobs))).indices
        places = torch.unique(torch.cat([top, self._spelling(request.answers)]))
        pairs = zip(places.tolist(), logprobs[places].tolist(), strict=True)
        shown = sorted(((self._text(token), logprob) for token, logprob in pairs), key=lambda pair: -pair[1])
        tops: Tops = tuple(shown)
        return Answer(tops[0][0], "stop", ((tops[0][0], tops),), tokens_in, 1, self.revision)

    def _text(self, token: int) -> str:
        return str(self._tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def _spelling(self, answers: tuple[str, ...]) -> torch.Tensor:
        """The vocabulary's tokens that spell an answer. Raises Unservable where an answer has none."""
        import torch

        found = self._spelled.get(answers)
        if found is None:
            folded = tuple(answer.casefold() for answer in answers)
            spelled = [(step_of(self._text(token), folded), token) for token in range(len(self._tokenizer))]
            named = {step for step, _ in spelled if step is not None}
            bare = [answer for place, answer in enumerate(answers) if place not in named]
            if bare:
                raise Unservable(
                    f"{self.model} has no token that spells {', '.join(bare)}: give the grades other answer words in "
                    "your own prompt's '# Grades' (--prompt FILE.md), or serve the model and use openai:MODEL"
                )
            chosen = [token for step, token in spelled if step is not None]
            found = self._spelled[answers] = torch.tensor(chosen, device=self.settings.device)
        return found


def _load(model: str, settings: LocalSettings, revision: str) -> tuple[Any, Any]:
    pinned = "" if Path(model).is_dir() else revision
    tokenizer, network = load_model(model, settings.dtype, settings.device, pinned)
    if settings.threads:
        import torch

        torch.set_num_threads(settings.threads)
    return tokenizer, network


def load_model(model: str, dtype: str, device: str, revision: str = "") -> tuple[Any, Any]:
    """Tokenizer and network of a folder or hub name, in evaluation mode on `device`; revision: the hub's commit, branch or
    tag ("": what the name means now). Raises MissingExtra, NoAccess, BadConfig."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    kind = dtype if dtype == "auto" else getattr(torch, dtype)
    which = {"revision": revision} if revision else {}
    try:
        with quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(model, padding_side="left", **which)
            network: Any = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=kind, **which)
    except (OSError, ValueError) as error:
        at = f" at revision {revision}" if revision else ""
        raise NoAccess(
            f"hf:{model}{at} cannot be loaded ({error}): give a folder, or a hub name with a network"
        ) from error
    try:
        return tokenizer, network.to(device).eval()
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA asserts
        raise BadConfig(
            f"device {device!r} cannot be used ({error}): allowed are cpu and what this torch was built for; "
            "name it with --set local.device=cpu"
        ) from error


def prompt_ids(tokenizer: Any, messages: Sequence[Message], chat: bool) -> list[int]:
    """The tokens of a prompt, ready for the answer to begin: what is asked, and what a tuned model was trained on."""
    if chat and getattr(tokenizer, "chat_template", None):
        turns = [{"role": message.role, "content": message.text} for message in messages]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    return list(tokenizer("\n\n".join(message.text for message in messages))["input_ids"])


def first_pieces(model: str, answers: Sequence[str]) -> list[str]:
    """The text of the token with which each answer begins when it stands alone. Raises MissingExtra, NoAccess."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    try:
        with quiet():
            tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise NoAccess(f"{model} has no tokenizer that can be loaded ({error})") from error
    first = [tokenizer(answer, add_special_tokens=False)["input_ids"][:1] for answer in answers]
    return [str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)) for ids in first]


def best_device() -> str:
    """cuda where torch sees a GPU, else cpu."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "train") from error
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def quiet() -> Iterator[None]:
    """transformers' progress bars stay off the user's terminal, and are put back as they were."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def revision_of(model: str) -> str:
    """12 hex digits over a folder's files: name, size, first and last MiB of each; "" for a hub name.

    What a hub name means can change: give its commit as `revision`, and that one is loaded, today and later.
    """
    folder = Path(model)
    if not folder.is_dir():
        return ""
    told = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        size = path.stat().st_size
        with path.open("rb") as file:
            told.update(f"{path.name}\0{size}\0".encode() + file.read(BLOCK))
            file.seek(max(BLOCK, size - BLOCK))
            told.update(file.read(BLOCK))
    return told.hexdigest()[:12]
