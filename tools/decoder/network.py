"""The decoder's start: a small Llama whose word vectors are MiniLM's, projected, and whose attention looks for its like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from adjudge.student.start import PCA_STD, project

MARKS = 2
"""Dimensions kept apart from the word vectors: one that is equal in every token, one of the prompt's own words."""


def build(tokenizer: Any, minilm: Path, shape: dict[str, Any], alike: float) -> Any:
    """A LlamaForCausalLM to train. Draws from torch's generator: seed it first."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_key_value_heads=shape["num_attention_heads"],
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        rms_norm_eps=1e-5,
        attn_implementation="sdpa",
        **shape,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(word_vectors(tokenizer, minilm, config.hidden_size))
        for layer in model.model.layers[1:]:
            attend_alike(layer.self_attn, config, alike)
    return model


def attend_alike(attention: Any, config: Any, gain: float) -> None:
    """Queries and keys of a layer share one map of orthonormal rows times `gain` in every head but the last, so that a
    token's score is highest with tokens like itself (`adjudge.student.start.attend_alike`, made causal)."""
    size = config.hidden_size // config.num_attention_heads
    for head in range(config.num_attention_heads - 1):
        rows = slice(head * size, (head + 1) * size)
        shared = gain * torch.linalg.qr(torch.randn(config.hidden_size, size))[0].T
        attention.q_proj.weight[rows] = shared
        attention.k_proj.weight[rows] = shared


def word_vectors(tokenizer: Any, minilm: Path, width: int) -> torch.Tensor:
    """(vocabulary, width): each token's vector in MiniLM (the mean of its pieces), projected by PCA to `width`.

    Tokens that MiniLM has no piece for (bytes, turns) are drawn.
    """
    from transformers import AutoTokenizer, BertModel

    source = BertModel.from_pretrained(minilm, num_hidden_layers=1, local_files_only=True)
    words = source.embeddings.word_embeddings.weight.detach()
    bert = AutoTokenizer.from_pretrained(minilm, local_files_only=True)
    _, axes = project(words, width)
    flat = (words - words.mean(dim=0)) @ axes
    vocabulary = bert.get_vocab()
    vectors = torch.randn(len(tokenizer), width) * PCA_STD
    for token in range(len(tokenizer)):
        pieces = _pieces(tokenizer.decode([token]), bert, vocabulary)
        if pieces:
            vectors[token] = flat[pieces].mean(dim=0)
    return vectors


def _pieces(text: str, bert: Any, vocabulary: dict[str, int]) -> list[int]:
    """MiniLM's pieces of a token; one that begins inside a word is looked up as such first."""
    bare = text.strip()
    if not bare or "\ufffd" in bare or bare.startswith("<|"):
        return []
    if bare == text and f"##{bare}" in vocabulary and bare not in vocabulary:
        return [vocabulary[f"##{bare}"]]
    ids = bert(bare, add_special_tokens=False)["input_ids"]
    return [] if bert.unk_token_id in ids else ids
