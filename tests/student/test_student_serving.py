"""The served graphs give the network's own logits, whatever its depth and head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from adjudge.student.serving import TABLES, write_graphs


@pytest.mark.parametrize(("layers", "heads", "outputs"), [(1, 2, 1), (2, 4, 1), (3, 2, 2)])
def test_graphs_equal_transformers(tmp_path: Path, layers: int, heads: int, outputs: int) -> None:
    torch.manual_seed(1)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=64,
            max_position_embeddings=16,
            num_labels=outputs,
            initializer_range=0.3,
        )
    ).eval()
    # Biases start at zero; the folded ones must be seen to count.
    for name, weights in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weights, std=0.3)
    write_graphs(model, tmp_path)
    open_ = {
        name: onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"))
        for name in ("model", "first", "rest")
    }
    rng = np.random.default_rng(2)
    ids = rng.integers(1, 50, (5, 9))
    types = np.broadcast_to((np.arange(9) > 3).astype(np.int64), ids.shape)
    mask = np.ones_like(ids)
    mask[3:, 6:] = 0
    own = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.array(types)}
    with torch.no_grad():
        expected = model(**{name: torch.from_numpy(value) for name, value in own.items()}).logits.numpy()
    assert np.abs(expected).max() > 0.1
    assert np.abs(open_["model"].run(None, own)[0] - expected).max() < 1e-5
    # Tables hold each triple once; here in random order.
    triples = np.stack([ids, np.broadcast_to(np.arange(9), ids.shape), types]).reshape(3, -1)
    distinct, index = np.unique(triples, axis=1, return_inverse=True)
    given = dict(zip(("ids", "positions", "types"), distinct, strict=True))
    names = [output.name for output in open_["first"].get_outputs()]
    assert names == list(TABLES if layers > 1 else TABLES[:1])
    tables = dict(zip(names, open_["first"].run(None, given), strict=True))
    full = open_["rest"].run(None, {"index": index.reshape(ids.shape)[:3], **tables})[0]
    assert np.abs(full - expected[:3]).max() < 1e-5
