"""What the page of numbers looks like: figures with their definitions in words, and a chart per day, drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from frontdesk.bot.usage import HERE
from frontdesk.channels.admin_frame import choice, framed, notice
from frontdesk.channels.numbers_chart import Series, chart
from frontdesk.channels.operator import Session
from frontdesk.channels.pages import Html, el

Report = Mapping[str, Any]
AWAY = {"1": "1 day", "3": "3 days", "7": "7 days", "14": "14 days", "30": "30 days"}
TRIGGERS = {
    "asked": "asked for a person",
    "routed": "always goes to a person",
    "failure": "answering failed",
    "policy": "beyond what the bot may do",
    "anger": "was angry",
    "clarify": "was not understood again and again",
    "risky": "in doubt about something risky",
    "safety": "pressing",
    "agent": "taken by a colleague",
}


def percent(value: Mapping[str, Any]) -> str:
    """Return a share in words: "62 %", or a dash of nothing."""
    return "–" if value["share"] is None else f"{100 * value['share']:.0f} %"


def spread(value: Mapping[str, Any]) -> str:
    """Return what a share rests on: how many of how many, and the 95 % interval."""
    if value["share"] is None:
        return "nothing to count yet"
    return f"{value['n']:,} of {value['of']:,}; 95 %: {100 * value['low']:.0f} to {100 * value['high']:.0f} %"


def seconds(value: float | None) -> str:
    """Return a time as it is read best."""
    if value is None:
        return "–"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def money(value: float | None) -> str:
    """Return an amount in the currency of the prices: three digits of small ones."""
    if value is None:
        return "–"
    return f"{value:,.2f}" if value >= 1 or not value else f"{value:.3g}"


def count(value: float) -> str:
    """Return a count with thousands apart."""
    return f"{value:,.10g}"


Shown = tuple[str, str, str]
"""A figure, what it rests on, and what it means."""
SHARES: Mapping[str, tuple[str, str]] = {
    "involved": ("The bot took part", "Cases in which the bot answered at least once, of all cases."),
    "alone": (
        "The bot alone",
        "Of those, the cases that no person was brought into and no person wrote in. This is not resolution: who gives "
        "up counts too.",
    ),
    "said_so": (
        "Resolved: the customer said so",
        "The last thumb of the case was up (a press on “Did that help?” is one), or the customer wrote that it was "
        "solved (a bare “thanks” is only polite), "
        "and no person was needed.",
    ),
    "no_return": (
        "Resolved: no return",
        "Not said, but the bot's last answer of substance was one, no thumb went down, no person was needed, and the "
        "customer wrote nothing more in {days}.",
    ),
    "handed_over": ("Handed to a person", "Cases the bot took part in and then brought a person into."),
    "clarified": ("Asked back", "Messages that the bot did not understand and asked about, of those it answered."),
    "unanswered": (
        "Not in the documents",
        "Questions for the documents that got no quote, and so an honest “I don't have that”. See Knowledge gaps.",
    ),
    "satisfied": ("Thumbs up", "Thumbs up of all thumbs: customer satisfaction as far as customers told."),
}
CSV = {"days": "by day", "reasons": "reasons", "voices": "voices", "models": "models"}
"""What can be downloaded, with its name on the page."""
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Taking part", ("involved", "alone", "handed_over")),
    ("Verified resolution", ("said_so", "no_return")),
    ("Answering", ("clarified", "unanswered", "satisfied")),
)


def numbers_page(report: Report, brands: Mapping[str, str], session: Session, trouble: str = "") -> str:
    """Return the page: what to show, the figures, the charts, the reasons, the voices."""
    whole = report["whole"]
    parts = [
        _form(report, brands),
        notice(trouble, bad=True) if trouble else None,
        _summary(whole),
        [_group(title, keys, report) for title, keys in GROUPS],
        _speed(whole),
        _cost(whole, report["models"]),
        _models(report["models"]),
        el("section", el("h2", "Day by day"), list(_charts(report["by_day"])), _table(report["by_day"]), class_="card"),
        _reasons(report["reasons"]),
        _voices(report["voices"]),
    ]
    return framed("Numbers", "/admin/numbers", parts, session)


def _form(report: Report, brands: Mapping[str, str]) -> Html:
    kept = {"brand": report["brand"], "since": report["since"], "until": report["last"], "days": str(report["days"])}
    dates = [
        el("label", el("span", label), el("input", type="date", name=name, value=kept[name], required=True))
        for label, name in (("From", "since"), ("To", "until"))
    ]
    every = {"": "All brands", **brands}
    return el(
        "form",
        dates,
        choice("Brand", "brand", every, report["brand"]) if len(brands) > 1 else None,
        choice("Away counts as helped after", "days", AWAY, kept["days"]),
        el("button", "Show"),
        el("p", "Download CSV: ", [_csv_link(what, title, kept) for what, title in CSV.items()]),
        method="get",
        action="/admin/numbers",
        class_="card ask",
    )


def _csv_link(what: str, title: str, kept: Mapping[str, str]) -> list[object]:
    return [el("a", title, href=f"/admin/numbers.csv?{urlencode({**kept, 'what': what})}"), " "]


def _summary(whole: Mapping[str, Any]) -> Html:
    text = (
        f"Cases: {count(whole['cases'])}, with {count(whole['messages'])} messages. A case is what a customer writes "
        "in one conversation without a pause of a day; it belongs to the day it began on (UTC)."
    )
    return el("p", text, class_="hint")


def _group(title: str, keys: Sequence[str], report: Report) -> Html:
    whole, days = report["whole"], AWAY.get(str(report["days"]), f"{report['days']} days")
    tiles = []
    for key in keys:
        name, meaning = SHARES[key]
        tiles.append(_tile(name, percent(whole[key]), spread(whole[key]), meaning.format(days=days)))
    note = None
    if "no_return" in keys:
        note = el("p", _undecided(whole, days), class_="hint")
    return el("section", el("h2", title), note, el("ul", tiles, class_="figures"), class_="card")


def _undecided(whole: Mapping[str, Any], days: str) -> str:
    return (
        f"Of {count(whole['said_so']['of'])} cases in which something was asked of the bot and whose last message is "
        f"at least {days} old; the two are counted apart and never overlap. Left out: {count(whole['undecided'])} that "
        f"are younger, and {count(whole['small_talk'])} of mere small talk."
    )


def _tile(name: str, figure: str, rests: str, meaning: str) -> Html:
    return el("li", el("h3", name), el("strong", figure), el("small", rests), el("p", meaning, class_="hint"))


def _speed(whole: Mapping[str, Any]) -> Html:
    first, messages = whole["first_response"], whole["messages"]
    each = whole["seconds"] / messages if messages else None
    tiles = [
        _tile(
            "First response",
            seconds(first["p50"]),
            f"{count(first['n'])} cases; one in twenty takes longer than {seconds(first['p95'])}",
            "From the first message of a case until the first sentence of the bot's answer is there, the middle one.",
        ),
        _tile(
            "Computing per message",
            seconds(each),
            f"{seconds(whole['seconds'])} in all",
            "The time the bot worked on answers. A model on another server is waited for, too; its tokens are below.",
        ),
    ]
    return el("section", el("h2", "Speed"), el("ul", tiles, class_="figures"), class_="card")


def _cost(whole: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> Html:
    """Return what language models read, wrote and cost; that none on a server was asked is said."""
    spent, resolved = whole["spent"], whole["said_so"]["n"] + whole["no_return"]["n"]
    billed = spent["tokens_in"] + spent["tokens_out"]
    tiles = [
        _tile(
            "Tokens on a bill",
            count(billed),
            f"{count(spent['tokens_in'])} read, {count(spent['tokens_out'])} written",
            _tokens_note(spent, asked=any(one["provider"] != HERE for one in models)),
        ),
        _tile(
            "Cost per case",
            money(spent["cost"] / whole["cases"] if whole["cases"] else None),
            f"{money(spent['cost'])} in all, over {count(whole['cases'])} cases",
            "Tokens at the prices that stood in frontdesk.toml when they were used (price_in and price_out), in their "
            "currency. What computing costs here is not in it.",
        ),
        _tile(
            "Cost per verified resolution",
            money(whole["spent_decided"] / resolved if resolved else None),
            f"{money(whole['spent_decided'])} in {count(whole['said_so']['of'])} decided cases; "
            f"{count(resolved)} resolved",
            "What all decided cases cost, also those that were not resolved, over those that were in either way.",
        ),
    ]
    return el("section", el("h2", "Cost"), el("ul", tiles, class_="figures"), class_="card")


def _models(models: Sequence[Mapping[str, Any]]) -> Html:
    names = ("Model", "Whose", "Calls", "Tokens read", "Tokens written", "Cost", "Calls without a count")
    keys = ("calls", "tokens_in", "tokens_out")
    rows = [
        el(
            "tr",
            el("td", one["model"]),
            el("td", "in this process" if one["provider"] == HERE else one["provider"]),
            [el("td", count(one[key])) for key in keys],
            el("td", money(one["cost"])),
            el("td", count(one["uncounted"])),
        )
        for one in models
    ]
    return _listed("Language models that were asked", names, rows)


def _tokens_note(spent: Mapping[str, Any], *, asked: bool) -> str:
    """Say what the tokens are of, what is missing in them, and when they have no price."""
    if not asked:
        return (
            "No language model on a server was asked in this time, so no tokens were bought. Models in this process "
            f"read and wrote {count(spent['tokens_here'])}."
        )
    parts = ["Read and written by models on servers, as they count them."]
    if spent["uncounted"]:
        parts.append(f"{count(spent['uncounted'])} calls named no tokens and are missing here and in the cost.")
    if not spent["cost"]:
        parts.append("They have no price: set price_in and price_out where the model is set.")
    return " ".join(parts)


def _charts(days: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    labels = [str(day["day"]) for day in days]
    alone = [day["alone"]["n"] for day in days]
    people = [day["involved"]["n"] - day["alone"]["n"] for day in days]
    without = [day["cases"] - day["involved"]["n"] for day in days]
    cases = (Series("the bot alone", alone), Series("with a person", people), Series("without the bot", without))
    yield chart("Cases", labels, cases, count, stacked=True)
    resolved = tuple(
        Series(name, _shares(days, key)) for name, key in (("said so", "said_so"), ("no return", "no_return"))
    )
    yield chart("Verified resolution, of the decided cases", labels, resolved, _part, stacked=True, top=1.0)
    rates = ("handed_over", "clarified", "unanswered")
    lines = tuple(Series(SHARES[key][0].lower(), _shares(days, key)) for key in rates)
    yield chart("Handed over, asked back, not in the documents", labels, lines, _part, top=1.0)
    times = tuple(Series(name, [day["first_response"][name] for day in days]) for name in ("p50", "p95"))
    yield chart("First response", labels, times, seconds)


def _shares(days: Sequence[Mapping[str, Any]], key: str) -> list[float | None]:
    return [day[key]["share"] for day in days]


def _part(value: float) -> str:
    return f"{100 * value:.0f} %"


def _table(days: Sequence[Mapping[str, Any]]) -> Html:
    keys = ("involved", "alone", "said_so", "no_return", "handed_over", "clarified", "unanswered", "satisfied")
    head = el("tr", [el("th", name, scope="col") for name in ("Day", "Cases", *(SHARES[key][0] for key in keys))])
    rows = [
        el(
            "tr",
            el("th", day["day"], scope="row"),
            el("td", count(day["cases"])),
            [el("td", percent(day[k])) for k in keys],
        )
        for day in reversed(days)
    ]
    table = el("table", el("thead", head), el("tbody", rows))
    return el("details", el("summary", "The same as a table"), el("div", table, class_="scroll", tabindex="0"))


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        el(
            "tr",
            el("td", TRIGGERS.get(one["trigger"], one["trigger"])),
            el("td", one["intent"]),
            el("td", count(one["n"])),
        )
        for one in reasons
    ]
    return _listed("Why people were brought in", ("The customer or the case", "Intent", "Times"), rows)


def _voices(voices: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        el(
            "tr",
            el("td", one["voice"]),
            el("td", count(one["messages"])),
            el("td", f"{percent(one['satisfied'])} ({spread(one['satisfied'])})"),
        )
        for one in voices
    ]
    return _listed("Voices that spoke", ("Version", "Messages", "Thumbs up"), rows)


def _listed(title: str, names: Sequence[str], rows: Sequence[Html]) -> Html:
    head = el("thead", el("tr", [el("th", name, scope="col") for name in names]))
    table = el("div", el("table", head, el("tbody", rows), class_="counted"), class_="sideways", tabindex="0")
    return el("section", el("h2", title), table if rows else el("p", "None.", class_="hint"), class_="card")
