"""A Llama checkpoint with a byte-level BPE tokenizer, as one GGUF file for llama.cpp.

    .venv-llama/bin/python tools/decoder/convert.py CHECKPOINT MODEL.gguf [--type f32|f16]

Own and short, because llama.cpp's converter is not in its Python package. Raises SystemExit on what it cannot
carry over exactly: another architecture, biases, scaled rotations, another tokenizer.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
TURNED = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=("f32", "f16"), default="f32")
    given = parser.parse_args()
    convert(given.checkpoint, given.out, np.float32 if given.type == "f32" else np.float16)


def convert(checkpoint: Path, out: Path, kind: Any) -> None:
    """Write `out`. kind: of the matrices; vectors are always float32, as llama.cpp wants them."""
    config = json.loads((checkpoint / "config.json").read_text())
    _check(config)
    writer = gguf.GGUFWriter(out, "llama")
    _describe(writer, config, checkpoint.name)
    _tokens(writer, checkpoint, config)
    for name, tensor in load_file(checkpoint / "model.safetensors").items():
        if name == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        target = _target(name)
        part = target.split(".")[-2]
        if part in TURNED:
            tensor = interleaved(tensor, config[TURNED[part]])
        writer.add_tensor(target, tensor.astype(np.float32 if tensor.ndim == 1 else kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows reordered so that the two halves a rotation pairs up stand side by side: transformers pairs row i
    of a head with row i + size/2, llama.cpp rows 2i and 2i + 1. One head of four rows: 0 1 2 3 becomes 0 2 1
    3."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _check(config: dict[str, Any]) -> None:
    rope = config.get("rope_parameters") or {}
    faults = [
        ("architectures", config["architectures"] != ["LlamaForCausalLM"]),
        ("attention_bias", bool(config.get("attention_bias"))),
        ("mlp_bias", bool(config.get("mlp_bias"))),
        ("rope_parameters", rope.get("rope_type") != "default"),
        ("hidden_act", config["hidden_act"] != "silu"),
    ]
    for name, wrong in faults:
        if wrong:
            raise SystemExit(
                f"config.json: {name} is {config.get(name)!r}: this converter takes a plain Llama only"
            )


def _describe(writer: Any, config: dict[str, Any], name: str) -> None:
    writer.add_name(name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_vocab_size(config["vocab_size"])


def _tokens(writer: Any, checkpoint: Path, config: dict[str, Any]) -> None:
    told = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    if told["model"]["type"] != "BPE" or told["pre_tokenizer"]["type"] != "ByteLevel":
        raise SystemExit("tokenizer.json: allowed is byte-level BPE, as in GPT-2")
    if told["normalizer"] is not None or told["pre_tokenizer"]["add_prefix_space"]:
        raise SystemExit("tokenizer.json: a normalizer or a prefix space cannot be carried over")
    special = {token["content"] for token in told["added_tokens"]}
    words = sorted(told["model"]["vocab"], key=told["model"]["vocab"].__getitem__)
    if len(words) != config["vocab_size"]:
        raise SystemExit(f"{len(words)} tokens for a vocabulary of {config['vocab_size']}")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in told["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL for word in words]
    )
    writer.add_token_merges(merges)
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    template = checkpoint / "chat_template.jinja"
    if template.exists():
        writer.add_chat_template(template.read_text("utf-8"))


def _target(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.weight"
    _, _, number, part = stem.split(".", 3)
    return f"blk.{number}.{NAMES[part]}.weight"


if __name__ == "__main__":
    main()
