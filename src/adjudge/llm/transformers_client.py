"""Client of a causal language model in this process, by transformers: one batched forward pass, no
generation.

The grade is read from the token probabilities at the position where the model would begin to answer. All
tokens of the vocabulary that spell an answer (case, leading space, or its unmistakable first piece) are
summed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from adjudge.config import setting, settings
from adjudge.errors import BadConfig, MissingExtra
from adjudge.llm.answer_tokens import step_of
from adjudge.llm.contract import Answer, AskFailed, Capabilities, Message, NoAccess, Request, Tops, Unservable
from adjudge.quiet import quiet_transformers

if TYPE_CHECKING:
    import torch

BLOCK = 1 << 20
FEWEST_SHOWN = 20


@settings
class TransformersSettings:
    """How a model in this process is loaded and read."""

    device: Annotated[str, setting("cpu, cuda, ...")] = "cpu"
    dtype: Annotated[
        str, setting("Type of the weights.", choices=("auto", "float32", "bfloat16", "float16"))
    ] = "auto"
    longest: Annotated[
        int, setting("Longest prompt; a longer one is refused.", ge=1, le=10_000_000, unit="tokens")
    ] = 4096
    chat: Annotated[bool, setting("Use the tokenizer's chat template if it has one.")] = True
    threads: Annotated[int, setting("Processor threads; 0 is torch's own choice.", ge=0, le=4096)] = 0

    def identity(self) -> dict[str, Any]:
        """The settings that can change an answer: part of the key under which a verdict is kept."""
        return {"chat": self.chat, "dtype": self.dtype}


class TransformersClient:
    """A client of one model loaded in this process, by folder or hub name. revision: the hub's commit, branch
    or tag to load; for a folder it is only part of the key of its answers."""

    def __init__(self, model: str, settings: TransformersSettings | None = None, revision: str = "") -> None:
        self.model, self.settings = model, settings or TransformersSettings()
        self.revision = revision or revision_of(model)
        self.capabilities = Capabilities(token_probabilities=True, batching=True)
        # A folder has no revisions of its own: the given one is only part of the key of its answers.
        pinned = "" if Path(model).is_dir() else revision
        self._tokenizer, self._network = load_model(model, self.settings.dtype, self.settings.device, pinned)
        if self.settings.threads:
            import torch

            torch.set_num_threads(self.settings.threads)
        self._spelled: dict[tuple[str, ...], torch.Tensor] = {}

    async def ask(self, request: Request) -> Answer:
        """One answer. Raises AskFailed if the text is too long."""
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

        rows = [prompt_ids(self._tokenizer, request.messages, self.settings.chat) for request in requests]
        fits = [index for index, row in enumerate(rows) if 0 < len(row) <= self.settings.longest]
        why = f"the text is empty or longer than {self.settings.longest} tokens"
        results: list[Answer | AskFailed] = [AskFailed("refused request", why) for _ in requests]
        if not fits:
            return results
        ids, mask = self._padded([rows[index] for index in fits])
        # Left padding shifts every row; without its own positions a padded text would be read elsewhere.
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            last = self._network(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1)
            logprobs = torch.log_softmax(last.logits[:, -1].float(), dim=-1)
        for index, row in zip(fits, logprobs, strict=True):
            results[index] = self._answer(requests[index], row, len(rows[index]))
        return results

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        width = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id
        pad = self._tokenizer.eos_token_id if pad is None else pad
        ids = torch.full((len(rows), width), 0 if pad is None else pad, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, width - len(row) :] = torch.tensor(row)
            mask[index, width - len(row) :] = 1
        return ids.to(self.settings.device), mask.to(self.settings.device)

    def _answer(self, request: Request, logprobs: torch.Tensor, tokens_in: int) -> Answer:
        """The likeliest tokens, and every token that spells an answer, as one position's alternatives."""
        import torch

        top = torch.topk(logprobs, min(FEWEST_SHOWN, len(logprobs))).indices
        tokens = torch.unique(torch.cat([top, self._spelling(request.answers)]))
        pairs = zip(tokens.tolist(), logprobs[tokens].tolist(), strict=True)
        alternatives = ((self._text(token), logprob) for token, logprob in pairs)
        tops: Tops = tuple(sorted(alternatives, key=lambda pair: -pair[1]))
        return Answer(tops[0][0], "stop", ((tops[0][0], tops),), tokens_in, 1, self.revision)

    def _text(self, token: int) -> str:
        return str(self._tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def _spelling(self, answers: tuple[str, ...]) -> torch.Tensor:
        """The vocabulary's tokens that spell an answer. Raises Unservable if an answer has none."""
        import torch

        spelling = self._spelled.get(answers)
        if spelling is None:
            folded = tuple(answer.casefold() for answer in answers)
            spelled = [(step_of(self._text(token), folded), token) for token in range(len(self._tokenizer))]
            named = {step for step, _ in spelled if step is not None}
            bare = [answer for step, answer in enumerate(answers) if step not in named]
            if bare:
                raise Unservable(
                    f"{self.model} has no token that spells {', '.join(bare)}: give the grades other answer "
                    "words in your own prompt's '# Grades' (--prompt FILE.md), or serve the model and use "
                    "openai:MODEL"
                )
            chosen = [token for step, token in spelled if step is not None]
            spelling = self._spelled[answers] = torch.tensor(chosen, device=self.settings.device)
        return spelling


def load_model(model: str, dtype: str, device: str, revision: str = "") -> tuple[Any, Any]:
    """Tokenizer and network of a folder or hub name, in evaluation mode on `device`; revision: the hub's
    commit, branch or tag ("": what the name means now). Raises MissingExtra, NoAccess, BadConfig."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    kind = dtype if dtype == "auto" else getattr(torch, dtype)
    which = {"revision": revision} if revision else {}
    try:
        with quiet_transformers():
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
    """Token ids of a prompt, ready for the answer to begin; asking and fine-tuning share this function."""
    if chat and getattr(tokenizer, "chat_template", None):
        turns = [{"role": message.role, "content": message.text} for message in messages]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    return list(tokenizer("\n\n".join(message.text for message in messages))["input_ids"])


def first_pieces(model: str, answers: Sequence[str]) -> list[str]:
    """The text of the token with which each answer begins when it stands alone.

    Raises MissingExtra, NoAccess.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingExtra("transformers", "train") from error
    try:
        with quiet_transformers():
            tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise NoAccess(f"{model} has no tokenizer that can be loaded ({error})") from error
    first = [tokenizer(answer, add_special_tokens=False)["input_ids"][:1] for answer in answers]
    return [str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)) for ids in first]


def best_device() -> str:
    """cuda if torch sees a GPU, else cpu."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "train") from error
    return "cuda" if torch.cuda.is_available() else "cpu"


def revision_of(model: str) -> str:
    """12 hex digits over a folder's files: name, size, first and last MiB of each; "" for a hub name.

    What a hub name means can change: give its commit as `revision`, and that one is loaded, today and later.
    """
    folder = Path(model)
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(f"{path.name}\0{size}\0".encode() + file.read(BLOCK))
            file.seek(max(BLOCK, size - BLOCK))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()[:12]
