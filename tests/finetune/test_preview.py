"""The loss mask, visible: what is shown is what training uses."""

from __future__ import annotations

from rich.console import Console

from frontdesk.adapters.base_model import load_base
from frontdesk.finetune.dataset import Dataset
from frontdesk.finetune.preview import coloured, masked, preview
from frontdesk.finetune.transcripts import Pair

PAIRS = tuple(
    Pair(intent=f"intent{k}", message=f"hi {n} there", reply=f"Hello number {n}, how can I help?")
    for k in range(4)
    for n in range(5)
)


def test_the_reply_and_its_end_are_learned_and_nothing_else() -> None:
    tokenizer = load_base()[1]
    shown = masked(PAIRS[0], tokenizer)
    learned = "".join(word for word, trained in shown.tokens if trained)
    read = "".join(word for word, trained in shown.tokens if not trained)
    assert learned == PAIRS[0].reply + tokenizer.eos_token
    assert "intent: intent0" in read and "hi 0 there" in read and "Hello" not in read


def test_a_few_pairs_are_shown_of_as_many_intents_as_there_are() -> None:
    data = Dataset(train=PAIRS, held_out=(), dropped={})
    shown = preview(data, load_base()[1], count=6)
    assert {one.intent for one in shown[:4]} == {"intent0", "intent1", "intent2", "intent3"}
    assert len(shown) == 6


def test_what_is_learned_is_green_and_the_rest_red() -> None:
    console = Console(force_terminal=True, color_system="standard", width=200)
    with console.capture() as captured:
        console.print(coloured(masked(PAIRS[0], load_base()[1])))
    green, red = "\x1b[1;32m", "\x1b[2;31m"
    assert f"{green}Hello" in captured.get()
    assert f"{red}intent" in captured.get()
