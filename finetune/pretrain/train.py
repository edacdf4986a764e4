"""Trains a base model from a recipe: dialogue first, then replies only. It stops by the clock and resumes.

Reads top to bottom: data, tokenizer, network, two phases, export.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from frontdesk.finetune.pretrain.batches import Packed, joined, pack_examples
from frontdesk.finetune.pretrain.corpus import dialogues, read_corpus
from frontdesk.finetune.pretrain.examples import Example, render
from frontdesk.finetune.pretrain.pairs import cucom_pairs, draw_pairs, mistyped, seed_pairs, sgd_pairs, written_pairs
from frontdesk.finetune.pretrain.recipe import Recipe, Shape
from frontdesk.finetune.pretrain.run import Report, Run
from frontdesk.finetune.pretrain.state import Progress
from frontdesk.finetune.pretrain.tokenizer import train_tokenizer

_HELD_OUT = 400


def pretrain(recipe: Recipe, *, data: Path, out: Path, report: Report = print) -> Progress:
    """Run a recipe, or what is left of it; leaves `out/state` and `out/tokenizer`, from which `export` builds."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    corpus = read_corpus(data, recipe.corpus, random.Random(recipe.seed))
    tokenizer = prepare_tokenizer(recipe, corpus, out / "tokenizer")
    model = LlamaForCausalLM(llama(recipe.shape, tokenizer))
    run = Run(recipe, model, out / "state", report)
    share = recipe.schedule.instruct_share
    packed = pack_examples(corpus, tokenizer, length=recipe.optimizer.length, agent_only=False)
    held_out = pack_examples(held_out_dialogues(data), tokenizer, length=recipe.optimizer.length, agent_only=False)
    report(
        f"{len(corpus)} examples, {packed.loss.sum()} tokens, {sum(p.numel() for p in model.parameters())} parameters"
    )
    run.phase("pretrain", lambda _: packed, held_out, until=1 - share)
    if share:
        run.phase("instruct", instruction_rows(recipe, data, tokenizer, packed), held_out, until=1.0)
    return run.progress


def prepare_tokenizer(recipe: Recipe, corpus: list[Example], folder: Path) -> PreTrainedTokenizerFast:
    """Train the tokenizer, or load the one that this run began with."""
    if not (folder / "tokenizer.json").is_file():
        texts = (render(example) for example in corpus)
        train_tokenizer(texts, recipe.shape.vocabulary, recipe.shape.context).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def llama(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """The network's configuration; embeddings are tied."""
    return LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def held_out_dialogues(data: Path) -> list[Example]:
    """Dialogues of a development split that no phase trains on."""
    path = data / "sgd" / "dev.jsonl.gz"
    rows = dialogues(path, lambda _: "chat") if path.is_file() else iter(())
    return list(islice(rows, _HELD_OUT))


def instruction_rows(
    recipe: Recipe, data: Path, tokenizer: PreTrainedTokenizerFast, dialogue: Packed
) -> Callable[[int], Packed]:
    """Rows of the instruction phase by epoch: every epoch draws its pairs, and the dialogue among them, anew."""
    written, cucom, sgd = written_pairs(), list(cucom_pairs(data)), list(sgd_pairs(data))

    def rows(epoch: int) -> Packed:
        rng = random.Random(recipe.seed + epoch)
        sources = {"cucom": cucom, "sgd": sgd, "seeds": seed_pairs(rng, count=4000), "written": mistyped(written, rng)}
        pairs = draw_pairs(sources, recipe.instruct, count=8000, seed=recipe.seed + epoch)
        packed = pack_examples(pairs, tokenizer, length=recipe.optimizer.length, agent_only=True)
        kept = round(len(packed) * recipe.replay / (1 - recipe.replay))
        chosen = rng.sample(range(len(dialogue)), min(kept, len(dialogue)))
        return joined([packed, dialogue.rows(chosen)]) if chosen else packed

    return rows
