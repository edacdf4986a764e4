"""The inbox in a real Chromium, by two people at once, over a real store and real documents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.operators import Served, made, running

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("FRONTDESK_SHOTS")
"""A folder for screenshots of every page, wide and narrow."""
TOKENS = {"Ana": "token-of-ana-for-the-tests", "Ben": "token-of-ben-for-the-tests"}
SETTINGS = """
[agents.ana]
name = "Ana"
token = "${ANA_TOKEN}"

[agents.ben]
name = "Ben"
token = "${BEN_TOKEN}"

[brands.shop.handoff.canned]
"On its way" = "Thank you for waiting. {{brand}} has it in hand, and I'll write here as soon as I know more."
"Which order" = "Could you tell me your order number? It starts with LL."

[brands.shop.titles]
human_agent = "Talk to a person"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        for name, token in TOKENS.items():
            patch.setenv(f"{name.upper()}_TOKEN", token)
        with running(made(tmp_path_factory.mktemp("inbox"), SETTINGS)) as server:
            yield server


def signed_in(browser: Browser, served: Served, name: str) -> Page:
    """Return a browser of one person at the inbox; an error on a page, or what a policy blocked, fails the test."""
    context = browser.new_context(base_url=served.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto("/inbox/login")
    page.get_by_label("Operator token").fill(TOKENS.get(name, served.token))
    page.get_by_label("Your name").fill("Somebody else")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("header")).to_contain_text(name)
    return page


def shot(page: Page, name: str) -> None:
    """Keep how a page looks; on a narrow screen nothing may stick out."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} sticks out on a phone"
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}-phone.png"))
    page.set_viewport_size(wide)


def test_two_people_at_once(browser: Browser, served: Served) -> None:
    ana, ben = signed_in(browser, served, "Ana"), signed_in(browser, served, "Ben")
    expect(ana.locator("#queue")).to_contain_text("Nobody is waiting")
    one = served.say("Can I return unused items?", "a person please")
    other = served.say("Does the brass lamp need a bulb?", "a person please")
    for page in (ana, ben):  # it appears by itself
        expect(page.locator(".rows a")).to_have_count(2)
        expect(page.locator(".rows")).to_contain_text("asked for a person")
        expect(page.locator(".rows")).to_contain_text("Can I return unused items?")  # not that a person is wanted
    shot(ana, "inbox-queue")
    for page in (ana, ben):
        page.locator(f"a[href$='{one}']").click()
        expect(page.locator("#held")).to_contain_text("Nobody has it yet")
    expect(ana.locator("#summary")).to_contain_text("Can I return unused items?")
    ana.get_by_role("button", name="Take it").click()
    expect(ana.locator("#held")).to_contain_text("You have this conversation")
    expect(ben.locator("#held")).to_contain_text("Ana has this conversation")
    expect(ben.locator("#compose")).to_be_hidden()
    shot(ben, "inbox-held")
    ben.get_by_label("A note for colleagues").fill("She called about this yesterday.")
    ben.get_by_role("button", name="Add the note").click()
    expect(ana.locator("#notes")).to_contain_text("She called about this yesterday.")
    ana.get_by_label("Your answer").fill("A draft that must not be lost")
    served.say_to(one, "are you still there?")
    expect(ana.locator("#turns")).to_contain_text("are you still there?")
    expect(ana.get_by_label("Your answer")).to_have_value("A draft that must not be lost")
    ana.get_by_label("Your answer").fill("Yes, I'm here. You have 45 days.")
    ana.get_by_role("button", name="Send").click()
    expect(ben.locator(".person .bubble").last).to_have_text("Yes, I'm here. You have 45 days.")
    expect(ben.locator(".person .who").last).to_have_text("Ana")
    ben.get_by_role("button", name="Take over from Ana").click()
    expect(ana.locator("#held")).to_contain_text("Ben has this conversation")
    ben.get_by_role("button", name="Hand back to the bot").click()
    expect(ben.locator(".rows a")).to_have_count(1)
    ben.locator(f"a[href$='{other}']").click()
    expect(ben.locator("h1")).to_be_visible()
    for page in (ana, ben):
        page.context.close()


def test_of_two_answers_sent_at_once_one_is_kept_and_the_other_comes_back(browser: Browser, served: Served) -> None:
    here = served.say("a person, quickly")
    ana, ben = signed_in(browser, served, "Ana"), signed_in(browser, served, "Ben")
    for page in (ana, ben):
        page.route("**/inbox/events*", lambda route: route.abort())  # neither sees the other in time
        page.goto(f"/inbox/conversation?id={here}")
        page.get_by_label("Your answer").fill(f"Words of {page.locator('header .hint').inner_text()}")
    ana.get_by_role("button", name="Send").click()
    expect(ana.locator(".person .bubble").last).to_have_text("Words of Ana")
    ben.get_by_role("button", name="Send").click()
    expect(ben.get_by_role("alert")).to_have_count(1)
    expect(ben.locator("#answer")).to_have_value("Words of Ben")
    expect(ben.locator(".person .bubble")).to_have_text(["Words of Ana"])
    for page in (ana, ben):
        page.context.close()


def test_everything_by_keyboard(browser: Browser, served: Served) -> None:
    first = served.say("Can I return unused items?", "a person please, now")
    ana = signed_in(browser, served, "Ana")
    expect(ana.locator(f"a[href$='{first}']")).to_be_visible()
    rows = ana.locator(".rows a").count()
    for _ in range(rows):
        ana.keyboard.press("j")
    expect(ana.locator(f"a[href$='{first}']")).to_be_focused()
    ana.keyboard.press("k")
    ana.keyboard.press("j")
    ana.keyboard.press("Enter")
    expect(ana.locator("#held")).to_contain_text("Nobody has it yet")
    ana.keyboard.press("?")
    expect(ana.get_by_role("dialog")).to_contain_text("write an answer")
    shot(ana, "inbox-keys")
    ana.keyboard.press("Escape")
    ana.keyboard.press("c")
    expect(ana.locator("#held")).to_contain_text("You have this conversation")
    ana.keyboard.press("s")
    expect(ana.locator("#suggestion .bubble")).to_be_visible()
    ana.locator("#turns summary").first.click()
    expect(ana.locator("#turns blockquote").first).to_be_visible()
    shot(ana, "inbox-conversation")
    ana.get_by_text("Correct this answer").first.click()
    ana.get_by_label("The right answer").fill("You can return unused items within 60 days of delivery.")
    served.say_to(first, "hello?")
    expect(ana.locator("#turns")).to_contain_text("hello?")
    expect(ana.get_by_label("The right answer")).to_have_value(re.compile("60 days"))  # what is being written stays
    shot(ana, "inbox-correct")
    ana.get_by_role("button", name="Save and read in").click()
    expect(ana.locator(".said-now")).to_contain_text("within 60 days of delivery")
    ana.go_back()
    ana.get_by_text("Ready replies").click()
    ana.get_by_role("button", name="Which order").click()
    expect(ana.locator("#answer")).to_have_value("Could you tell me your order number? It starts with LL.")
    ana.keyboard.press("Control+Enter")
    expect(ana.locator(".person .bubble").last).to_contain_text("order number")
    expect(ana.locator(".person .who").last).to_have_text("Ana")
    ana.keyboard.press("b")
    expect(ana.get_by_role("button", name="Hand back to the bot")).to_be_focused()
    ana.keyboard.press("Enter")
    expect(ana).to_have_url(re.compile("/inbox$"))
    ana.context.close()


def test_only_admins_see_the_audit_log(browser: Browser, served: Served) -> None:
    ana, boss = signed_in(browser, served, "Ana"), signed_in(browser, served, "Somebody else")
    refused = ana.goto("/inbox/audit")
    assert refused is not None and refused.status == 403
    ana.goto("/inbox")
    expect(ana.get_by_role("link", name="Audit log")).to_have_count(0)
    boss.get_by_role("link", name="Audit log").click()
    for words in ("signed in", "claimed", "took over", "gave back", "noted"):
        expect(boss.locator(".log")).to_contain_text(words)
    shot(boss, "inbox-audit")
    for page in (ana, boss):
        page.context.close()
