"""Names of people and towns to learn from and, disjoint from these, to measure on; from Faker's lists (MIT)."""

from __future__ import annotations

import hashlib
import random
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from frontdesk.bot.errors import MissingExtra

_WEIGHTS = {
    **dict.fromkeys(("en_US", "en_GB"), 10),
    **dict.fromkeys(("en_IN", "en_IE", "en_NZ", "en_PK", "en_KE"), 4),
    **dict.fromkeys(
        ("de_DE", "fr_FR", "es_ES", "es_MX", "it_IT", "pt_BR", "pl_PL", "nl_NL", "sv_SE", "tr_TR", "id_ID"), 2
    ),
    **dict.fromkeys(
        ("da_DK", "fi_FI", "cs_CZ", "hu_HU", "ro_RO", "hr_HR", "et_EE", "vi_VN", "yo_NG", "zu_ZA", "ig_NG"), 1
    ),
    **dict.fromkeys(("tw_GH", "no_NO", "pt_PT", "es_CO", "ha_NG"), 1),
    **dict.fromkeys(("zh_TW", "ja_JP"), 2),
    **dict.fromkeys(
        ("ar_AA", "ru_RU", "zh_CN", "hi_IN", "el_GR", "he_IL", "ko_KR", "uk_UA", "fa_IR", "th_TH", "bn_BD"), 1
    ),
}
"""Locales by how often their names are drawn; names of Chinese and Japanese people come in Latin letters as well."""
_TOWN_LOCALES = ("en_IN", "de_DE", "nl_NL", "pl_PL", "sv_SE", "cs_CZ", "da_DK", "fi_FI", "id_ID")
_TOWNS = """
Austin, Albany, Atlanta, Baltimore, Boise, Boston, Buffalo, Charlotte, Chattanooga, Cincinnati, Cleveland, Columbus,
Dallas, Denver, Des Moines, Duluth, Durham, El Paso, Eugene, Fort Worth, Fresno, Houston, Jacksonville, Kansas City,
Knoxville, Las Vegas, Lincoln, Little Rock, Los Angeles, Louisville, Madison, Memphis, Mesa, Miami, Milwaukee,
Minneapolis, Nashville, New Orleans, New York, Newark, Norfolk, Oakland, Oklahoma City, Omaha, Orlando, Philadelphia,
Pittsburgh, Portland, Providence, Raleigh, Reno, Richmond, Rochester, Sacramento, Salt Lake City, San Antonio, San
Diego, San Francisco, San Jose, Savannah, Scranton, Seattle, Spokane, St. Louis, Tacoma, Tampa, Toledo, Topeka,
Tucson, Tulsa, Wichita, Aberdeen, Bath, Belfast, Birmingham, Blackpool, Bradford, Brighton, Bristol, Cambridge,
Cardiff, Carlisle, Chester, Coventry, Croydon, Derby, Dundee, Edinburgh, Exeter, Glasgow, Gloucester, Hull, Inverness,
Ipswich, Leicester, Liverpool, London, Luton, Manchester, Milton Keynes, Newcastle, Norwich, Nottingham, Oxford,
Plymouth, Portsmouth, Reading, Sheffield, Southampton, Stoke-on-Trent, Sunderland, Swansea, Swindon, Wolverhampton,
Worcester, York, Cork, Galway, Limerick, Calgary, Edmonton, Halifax, Hamilton, Montreal, Ottawa, Quebec City, Regina,
Saskatoon, Toronto, Vancouver, Victoria, Winnipeg, Adelaide, Brisbane, Cairns, Canberra, Darwin, Geelong, Hobart,
Melbourne, Perth, Sydney, Auckland, Christchurch, Dunedin, Wellington, Brooklyn, Queens, Manhattan, the Bronx, Camden,
Hackney, Palo Alto, Mountain View, Santa Rosa, Silver Spring
"""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Given and family names of one locale."""

    given: tuple[str, ...]
    family: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class People:
    """A half of the names and towns: `held_out` ones appear nowhere in the other half, not even as a part."""

    names: dict[str, Names]
    towns: tuple[tuple[str, ...], ...]

    def given(self, rng: random.Random) -> str:
        """Draw a given name."""
        return rng.choice(self._locale(rng).given)

    def family(self, rng: random.Random) -> str:
        """Draw a family name."""
        return rng.choice(self._locale(rng).family)

    def full(self, rng: random.Random) -> str:
        """Draw a given and a family name of one locale, now and then with an initial or two family names."""
        locale = self._locale(rng)
        middle = f" {rng.choice('ABCDEFGHJKLMPRSTW')}." if rng.random() < 0.05 else ""
        first, last = rng.choice(locale.given), rng.choice(locale.family)
        if rng.random() < 0.04:
            first = f"{first}-{rng.choice(locale.given)}"
        if rng.random() < 0.05:
            last = f"{last}-{rng.choice(locale.family)}"
        return f"{first}{middle} {last}"

    def town(self, rng: random.Random) -> str:
        """Draw a town."""
        return rng.choice(rng.choice(self.towns))

    def _locale(self, rng: random.Random) -> Names:
        return self.names[rng.choices(list(self.names), [_WEIGHTS[name] for name in self.names])[0]]


@cache
def people(*, held_out: bool) -> People:
    """Return the names to learn from (three in four), or those held out; raises MissingExtra without Faker."""
    names = {locale: _names(locale, held_out) for locale in _WEIGHTS}
    towns = [part.strip() for part in _TOWNS.replace("\n", " ").split(",")]
    zones = [zone.rsplit("/", 1)[1].replace("_", " ") for zone in sorted(zoneinfo.available_timezones()) if _city(zone)]
    lists = [towns, towns, towns, zones]
    lists += [_attribute("address", locale, "cities") for locale in _TOWN_LOCALES]
    return People(
        names={locale: found for locale, found in names.items() if found.given and found.family},
        towns=tuple(tuple(t for t in some if _held_out(t) == held_out) for some in lists),
    )


def _names(locale: str, held_out: bool) -> Names:
    given = _attribute("person", locale, "first_romanized_names") or [
        *_attribute("person", locale, "first_names_female"),
        *_attribute("person", locale, "first_names_male"),
        *_attribute("person", locale, "first_names"),
    ]
    family = _attribute("person", locale, "last_romanized_names") or _attribute("person", locale, "last_names")
    return Names(given=_half(given, held_out), family=_half(family, held_out))


def _half(names: Iterable[str], held_out: bool) -> tuple[str, ...]:
    """The names of one half, single letters left out; a name of two words belongs where all its words do."""
    return tuple(
        sorted(
            {n for n in names if (len(n) > 1 or not n.isascii()) and all(_held_out(p) == held_out for p in n.split())}
        )
    )


def _held_out(name: str) -> bool:
    """One name in four, by its hash, in whatever case."""
    return hashlib.sha256(name.lower().encode()).digest()[0] % 4 == 0


def _attribute(provider: str, locale: str, name: str) -> list[str]:
    try:
        module: Any = import_module(f"faker.providers.{provider}.{locale}")
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "faker" and error.name == "faker":
            raise MissingExtra("faker", "train") from None
        raise
    return list(getattr(module.Provider, name, ()))


def _city(zone: str) -> bool:
    head, _, tail = zone.partition("/")
    return bool(tail) and head in {"Africa", "America", "Asia", "Australia", "Europe", "Pacific"} and tail.istitle()
