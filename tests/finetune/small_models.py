"""Small causal models of other families, made in a folder: random weights, own tokenizer, a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXTS = [
    "intent: greeting hello hi there, how can I help you? Ahoy there, sailor, what can I haul up for you?",
    "the quick brown fox jumps over the lazy dog 0123456789 .,!?'{}_",
] * 40
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def tokenizer_in(folder: Path, chat: str | None = CHAT) -> Any:
    """Train a byte-level tokenizer on two sentences and save it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    plain.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<|pad|>", eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = chat
    tokenizer.save_pretrained(folder)
    return tokenizer


def small_model(folder: Path, family: str, chat: str | None = CHAT) -> Path:
    """Save a model of `family` (llama, qwen2 or qwen3) with random weights, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tokenizer_in(folder, chat)
    torch.manual_seed(0)
    extra = {"head_dim": 16} if family == "qwen3" else {}
    config = AutoConfig.for_model(
        family,
        **SHAPE,
        **extra,
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
        initializer_range=0.3,  # random embeddings this far apart let an adapter say anything
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
