"""The advisor: what it reads in messages, replies and documents, what it proposes, and what it says is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from frontdesk.bot.config import Brand
from frontdesk.bot.project import read_settings
from frontdesk.bot.router.nlu import Entity, Example, read_nlu
from frontdesk.finetune.advise.consider import SIGNALS, considerations, disagreeing, signals
from frontdesk.finetune.advise.costs import Prices, Timed, cost, to_a_person
from frontdesk.finetune.advise.cues import holds, silent
from frontdesk.finetune.advise.gather import dossiers, spread
from frontdesk.finetune.advise.propose import OPPOSITES, WORDS, propose
from frontdesk.finetune.advise.report import Advice, write_report
from frontdesk.finetune.advise.values import Consideration, Dossier, Looked, Proposal, Source
from frontdesk.finetune.advise.weights import KINDS, Weights, fit
from frontdesk.finetune.transcripts import Pair
from tests.finetune.advise_labels import labels

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
HELLO = Dossier(intent="hello", examples=("hi", "hello", "hey you", "good morning to you all"))
DAYS = Dossier(
    intent="days",
    examples=("How long does delivery take?", "how many days do I have to return a kettle", "what does shipping cost"),
    looked=(
        Looked(
            question="How long does delivery take?",
            sure=0.9,
            said=("Delivery takes 3 to 5 business days.",),
            sources=(Source(title="Delivery", versions=3, dated=False),),
        ),
        Looked(question="what does shipping cost", sure=0.2),
    ),
)
MINE = Dossier(
    intent="mine",
    examples=(
        "my refund still hasn't arrived",
        "I was charged twice for my order",
        "my payment was declined yesterday",
    ),
)


def advice(dossier: Dossier) -> Proposal:
    return propose(dossier, max_error=0.05)


def of(found: tuple[Consideration, ...], key: str) -> Consideration:
    return next(one for one in found if one.key == key)


@pytest.mark.parametrize(
    ("cue", "yes", "no"),
    [
        ("general", "How long does it take?", "my kettle broke"),
        ("own", "where is my blue kettle order", "where are your orders made"),
        ("own", "status of LL-10423", "call 911"),
        ("event", "it hasn’t arrived", "what is the price"),
        ("change", "please delete everything", "what do you sell"),
        ("person", "I want to speak to a human", "am I talking to a human"),
        ("person", "you will hear from my lawyer", "what is a kettle"),
        ("to_us", "are you a robot", "do you ship abroad"),
        ("harm", "was my card stolen", "nice weather"),
    ],
)
def test_a_cue_is_in_the_one_and_not_in_the_other(cue: str, yes: str, no: str) -> None:
    assert holds(cue, yes)
    assert not holds(cue, no)


def test_small_talk_is_silent() -> None:
    assert silent("good morning")
    assert not silent("how do I pay")


def test_each_kind_of_intent_gets_its_route() -> None:
    assert [advice(one).route for one in (HELLO, DAYS, MINE)] == ["voice", "knowledge", "handoff"]


def test_the_reason_names_what_spoke_for_it() -> None:
    assert set(WORDS) == set(OPPOSITES) == set(SIGNALS)
    assert "customer's own record" in advice(MINE).reason or "happened" in advice(MINE).reason
    assert advice(MINE).because[0][1] >= advice(MINE).because[-1][1] > 0


def test_an_action_makes_it_account() -> None:
    proposal = advice(replace(MINE, action="action_payments"))
    assert (proposal.route, proposal.rule) == ("account", "action")
    assert "action_payments" in proposal.reason


def test_whoever_asks_for_a_person_gets_one() -> None:
    asking = Dossier(intent="human", examples=("talk to a human",) * 10)
    assert (advice(asking).route, advice(asking).rule) == ("handoff", "person")


def test_replies_that_state_facts_keep_the_voice_out() -> None:
    stating = replace(HELLO, replies=("It takes 5 days.", "Shipping is $4.95.") * 10)
    plain = replace(HELLO, replies=("Hello, how can I help?",) * 20)
    assert advice(plain).route == "voice"
    assert advice(stating).route != "voice"
    assert advice(stating).rule == "facts"
    assert not advice(stating).sure


def test_the_evidence_is_shown_with_numbers_and_examples() -> None:
    found = considerations(DAYS)
    assert [one.key for one in found] == ["facts", "style", "harm", "replies", "changes", "traceable", "record"]
    assert of(found, "facts").says.startswith("The documents answer 1 of 2 examples (sure 0.55 on average)")
    assert of(found, "facts").examples == ("How long does delivery take? → Delivery takes 3 to 5 business days.",)
    assert of(found, "changes").value == 1.0
    assert "1 of 1 documents changed" in of(found, "changes").says
    assert of(found, "replies").value is None


def test_replies_that_disagree_are_found() -> None:
    assert disagreeing(["You have 30 days.", "You have 14 days to send it back.", "Call us."]) == ["30 days, 14 days"]
    assert disagreeing(["You have 30 days.", "Within 30 days, please."]) == []


def test_what_is_missing_is_said() -> None:
    unanswered = replace(DAYS, looked=tuple(Looked(question=text, sure=0.1) for text in DAYS.examples))
    assert any("How long does delivery take?" in text for text in advice(unanswered).missing)
    few = replace(HELLO, replies=("Hello!",))
    assert any("too few to learn from" in text for text in advice(few).missing)


def test_an_unsure_proposal_always_says_what_would_help() -> None:
    mixed = Dossier(
        intent="mixed",
        examples=(*HELLO.examples, *HELLO.examples, *DAYS.examples),
        replies=("Hello!",) * 20,
        looked=DAYS.looked,
    )
    assert not advice(mixed).sure
    assert "split the intent" in advice(mixed).missing[-1]


def test_another_language_is_never_sure() -> None:
    texts = ("Hallo zusammen", "Guten Morgen, liebes Team", "Schönen guten Tag wünsche ich Ihnen")
    proposal = advice(Dossier(intent="hallo", examples=texts, replies=("Hello, how can I help?",) * 20))
    assert not proposal.sure
    assert any("(de)" in text for text in proposal.missing)


def test_unknown_signals_count_as_average() -> None:
    weights = Weights.shipped()
    found = signals(HELLO)
    assert found["answered"] is None
    assert weights.pulls(found, "voice")["answered"] == 0.0
    assert sum(weights.shares(found).values()) == pytest.approx(1.0)


def test_weights_are_fitted_not_typed_in() -> None:
    rows = [{"a": float(kind == "voice"), "b": float(kind == "record")} for kind in KINDS * 8]
    fitted = fit(rows, KINDS * 8, ["one"] * 12 + ["other"] * 12, max_error=0.05)
    assert fitted.right_left_out == 24
    assert fitted.weights["voice"]["a"] > 0 > fitted.weights["voice"]["b"]
    assert max(fitted.shares({"a": 1.0, "b": 0.0}).items(), key=lambda one: one[1])[0] == "voice"


def test_slots_and_replies_are_gathered_by_intent() -> None:
    brand = Brand.model_validate(
        {"name": "Acme", "profile": {"support_phone": "+1 555 0100"}, "slots": {"order_id": {"pattern": r"A-\d{5}"}}}
    )
    entity = Entity(name="order_id", value="7", start=0, end=1)
    rows = [
        Example(text="where is A-12345", intent="status"),
        Example(text="7 please", intent="status", entities=(entity,)),
        Example(text="hi", intent="hello"),
        Example(text="what is the moon", intent="out_of_scope"),
    ]
    pairs = [Pair(intent="hello", message="hi", reply="Hello, call +1 555 0100 any time.")]
    status, hello = dossiers(rows, brand, pairs=pairs)
    assert status.marked == ("where is A-12345", "7 please")
    assert status.replies == ()
    assert hello.replies == ("Hello, call {{support_phone}} any time.",)


def test_a_slot_of_any_shape_marks_no_message() -> None:
    slots = {"date": {}, "town": {"text": True, "pattern": r"[^\W\d][^\d]{1,80}"}, "order_id": {"pattern": r"A-\d{5}"}}
    brand = Brand.model_validate({"name": "Acme", "slots": slots})
    rows = [Example(text="hello there", intent="hello"), Example(text="status of A-12345", intent="status")]
    assert [one.marked for one in dossiers(rows, brand)] == [(), ("status of A-12345",)]


def test_spread_takes_from_all_over() -> None:
    assert spread(list(range(100)), 4) == [0, 25, 50, 75]
    assert spread([1, 2], 4) == [1, 2]
    assert spread([], 4) == []


def test_costs_add_the_routing_and_the_price() -> None:
    took = [Timed(clock=0.1, cpu=0.05)] * 10
    found = cost("knowledge", took, took, Prices(tokens_in=10_000, tokens_out=1_000, price_in=1.0, price_out=10.0))
    assert found.p50_ms == pytest.approx(200)
    assert found.cpu_seconds == pytest.approx(100)
    assert found.tokens_in == 1000
    assert found.price == pytest.approx(2.0)
    assert cost("handoff", took, []).p50_ms == pytest.approx(100)
    assert cost("handoff", took, []).price is None


def test_who_ends_with_a_person() -> None:
    assert [to_a_person(route, DAYS) for route in ("voice", "knowledge", "handoff")] == [0.0, 0.5, 1.0]
    assert to_a_person("knowledge", HELLO) is None


def test_the_page_shows_every_intent_and_loads_nothing(tmp_path: Path) -> None:
    found = (HELLO, DAYS, replace(MINE, intent="<script>alert(1)</script>"))
    took = [Timed(clock=0.01, cpu=0.01)]
    costs = (cost("voice", took, took), cost("knowledge", took, took, Prices(tokens_in=9, price_in=1.0)))
    made = Advice(brand="Acme", dossiers=found, proposals=tuple(map(advice, found)), costs=costs)
    page = write_report(tmp_path / "reports" / "advice.html", made).read_text()
    assert "Delivery takes 3 to 5 business days." in page
    assert "<script>" not in page
    assert "http" not in page
    assert made.changes == {one.intent: one.route for one in made.proposals if one.sure}


def test_the_words_alone_agree_with_most_labels_of_the_demo() -> None:
    brand = read_settings(TEMPLATE / "frontdesk.toml").brand(None)
    found = {one.intent: advice(one).route for one in dossiers(read_nlu(TEMPLATE / "nlu.yml").rows, brand)}
    mine = [label for label in labels() if label.set == "demo"]
    assert sum(found[label.intent] == label.route for label in mine) >= 0.75 * len(mine)
