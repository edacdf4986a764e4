"""Pre-training on a tiny model: clean text, the loss mask, resuming, the export and its manifest."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from frontdesk.adapters.base_model import load_base
from frontdesk.bot.errors import ConfigError, ModelError
from frontdesk.finetune.pretrain.__main__ import main
from frontdesk.finetune.pretrain.batches import IGNORE, pack, pack_examples
from frontdesk.finetune.pretrain.clean import factless, routine, scrub
from frontdesk.finetune.pretrain.corpus import read_corpus
from frontdesk.finetune.pretrain.examples import Example, Exchange, agent_mask, messages, render
from frontdesk.finetune.pretrain.export import export, final_losses
from frontdesk.finetune.pretrain.pairs import (
    cucom_intent,
    cucom_pairs,
    draw_pairs,
    mistyped,
    seed_pairs,
    seed_table,
    sgd_pairs,
    spin,
    written_pairs,
)
from frontdesk.finetune.pretrain.recipe import Recipe, Schedule, read_recipe
from frontdesk.finetune.pretrain.run import Run, rate_at
from frontdesk.finetune.pretrain.state import Progress, load_state, save_state
from frontdesk.finetune.pretrain.tokenizer import train_tokenizer
from frontdesk.finetune.pretrain.train import held_out_dialogues, instruction_rows, llama, pretrain

RECIPE = Path(__file__).parents[2] / "finetune" / "pretrain" / "frontdesk-base-v1.toml"
COMPLAINT = [
    {"role": "customer", "text": "Order 403-1234567-7654321 came broken!"},
    {"role": "agent", "text": "Thank you for contacting Amazon India. I am sorry about that. It will take 3 days."},
    {"role": "customer", "text": "ok thanks"},
    {"role": "agent", "text": "You are welcome. Have a good day!"},
]
TASK = [
    {"role": "customer", "text": "Find me a table", "acts": ["INFORM_INTENT"]},
    {"role": "agent", "text": "Which city do you prefer?", "acts": ["REQUEST"]},
    {"role": "customer", "text": "No, that is all", "acts": ["NEGATE"]},
    {"role": "agent", "text": "Have a nice day.", "acts": ["GOODBYE"]},
]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every data set in miniature, in our own words."""
    folder = tmp_path_factory.mktemp("data")
    meta = {"intents": ["FindRestaurants"]}
    write_rows(folder / "cucom_ecommerce" / "dialogs.jsonl.gz", [{"id": "1", "turns": COMPLAINT, "meta": {}}])
    for split in ("train", "dev"):
        write_rows(folder / "sgd" / f"{split}.jsonl.gz", [{"id": "1", "turns": TASK, "meta": meta}])
    write_rows(folder / "taskmaster4" / "coffee.jsonl", [{"id": "1", "turns": TASK, "meta": {}}])
    write_rows(
        folder / "multidogo" / "customer_sentences.jsonl.gz", [{"text": "hi", "intent": "contentonly<div>x"}] * 2
    )
    write_rows(folder / "bitext_intents" / "train.jsonl", [{"text": "cancel 99887766", "intent": "cancel_order"}])
    write_rows(folder / "abcd" / "guidelines_docs.jsonl", [{"text": "# Refunds\n\n" + "Ask for the order. " * 12}])
    page = folder / "helpcentre_arduino" / "pages" / "a.md"
    page.parent.mkdir(parents=True)
    page.write_text(
        "---\ntitle: x\n---\n\n" + "See [the page](https://x.example) first. " * 20 + "\n\n```\ncode\n```\n"
    )
    return folder


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer([render(example) for example in seed_pairs(random.Random(0), 300)], 500, 128)


def tiny(**changes: Any) -> Recipe:
    """A recipe of seconds."""
    settings: dict[str, Any] = {
        "name": "tiny",
        "threads": 1,
        "bf16": False,
        "shape": {"vocabulary": 500, "context": 128, "width": 16, "layers": 1, "heads": 2, "feed_forward": 32},
        "schedule": {"minutes": 0.05, "instruct_share": 0.5, "checkpoint_minutes": 0.005},
        "optimizer": {"rows": 2, "length": 32},
        "corpus": {"cucom": 1, "sgd": 1, "multidogo": 1, "bitext": 1, "manuals": 1, "documents": 1, "seeds": 0.02},
        "instruct": {"seeds": 1, "cucom": 1, "sgd": 1},
    }
    return Recipe.model_validate(settings | changes)


def test_the_shipped_recipe_is_valid() -> None:
    assert read_recipe(RECIPE).name == "frontdesk-base-v1"


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\nminuets = 3\n[corpus]\nsgd = 1\n[instruct]\nseeds = 1\n')
    with pytest.raises(ConfigError, match="minuets"):
        read_recipe(path)


def test_an_unknown_data_set_is_refused(data: Path) -> None:
    with pytest.raises(ConfigError, match="wikipedia"):
        read_corpus(data, {"wikipedia": 1}, random.Random(0))


def test_scrub_puts_placeholders_where_names_were() -> None:
    text = "Amazon India: order #403-1234567-7654321, Ms. Anna Berg, anna@mail.example, +49 151 2345678"
    assert scrub(text) == "{{brand}}: order {{order_id}}, {{customer_name}}, (email), (phone)"


def test_factless_drops_the_sentences_with_facts() -> None:
    assert factless("I am sorry. It takes 3 days. Can I help?") == "I am sorry. Can I help?"
    assert routine("I am sorry. I have issued a refund. Can I help?") == "I am sorry. Can I help?"


def test_the_corpus_has_no_order_numbers_and_no_factual_replies(data: Path) -> None:
    text = "".join(render(example) for example in read_corpus(data, tiny().corpus, random.Random(0)))
    assert "403-1234567" not in text and "Amazon" not in text and "99887766" not in text
    assert "3 days" not in text and "https" not in text and "```" not in text
    assert "intent: find_restaurants" in text and "intent: damaged_item" in text


def test_a_share_above_one_repeats_a_data_set(data: Path) -> None:
    assert len(read_corpus(data, {"bitext": 3}, random.Random(0))) == 3


def test_render_writes_what_the_chat_template_writes(tokenizer: Any) -> None:
    exchanges = (Exchange(customer=" hi <|end|> ", agent="Hello."), Exchange(customer="bye", agent="Bye."))
    example = Example(intent="greeting", persona="warm", exchanges=exchanges)
    assert render(example) == tokenizer.apply_chat_template(messages(example), tokenize=False)


def test_the_loss_mask_covers_the_agents_words_and_the_end_only(tokenizer: Any) -> None:
    example = Example(intent="greeting", exchanges=(Exchange(customer="hello there", agent="Hi. How can I help?"),))
    packed = pack_examples([example, example], tokenizer, length=127, agent_only=True)
    batch = packed.batch([0])
    trained = batch.labels[0][batch.labels[0] != IGNORE].tolist()
    assert tokenizer.decode(trained) == "Hi. How can I help?<|end|>" * 2


def test_the_mask_starts_after_the_agent_mark() -> None:
    assert agent_mask([2, 9, 4, 7, 1, 9], agent=4, end=1) == [False, False, False, True, True, False]


def test_packed_examples_do_not_see_each_other() -> None:
    packed = pack([([5, 6, 7], [True] * 3), ([8, 9, 10], [True] * 3)], length=7, pad=0, split=False)
    batch = packed.batch([0])
    assert batch.mask.shape == (1, 1, 7, 7)
    assert not batch.mask[0, 0, 3, :3].any() and batch.mask[0, 0, 4, 3]
    assert batch.labels[0].tolist() == [6, 7, IGNORE, 9, 10, IGNORE, IGNORE]


def test_long_examples_are_split_or_cut() -> None:
    long = [(list(range(1, 11)), [True] * 10)]
    assert pack(long, length=3, pad=0, split=True).ids.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 0, 0]]
    assert pack(long, length=3, pad=0, split=False).ids.tolist() == [[1, 2, 3, 4]]


def test_spin_takes_one_way_through_the_choices() -> None:
    drawn = {spin("(hi|hello)( (dear|good) team|), you", random.Random(seed)) for seed in range(60)}
    assert drawn == {f"{a}{b}, you" for a in ("Hi", "Hello") for b in (" dear team", " good team", "")}


def test_seed_replies_are_many_and_free_of_facts() -> None:
    replies = {pair.exchanges[0].agent for pair in seed_pairs(random.Random(0), 20000)}
    assert len(replies) >= 300
    assert [reply for reply in replies if factless(reply) != reply or "|" in reply or "(" in reply] == []
    assert all({"customer", "plain", "warm"} <= set(rows) for rows in seed_table().values())


def test_seed_replies_carry_their_persona_or_a_neutral_tone() -> None:
    personas = {pair.persona for pair in seed_pairs(random.Random(0), 400)}
    assert personas == {"", "plain", "warm", "formal", "playful", "brief"}


def test_pairs_come_from_first_and_closing_turns(data: Path) -> None:
    pairs = [(pair.intent, pair.exchanges[0].agent) for pair in cucom_pairs(data)]
    assert pairs[0] == ("damaged_item", "Thank you for contacting {{brand}}. I am sorry about that.")
    assert pairs[1] == ("thanks", "You are welcome. Have a good day!")
    assert [pair.intent for pair in sgd_pairs(data)] == ["goodbye"]


def test_written_pairs_are_read_and_typed_as_people_do(tmp_path: Path) -> None:
    rows = [{"intent": "greeting", "message": "Hello there, team.", "reply": "Hello."}] * 20
    write_rows(tmp_path / "a.jsonl", [*rows, {"intent": "thanks", "persona": "warm", "message": "Ta.", "reply": "Ok."}])
    pairs = written_pairs(tmp_path)
    assert [(pair.intent, pair.persona) for pair in pairs[-2:]] == [("greeting", ""), ("thanks", "warm")]
    typed = {pair.exchanges[0].customer for pair in mistyped(pairs, random.Random(0))}
    assert len(typed) > 2 and {pair.exchanges[0].agent for pair in mistyped(pairs, random.Random(0))} == {
        "Hello.",
        "Ok.",
    }
    assert written_pairs(tmp_path / "none") == []


def test_dialogue_is_replayed_among_the_pairs(data: Path, tokenizer: Any) -> None:
    recipe = tiny(replay=0.5)
    dialogue = pack_examples(held_out_dialogues(data), tokenizer, length=32, agent_only=False)
    alone = instruction_rows(tiny(), data, tokenizer, dialogue)(0)
    mixed = instruction_rows(recipe, data, tokenizer, dialogue)(0)
    assert len(mixed) == len(alone) + min(len(alone), len(dialogue))


def test_pairs_are_drawn_by_weight_from_the_sources_that_have_any() -> None:
    one, two = Example(intent="one"), Example(intent="two")
    drawn = draw_pairs({"a": [one], "b": [two] * 500, "c": []}, {"a": 1, "b": 3, "c": 9}, 100, seed=0)
    assert [pair.intent for pair in drawn].count("one") == 25 and len(drawn) == 100


def test_intents_are_read_from_the_words() -> None:
    assert cucom_intent("Where is my parcel, the tracking is stuck") == "order_status"
    assert cucom_intent("I am not amused") == "complaint"


def test_the_rate_warms_up_holds_and_falls() -> None:
    schedule, settings = Schedule(warmup_share=0.1, decay_share=0.5), tiny().optimizer
    rates = [rate_at(share, schedule, settings) for share in (0.0, 0.05, 0.3, 0.75, 1.0)]
    peak, low = settings.rate, settings.final_rate
    assert rates == pytest.approx([peak * 0.01, peak / 2, peak, (peak + low) / 2, low])


def test_loss_falls_and_a_resumed_run_continues(tokenizer: Any, tmp_path: Path) -> None:
    recipe = tiny(schedule={"minutes": 60})
    packed = pack_examples(seed_pairs(random.Random(0), 8), tokenizer, length=32, agent_only=True)

    def run() -> Run:
        torch.manual_seed(0)
        return Run(recipe, LlamaForCausalLM(llama(recipe.shape, tokenizer)), tmp_path / "state")

    first = run()
    first.progress.seconds = 600.0
    losses = [first.step(packed.batch([0, 1])) for _ in range(12)]
    save_state(tmp_path / "state", first.model, first.optimizer, first.progress)
    second = run()
    assert second.progress == first.progress and second.progress.steps == 12
    assert first.step(packed.batch([0, 1])) == pytest.approx(second.step(packed.batch([0, 1])))
    assert first.step(packed.batch([2, 3])) == pytest.approx(second.step(packed.batch([2, 3])))
    assert losses[-1] < losses[0] - 0.2


def test_the_whole_path_trains_resumes_and_exports(data: Path, tmp_path: Path) -> None:
    recipe, out = tiny(), tmp_path / "out"
    lines: list[str] = []
    done = pretrain(recipe, data=data, out=out, report=lines.append)
    assert done.phase == "instruct" and set(done.checks) == {"pretrain_held_out", "instruct_held_out"}
    assert len(done.curve) >= 1 and any("tokens/s" in line for line in lines)

    again = pretrain(recipe, data=data, out=out, report=lines.append)
    assert again.steps == done.steps

    folder = export(recipe, out=out, folder=tmp_path / "model").folder
    model, tokenizer = load_base(str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["tokens_seen"] == done.tokens and "CC BY-SA 4.0" in manifest["data"]["sgd"]
    assert model.config.tie_word_embeddings and tokenizer.chat_template == manifest["chat_template"]
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(ModelError, match=r"config\.json"):
        load_base(str(folder))


def test_the_command_trains_and_exports(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "tiny"\nthreads = 1\nbf16 = false\n'
        "[shape]\nvocabulary = 400\ncontext = 64\nwidth = 16\nlayers = 1\nheads = 2\nfeed_forward = 32\n"
        "[schedule]\nminutes = 0.01\ninstruct_share = 0\n[optimizer]\nrows = 2\nlength = 16\n"
        "[corpus]\nbitext = 5\n[instruct]\nseeds = 1\n"
    )
    arguments = [str(recipe), "--data", str(data), "--out", str(tmp_path / "out")]
    main(arguments)
    picture = tmp_path / "img" / "curve.png"
    main([*arguments, "--export", str(tmp_path / "again"), "--export-only", "--curve", str(picture)])
    assert picture.stat().st_size < 60_000
    assert "MB" in capsys.readouterr().out
    assert load_base(str(tmp_path / "again"))[0].config.vocab_size == 400


def test_nothing_to_resume_is_a_fresh_start(tmp_path: Path) -> None:
    assert load_state(tmp_path, torch.nn.Linear(1, 1), torch.optim.SGD([torch.zeros(1)])) == Progress()


def test_final_losses_are_means_of_the_last_rows() -> None:
    curve = [(float(number), "pretrain", float(number)) for number in range(10)]
    assert final_losses(curve) == {"pretrain_train": 7.0}
