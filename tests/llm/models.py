"""A tiny random Llama with its own word tokenizer, in which every grade word is one token."""

from __future__ import annotations

from pathlib import Path

WORDS = ("yes", "Yes", "no", "No", "high", "moderate", "irrelevant", "bad", "fair", "good", "excellent")


def build(folder: Path, seed: int = 0) -> Path:
    """Write the model to a folder and return it.

    The grade words are made likely, so that they hold the mass.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    words = [
        "<unk>",
        "<pad>",
        "<eos>",
        *WORDS,
        *letters,
        "title",
        "keyphrase",
        "category",
        "item",
        "buyer",
        "red",
        "mug",
    ]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<eos>",
        clean_up_tokenization_spaces=False,
    )
    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        pad_token_id=1,
        eos_token_id=2,
        bos_token_id=None,
        initializer_range=0.35,
    )
    network = LlamaForCausalLM(shape)
    with torch.no_grad():
        # One dimension is large in every text and lifts the grade words above all others; the rest stays
        # random.
        network.model.embed_tokens.weight[:, 0] += 12.0
        network.lm_head.weight[:] *= 0.05
        for word in ("yes", "Yes", "no", "No"):
            network.lm_head.weight[vocabulary[word]] = torch.randn(32) * 2.0
            network.lm_head.weight[vocabulary[word], 0] = 9.0
        # Even out yes and no over texts that end in a letter, as the tests' do, so that both are answered.
        head = network.lm_head.weight
        letters_at = torch.tensor([vocabulary[letter] for letter in "abcdefghijklmnopqrstuvwxyz"])
        texts = letters_at[torch.randint(0, 26, (256, 12))]
        hidden = network.model(texts).last_hidden_state[:, -1]
        apart = hidden @ (head[vocabulary["yes"]] - head[vocabulary["no"]])
        head[vocabulary["no"], 0] += apart.median() / hidden[:, 0].mean()
        lift = 6.0 / hidden[:, 0].mean()
        for word in ("yes", "no"):
            head[vocabulary[word], 0] += lift
            head[vocabulary[word.capitalize()]] = head[vocabulary[word]] * 0.8
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
