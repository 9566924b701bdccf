"""The decoder's start: a small Llama whose word vectors are MiniLM's, projected, and whose attention looks
for its like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from adjudge.student.start import PCA_STD, project

PROMPT_WORDS = {"item": 1, "search": 3, "answer": 4}
"""The prompts' own words, each the beginning of a part of the question, with the code of that part."""
SAME, PART, FOUND = -3, -2, -1
"""Dimensions kept apart from the word vectors: one is equal in every token, one tells the part that a token
stands in, one the part where it found its like."""
MARK = 0.067


def build(tokenizer: Any, minilm: Path | None, shape: dict[str, Any], alike: float) -> Any:
    """A LlamaForCausalLM to train. Draws from torch's generator: seed it first. minilm: where the word
    vectors come from; None leaves the start to weights that are loaded over it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_key_value_heads=shape["num_attention_heads"],
        max_position_embeddings=2048,
        # Tied, the softmax over the whole vocabulary pushes all word vectors the same way within the first
        # hundred steps, and attention that looks for like tokens finds all alike.
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        rms_norm_eps=1e-5,
        initializer_range=0.02,
        attn_implementation="sdpa",
        **shape,
    )
    model = LlamaForCausalLM(config)
    if minilm is None:
        return model
    with torch.no_grad():
        words = model.model.embed_tokens.weight
        words[:, :SAME] = word_vectors(tokenizer, minilm, config.hidden_size + SAME)
        words[:, SAME], words[:, PART:] = 2 * PCA_STD, 0.0
        for word, code in PROMPT_WORDS.items():
            words[tokenizer.convert_tokens_to_ids(word), PART] = code * MARK
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[SAME:] = 0.0
            layer.mlp.down_proj.weight[SAME:] = 0.0
        parts, match, gather = (layer.self_attn for layer in model.model.layers)
        attend_parts(parts, config)
        attend_alike(match, config, alike)
        attend_keyphrase(gather, config)
    return model


def attend_parts(attention: Any, config: Any) -> None:
    """The last head of the first layer looks for the latest of the prompt's own words, so that every token
    knows which part it stands in: a decoder has no segment vectors, and a word of the keyphrase that finds
    its like could not tell it from itself.

    Every query reads SAME, every key and value PART, and the value is written to PART. Score and value are 0
    where a token is none of the prompt's words and grow from word to word, so that the latest wins. The row
    used is the one that the rotation of positions turns least.
    """
    size = config.hidden_size // config.num_attention_heads
    rows = slice((config.num_attention_heads - 1) * size, config.num_attention_heads * size)
    row = rows.start + size // 2 - 1
    for weight, read in ((attention.q_proj, SAME), (attention.k_proj, PART), (attention.v_proj, PART)):
        weight.weight[rows] = 0.0
        weight.weight[row, read] = 3.0
    attention.v_proj.weight[row, PART] = 1.0
    attention.o_proj.weight[:, rows] = 0.0
    attention.o_proj.weight[PART, row] = 2 * PCA_STD


def attend_alike(attention: Any, config: Any, gain: float) -> None:
    """Queries and keys of a layer share one map of orthonormal rows times `gain` in every head, so that a
    token's score is highest with tokens like itself (`adjudge.student.start.attend_alike`, made causal). What
    it finds is told: the part where its like stands is written to FOUND."""
    size = config.hidden_size // config.num_attention_heads
    for head in range(config.num_attention_heads):
        rows = slice(head * size, (head + 1) * size)
        shared = torch.zeros(size, config.hidden_size)
        shared[:, :SAME] = gain * torch.linalg.qr(torch.randn(config.hidden_size + SAME, size))[0].T
        attention.q_proj.weight[rows] = shared
        attention.k_proj.weight[rows] = shared
        attention.v_proj.weight[rows.start] = 0.0
        attention.v_proj.weight[rows.start, PART] = 1.0
        attention.o_proj.weight[FOUND, rows.start] = PCA_STD / 2


def attend_keyphrase(attention: Any, config: Any) -> None:
    """Half the heads of a layer look at the question's later parts, the keyphrase."""
    size = config.hidden_size // config.num_attention_heads
    for head in range(config.num_attention_heads // 2):
        row = head * size + size // 2 - 1
        attention.q_proj.weight[row], attention.k_proj.weight[row] = 0.0, 0.0
        attention.q_proj.weight[row, SAME] = attention.k_proj.weight[row, PART] = 2.0
        attention.v_proj.weight[head * size] = 0.0
        attention.v_proj.weight[head * size, FOUND] = 1.0
        attention.o_proj.weight[:, head * size] *= 5.0


def word_vectors(tokenizer: Any, minilm: Path, width: int) -> torch.Tensor:
    """(vocabulary, width): each token's vector in MiniLM (the mean of its pieces), projected by PCA to
    `width`.

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
