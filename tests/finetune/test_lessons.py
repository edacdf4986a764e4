"""From transcripts to a dataset: own values, personal data, names, other brands."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from frontdesk.bot.config import Brand, Slot
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.lessons import LONGEST, Lessons, lessons, own_values, unlearnable
from frontdesk.finetune.redact import Redactor
from frontdesk.finetune.transcripts import Pair, Report, Said, Transcript

BRAND = Brand(
    name="Birch & Bell",
    profile={
        "support_email": "help@birchbell.example",
        "support_phone": "+1 555 0142",
        "website": "https://birchbell.example",
        "support_hours": "Monday to Friday 8 am to 6 pm",
    },
    slots={"order_id": Slot(pattern=r"BB-\d{5}")},
)


def talk(*texts: str, number: int = 0, intent: str = "greeting") -> Transcript:
    roles = ("customer", "agent") * len(texts)
    turns = tuple(Said(role=role, text=text) for role, text in zip(roles, texts, strict=False))  # type: ignore[arg-type]
    return Transcript(id=f"c{number}", turns=turns, meta={"intent": intent})


def learned(transcripts: Sequence[Transcript], **more: object) -> Lessons:
    redactor = Redactor(None, patterns={"order_id": r"BB-\d{5}"})
    objection = lambda pair: ""  # noqa: E731
    return lessons(transcripts, Report(), brand=BRAND, objection=objection, clean=redactor, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        ("Write to help@birchbell.example.", "Write to {{support_email}}."),
        ("Call +1-555-0142 or +15550142", "Call {{support_phone}} or {{support_phone}}"),
        ("See https://birchbell.example, or birchbell.example!", "See {{website}}, or {{website}}!"),
        ("See https://birchbell.example/returns", "See https://birchbell.example/returns"),
        ("BIRCH & BELL, monday to friday 8 am to 6 pm", "{{brand}}, {{support_hours}}"),
        ("Write to jane-help@birchbell.example", "Write to jane-help@birchbell.example"),
    ],
)
def test_the_brands_own_values_become_their_placeholders(written: str, restored: str) -> None:
    assert own_values(BRAND)(written) == restored


def test_own_values_survive_redaction_and_others_do_not() -> None:
    found = learned(
        [
            talk("How do I reach you?", "At help@birchbell.example, any time.", number=1),
            talk("I'm at jo@home.example", "Thanks, I wrote to jo@home.example.", number=2),
            talk("My order is BB-10423", "Sorry about {{order_id}}, let me look.", number=3),
        ]
    )
    assert {pair.reply for pair in found.data.train} == {
        "At {{support_email}}, any time.",
        "Sorry about {{order_id}}, let me look.",
    }
    assert found.privacy.replaced == {"email": 2, "order_id": 1}
    assert found.data.dropped == {"needs a value nobody gave (email)": 1}


def test_the_customers_name_is_not_learned_as_a_way_to_greet() -> None:
    replies = [
        ("Hi {{customer_name}}, how can I help?", "Hi, how can I help?"),
        ("Thanks, {{customer_name}}.", "Thanks."),
        ("{{customer_name}}, I'm sorry to hear that.", "I'm sorry to hear that."),
        ("Sorry! {{customer_name}}, one moment.", "Sorry! One moment."),
    ]
    found = learned([talk(f"hello {n}", reply, number=n) for n, (reply, _) in enumerate(replies)])
    learnt = (*found.data.train, *found.data.held_out)
    assert {pair.reply for pair in learnt} == {reply for _, reply in replies}
    named = learned([talk("hello", "This is {{customer_name}} from the shop.")])
    assert named.data.dropped == {"needs a value nobody gave (customer_name)": 1}


def test_a_reply_that_no_voice_can_give_says_why() -> None:
    long = Pair(intent="greeting", message="hi", reply="word " * LONGEST)
    assert unlearnable(long, BRAND) == "longer than a routine reply"
    unasked = Pair(intent="greeting", message="hi", reply="I see {{order_id}}.")
    assert unlearnable(unasked, BRAND) == "needs a value nobody gave (order_id)"
    told = Pair(intent="greeting", message="about BB-10423", reply="I see {{order_id}} at {{brand}}.")
    assert unlearnable(told, BRAND) == ""


@pytest.mark.parametrize(
    "reply",
    [
        "Welcome to Acme Tools! How can I help?",
        "This is Sam from Acme Tools Support. How can I help?",
        "Thank you for contacting Acme Tools, tell me more.",
    ],
)
def test_another_brands_transcripts_are_refused_by_name(reply: str) -> None:
    others = [talk(f"hello {n}", reply, number=n) for n in range(30)]
    with pytest.raises(ConfigError, match="'Acme Tools' in 30 of 30 conversations, for 'Birch & Bell' in 0"):
        learned(others)
    assert learned(others, any_brand=True).data.train


def test_a_teams_mailbox_gives_another_brand_away() -> None:
    with pytest.raises(ConfigError, match="'acmetools' in 4"):
        learned([talk(f"hello {n}", "Write to support@acmetools.example.", number=n) for n in range(4)])


def test_a_brand_that_is_only_mentioned_is_no_reason_to_refuse() -> None:
    own = [talk(f"hello {n}", "Welcome to Birch & Bell! How can I help?", number=n) for n in range(30)]
    guests = [talk(f"and {n}", "It was made by our friends at Acme Tools.", number=100 + n) for n in range(5)]
    assert learned([*own, *guests]).data.train


def test_planted_secrets_stay_out_of_the_account() -> None:
    planted = [talk("I'm at jo@home.example", "Noted, thank you.", number=7)]
    found = learned([talk("hi", "Hello there.", number=1)], planted=planted)
    assert len(found.data.train) == 2
    assert not found.privacy.replaced
    assert any("planted" in line for line in found.lines())


def test_the_account_is_complete_and_plain() -> None:
    found = learned([talk("hi", "Hello there.", number=1), talk("hi", "Hello there.", number=2)])
    account = found.as_dict()
    assert account["pairs"] == {"train": 1, "held_out": 0, "dropped": {"duplicate": 1}}
    assert account["intents"] == {"greeting": {"train": 1, "held_out": 0}}
    assert "pairs: 1 to train on, 0 held out; dropped: 1 duplicate" in found.lines()
