"""Turns with personal data planted in them, each item spelled as people spell it and some as people hide it."""

from __future__ import annotations

import csv
import random
import re
import string
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from frontdesk.finetune.redact.people import People, people

COUNTS = {
    "customer_name": 360,
    "place": 120,
    "email": 140,
    "phone": 160,
    "card": 140,
    "iban": 120,
    "address": 140,
    "order_id": 150,
    "account_number": 120,
    "code": 120,
    "password": 40,
}
_CARDS = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("37", 15),
    ("6011", 16),
    ("3530", 16),
    ("30", 14),
    ("6759", 19),
)
_GAPS = ("", "", " ", " ", "-", ".", "  ", " - ", "\u00a0", "/")
_DRAWN = {"#": string.digits, "%": "23456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ"}
Rng = random.Random


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A turn and the (kind, start, end) of what is planted in it."""

    text: str
    items: tuple[tuple[str, int, int], ...]


@cache
def written() -> dict[str, Any]:
    """Return the carriers, the clean turns and the shapes."""
    return tomllib.loads((Path(__file__).parent / "redaction_turns.toml").read_text(encoding="utf-8"))


def plant(rng: Rng) -> list[Planted]:
    """Return the planted turns, in a fixed order for one seed."""
    made, half = [], people(held_out=True)
    for kind, count in COUNTS.items():
        for number in range(count):
            before, after = written()[kind][number % len(written()[kind])].split("{x}")
            item = _ITEMS[kind](rng, half)
            if kind in ("customer_name", "place") and rng.random() < 0.25:
                before, after = before.lower(), after.lower()
                item = item.lower() if len(item.lower()) == len(item) and rng.random() < 0.7 else item
            stored = "code" if kind == "password" else kind
            made.append(Planted(text=before + item + after, items=((stored, len(before), len(before) + len(item)),)))
    return made


def _shape(rng: Rng, kind: str) -> str:
    return str(rng.choice(written()["shapes"][kind]))


def _filled(rng: Rng, shape: str) -> str:
    return "".join(rng.choice(_DRAWN[char]) if char in _DRAWN else char for char in shape)


def _name(rng: Rng, half: People) -> str:
    name = half.given(rng) if rng.random() < 0.6 else half.full(rng)
    return name.upper() if rng.random() < 0.06 and len(name.upper()) == len(name) else name


def _place(rng: Rng, half: People) -> str:
    return half.town(rng)


def _letters(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "".join(char for char in bare if char.isalnum()) or "reader"


def _email(rng: Rng, half: People) -> str:
    host, style = _shape(rng, "host"), rng.random()
    user = _shape(rng, "email").format(f=_letters(half.given(rng)), l=_letters(half.family(rng)), n=_filled(rng, "##"))
    if style < 0.1:
        return f"{user} at {host.replace('.', ' dot ')}"
    if style < 0.16:
        return f"{user} [at] {host.replace('.', ' [dot] ')}"
    joints = {0.20: "(at)", 0.24: " @ ", 0.28: "\N{FULLWIDTH COMMERCIAL AT}"}
    joint = next((joint for bound, joint in joints.items() if style < bound), "@")
    return f"{user}{joint}{host}".upper() if 0.28 < style < 0.34 else f"{user}{joint}{host}"


def _disguised(rng: Rng, number: str) -> str:
    """One in eight in full-width or Arabic digits, with odd dashes or hard spaces."""
    style = rng.random()
    if style < 0.05:
        zero = 0xFF10 if style < 0.03 else 0x660
        return "".join(chr(zero + int(c)) if c.isascii() and c.isdigit() else c for c in number)
    if style < 0.09:
        return number.replace("-", rng.choice("\u2010\u2011\u2013\u2212"))
    return number.replace(" ", "\u00a0") if style < 0.13 else number


def _shaped(kind: str) -> Callable[[Rng, People], str]:
    return lambda rng, _: _disguised(rng, _filled(rng, _shape(rng, kind)))


def _order(rng: Rng, _: People) -> str:
    return rng.choice(["", "", "", "#"]) + _filled(rng, _shape(rng, "order_id"))


def _card(rng: Rng, _: People) -> str:
    prefix, length = rng.choice(_CARDS)
    body = prefix + _filled(rng, "#" * (length - len(prefix) - 1))
    total = sum(sum(divmod(int(d) * (2 - k % 2), 10)) for k, d in enumerate(reversed(body)))
    number = body + str(-total % 10)
    cuts = (4, 10) if length == 15 else tuple(range(4, length, 4))
    groups = [number[a:b] for a, b in zip((0, *cuts), (*cuts, length), strict=True)]
    return _disguised(rng, " ".join(number) if rng.random() < 0.05 else rng.choice(_GAPS).join(groups))


def _iban(rng: Rng, _: People) -> str:
    body = _filled(rng, _shape(rng, "iban"))
    turned = "".join(str(int(char, 36)) for char in body[4:] + body[:2] + "00")
    number, style = f"{body[:2]}{98 - int(turned) % 97:02d}{body[4:]}", rng.random()
    if style < 0.52:
        joint = " " if style < 0.45 else "-"
        number = joint.join(number[k : k + 4] for k in range(0, len(number), 4))
    return number.lower() if rng.random() < 0.3 else number


def _address(rng: Rng, half: People) -> str:
    shape, _, style = _shape(rng, "address").partition("|")
    family = half.family(rng)
    line = _filled(rng, shape).format(
        f=family if family.isascii() else "Whitby", t=half.town(rng), n=rng.randint(1, 2400), s=rng.randint(2, 99)
    )
    return line.lower() if style else line


def _password(rng: Rng, half: People) -> str:
    word, digits = _letters(half.family(rng)), _filled(rng, "##")
    return str(
        rng.choice(
            [
                f"{word}{digits}",
                f"{word.title()}!{digits}",
                _filled(rng, "@#x@#q#@"),
                f"{word}-{word}-4",
                f"${word}#{digits}",
            ]
        )
    )


_ITEMS: dict[str, Callable[[Rng, People], str]] = {
    "customer_name": _name,
    "place": _place,
    "email": _email,
    "phone": _shaped("phone"),
    "card": _card,
    "iban": _iban,
    "address": _address,
    "order_id": _order,
    "account_number": _shaped("account_number"),
    "code": _shaped("code"),
    "password": _password,
}

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_PERSONS = (
    "person",
    "name",
    "name_male",
    "name_female",
    "first_name",
    "last_name",
    "first_name_male",
    "first_name_female",
)
_NAMED = {
    **dict.fromkeys(_PERSONS, "customer_name"),
    "city": "place",
    "address": "address",
    "email": "email",
    "phone_number": "phone",
    "credit_card_number": "card",
    "iban": "iban",
    "ssn": "account_number",
}
_UNNAMED = {
    "organization": "Company",
    "country": "CountryFull",
    "age": "Age",
    "job": "Occupation",
    "prefix_male": "Title",
    "prefix_female": "Title",
    "url": "Domain",
}


def outside(folder: Path, rng: Rng, rounds: int = 10) -> list[Planted]:
    """Fill the sentences of Presidio's own evaluation (package presidio-evaluator, MIT) with its invented people.

    `folder` holds its templates.txt and FakeNameGenerator CSV. Sentences with slots of other kinds are left out.
    """
    with (folder / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    lines = (folder / "templates.txt").read_text(encoding="utf-8").splitlines()
    able = [line for line in lines if line and all(slot in _NAMED or slot in _UNNAMED for slot in _SLOT.findall(line))]
    return [_outside_turn(line.replace("\\n", "\n"), rows, rng) for _ in range(rounds) for line in able]


def _outside_turn(line: str, rows: list[dict[str, str]], rng: Rng) -> Planted:
    text, items, at = "", [], 0
    for slot in _SLOT.finditer(line):
        text += line[at : slot.start()]
        at, value = slot.end(), _value(slot.group(1), rng.choice(rows), rng)
        if slot.group(1) in _NAMED:
            items.append((_NAMED[slot.group(1)], len(text), len(text) + len(value)))
        text += value
    return Planted(text=text + line[at:], items=tuple(items))


def _value(slot: str, row: dict[str, str], rng: Rng) -> str:
    """What fills a slot of theirs: a field of the row, or a number made as ours are."""
    if slot in _UNNAMED:
        return row[_UNNAMED[slot]] or "something"
    if slot in ("credit_card_number", "iban"):
        return _ITEMS[_NAMED[slot]](rng, people(held_out=True))
    if slot.startswith(("first_name", "last_name")):
        return row["GivenName"] if slot.startswith("first") else row["Surname"]
    made = {
        "customer_name": f"{row['GivenName']} {row['Surname']}",
        "place": row["City"],
        "address": f"{row['StreetAddress']}, {row['City']} {row['ZipCode']}".strip(),
        "email": row["EmailAddress"],
        "phone": f"{row['TelephoneCountryCode']} {row['TelephoneNumber']}",
        "account_number": _filled(rng, "%##-##-####"),
    }
    return made[_NAMED[slot]]
