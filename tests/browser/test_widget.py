"""The widget in a real Chromium: what a customer sees, hears and can do, and what a hostile text cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, FrameLocator, Page, expect

from tests.browser.shop import HOSTILE, OPERATOR, QUOTE, Shop, newest

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)
REFUSED = "Failed to load resource: the server responded with a status of {}"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Iterator[Page]:
    """The demo page; anything a policy blocked, or an error in a script, fails the test."""
    opened: Page = context.new_page()
    trouble: list[str] = []

    def refuse(dialog: Dialog) -> None:
        trouble.append(dialog.message)
        dialog.dismiss()

    opened.on("console", lambda said: trouble.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", refuse)
    outside: list[str] = []
    opened.on("request", lambda asked: outside.append(asked.url) if not asked.url.startswith(shop.url) else None)
    opened.goto(shop.url)
    yield opened
    assert [said for said in trouble if said not in getattr(opened, "expected", [])] == []
    assert outside == []


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def write(page: Page, text: str) -> None:
    box = chat(page).get_by_label("Your message")
    box.fill(text)
    box.press("Enter")


def test_greeting_and_streaming(page: Page) -> None:
    frame = chat(page)
    expect(frame.locator("#log").get_by_text("this is Larkspur Lane's assistant")).to_be_visible()
    write(page, "hello")
    expect(frame.locator("#log").get_by_text("Hello there, good to hear from you.")).to_be_visible()
    answer = frame.locator(".them .bubble").last
    expect(answer).to_have_text("Hello there, good to hear from you. What can I do for you today?")
    expect(answer.locator("p")).to_have_count(1)
    expect(frame.locator(".typing")).to_be_hidden()


def test_a_screen_reader_hears_each_answer_once_and_whole(page: Page, shop: Shop) -> None:
    frame = chat(page)
    expect(frame.get_by_role("log")).to_have_attribute("aria-live", "off")
    frame.locator("body").evaluate(HEAR)
    write(page, "can I return it?")
    expect(frame.locator(".sources")).to_be_visible()
    write(page, "the lamp")
    expect(frame.locator(".choices")).to_be_visible()
    frame.get_by_role("button", name="Talk to a person").click()
    expect(frame.locator("#banner")).to_contain_text("queue")
    shop.call(shop.desk.post(newest(shop).id, "Ana here.", "Ana"))
    expect(frame.locator(".person .bubble")).to_be_visible()
    heard = [said for said in frame.locator("body").evaluate("body => body.heard") if "is writing" not in said]
    cited = "Sources: Returns and refunds, When your money comes back"
    assert (
        heard[0]
        == f"Larkspur Lane: {QUOTE} Refunds arrive 5-7 business days after the parcel reaches our warehouse. {cited}"
    )
    for words in (
        "Which of these is closest? Suggested answers: Care",
        "passing this to a colleague",
        "in the queue",
        "Ana: Ana here.",
    ):
        assert sum(words in said for said in heard) == 1, heard
    assert sum("45 days" in said for said in heard) == 1, heard


def test_a_citation_opens_on_its_quote(page: Page) -> None:
    frame = chat(page)
    write(page, "can I return it?")
    marker = frame.get_by_role("button", name="Source 1: Returns and refunds")
    marker.click()
    panel = frame.get_by_role("dialog", name="Returns and refunds")
    expect(panel.locator("blockquote")).to_have_text(QUOTE)
    link = panel.get_by_role("link")
    expect(link).to_have_text("Open on larkspurlane.example")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(marker).to_be_focused()
    frame.get_by_role("button", name="2 When your money comes back").click()
    expect(frame.get_by_role("dialog").get_by_role("link")).to_have_count(0)


def test_buttons_send_their_payload_and_show_their_title(page: Page, shop: Shop) -> None:
    frame = chat(page)
    write(page, "the lamp")
    frame.get_by_role("button", name="Return a lamp").click()
    expect(frame.locator(".mine .bubble").last).to_have_text("Return a lamp")
    expect(frame.locator("#log").get_by_text("You can send anything back")).to_be_visible()
    expect(frame.locator(".choices")).to_have_count(0)
    assert newest(shop).turns[-1].message.text == "/return"


def test_reload_keeps_the_conversation(page: Page) -> None:
    frame = chat(page)
    write(page, "can I return it?")
    expect(frame.locator(".sources")).to_be_visible()
    page.reload()
    expect(frame.locator(".mine .bubble")).to_have_text("can I return it?")
    expect(frame.locator(".them .bubble")).to_have_count(1)
    frame.get_by_role("button", name="Source 2: When").click()
    expect(frame.get_by_role("dialog").locator("blockquote")).to_contain_text("Refunds arrive")
    page.keyboard.press("Escape")
    write(page, "hello")
    expect(frame.locator(".them .bubble").last).to_contain_text("What can I do for you today?")
    frame.get_by_role("button", name="Start a new conversation").click()
    expect(frame.locator(".mine")).to_have_count(0)
    page.reload()
    expect(frame.locator("#log").get_by_text("this is Larkspur Lane's assistant")).to_be_visible()
    expect(frame.locator(".mine")).to_have_count(0)


def test_handoff_and_a_person_live(page: Page, shop: Shop) -> None:
    frame = chat(page)
    frame.get_by_role("button", name="Talk to a person").click()
    expect(frame.locator(".mine .bubble")).to_have_text("Talk to a person")
    banner = frame.locator("#banner")
    expect(banner).to_contain_text("queue for a colleague")
    shop.call(shop.desk.post(newest(shop).id, "Ana here, **hello**.", "Ana"))
    expect(frame.locator(".person .bubble strong")).to_have_text("hello")
    expect(frame.locator(".person .who")).to_contain_text("Ana")
    expect(banner).to_contain_text("with a person")
    for _ in range(4):
        write(page, "and another thing")
    expect(frame.locator(".mine")).to_have_count(5)
    assert frame.locator("body").evaluate("() => document.scrollingElement.scrollHeight === innerHeight"), "one scrolls"
    write(page, "thanks Ana")
    expect(frame.locator(".mine .bubble").last).to_have_text("thanks Ana")
    page.reload()
    expect(frame.locator(".person .bubble strong")).to_have_text("hello")
    expect(banner).to_contain_text("with a person")
    shop.call(shop.desk.hand_back(newest(shop).id))
    expect(banner).to_be_hidden()


def test_what_comes_by_itself_while_waiting_is_the_assistants_with_its_choices(page: Page, shop: Shop) -> None:
    frame = chat(page)
    frame.get_by_role("button", name="Talk to a person").click()
    expect(frame.locator("#banner")).to_contain_text("queue for a colleague")
    choice = [{"title": "Go on with the assistant", "payload": "/back_to_bot"}]
    words = {"text": "It takes longer.", "author": "Assistant", "automatic": True, "citations": [], "buttons": choice}
    shop.call(shop.desk._emit(newest(shop).id, "post-1", "sentence", words))
    shop.call(shop.desk._emit(newest(shop).id, "post-2", "buttons", {"buttons": choice}))
    for _ in range(2):
        expect(frame.locator(".them").last).to_contain_text("AAssistantIt takes longer.Go on with the assistant")
        expect(frame.locator(".person")).to_have_count(0)
        page.reload()
    frame.get_by_role("button", name="Go on with the assistant").click()
    expect(frame.locator(".mine").last).to_contain_text("Go on with the assistant")
    expect(frame.locator(".turn > .choices")).to_have_count(0)


def test_a_person_answers_from_the_inbox(page: Page, shop: Shop, browser: Browser) -> None:
    frame = chat(page)
    frame.get_by_role("button", name="Talk to a person").click()
    expect(frame.locator("#banner")).to_contain_text("queue for a colleague")
    desk = browser.new_page()
    desk.goto(f"{shop.url}/inbox")
    desk.get_by_label("Operator token").fill(OPERATOR)
    desk.get_by_label("Your name").fill("Ana")
    desk.get_by_role("button", name="Sign in").click()
    desk.locator(f"a[href$='{newest(shop).id}']").click()
    desk.get_by_label("Your answer").fill("Hello from <b>Ana</b>.")
    desk.get_by_role("button", name="Send").click()
    expect(desk.locator(".person .bubble")).to_have_text("Hello from <b>Ana</b>.")
    expect(frame.locator(".person .bubble")).to_have_text("Hello from <b>Ana</b>.")
    desk.get_by_role("button", name="Hand back to the bot").click()
    expect(frame.locator("#banner")).to_be_hidden()
    desk.close()


def test_unread_messages_are_counted_while_closed(page: Page, shop: Shop) -> None:
    chat(page).get_by_role("button", name="Talk to a person").click()
    expect(chat(page).locator("#banner")).to_contain_text("queue")
    chat(page).get_by_role("button", name="Close the chat").click()
    expect(page.locator("iframe")).to_be_hidden()
    shop.call(shop.desk.post(newest(shop).id, "Are you there?", "Ana"))
    expect(page.get_by_role("button", name="Chat with us (1 new)")).to_be_visible()
    page.get_by_role("button", name="Chat with us").click()
    expect(chat(page).locator("#log").get_by_text("Are you there?")).to_be_visible()


def test_keyboard_alone(page: Page) -> None:
    chat(page).get_by_label("Your message").press("Escape")
    launcher = page.get_by_role("button", name="Chat with us", exact=True)
    expect(launcher).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat(page).get_by_label("Your message")).to_be_focused()
    page.keyboard.type("return it?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("please")
    page.keyboard.press("Enter")
    expect(chat(page).locator(".mine .bubble")).to_have_text("return it?\nplease")
    expect(chat(page).locator(".sources")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    seen = []
    for _ in range(12):
        seen.append(focused(page))
        if "Source 1" in seen[-1]:
            break
        page.keyboard.press("Shift+Tab")
    assert "Source 1" in seen[-1], seen
    page.keyboard.press("Enter")
    expect(chat(page).get_by_role("dialog")).to_be_visible()
    assert "Close the source" in focused(page)


def test_hostile_texts_are_shown_as_text(page: Page) -> None:
    frame = chat(page)
    write(page, f"hostile {HOSTILE}")
    expect(frame.locator(".mine .bubble")).to_have_text(f"hostile {HOSTILE}")
    shown = frame.locator(".them .bubble").last
    expect(shown).to_contain_text('<img src=x onerror="alert(1)"><script>alert(2)</script> [x](javascript:alert(3)) y')
    expect(frame.get_by_role("button", name="<b>bold</b>")).to_be_visible()
    for tag in ("img", "script", "b:not(.source b)", "a"):
        expect(frame.locator(f"#log {tag}")).to_have_count(0)
    page.evaluate("text => window.frontdesk.ask(text)", HOSTILE)
    expect(frame.locator(".mine .bubble").last).to_have_text(HOSTILE)


def test_a_signed_in_customer_and_a_change_of_customer(page: Page, shop: Shop) -> None:
    frame = chat(page)
    page.get_by_label("Nora Whitfield").check()
    page.get_by_role("button", name="Where is my order?").click()
    expect(frame.locator("#log").get_by_text("Nora Whitfield, your order LL-10423")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Nora Whitfield")).to_be_checked()
    expect(frame.locator("#log").get_by_text("Nora Whitfield, your order LL-10423")).to_be_visible()
    page.get_by_label("A visitor").check()
    expect(frame.locator(".mine")).to_have_count(0)
    page.get_by_role("button", name="Where is my order?").click()
    expect(frame.locator("#log").get_by_text("once you are signed in")).to_be_visible()


def test_an_expired_token_is_renewed_by_the_page(page: Page, shop: Shop) -> None:
    frame = chat(page)
    page.evaluate(EXPIRED)
    write(page, "my order?")
    expect(frame.locator("#log").get_by_text("Ben Okafor, your order LL-10423")).to_be_visible()
    expect(frame.locator(".unsent")).to_have_count(0)
    page.expected = [REFUSED.format("401 (Unauthorized)")]


def test_what_could_not_be_sent_can_be_sent_again(page: Page, shop: Shop) -> None:
    frame = chat(page)
    shop.desk.broken = True
    write(page, "hello")
    again = frame.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    shop.desk.broken = False
    again.click()
    expect(frame.locator(".them .bubble").last).to_contain_text("good to hear from you")
    expect(frame.locator(".mine")).to_have_count(1)
    expect(again).to_have_count(0)
    page.expected = [REFUSED.format("503 (Service Unavailable)")]


def test_feedback(page: Page, shop: Shop) -> None:
    write(page, "can I return it?")
    chat(page).get_by_role("button", name="Helpful", exact=True).click()
    expect(chat(page).get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    assert shop.desk.votes[-1][2] == {"value": "up"}


def test_small_screens_and_dark(browser: Browser, shop: Shop) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.goto(shop.url)
    expect(page.locator("iframe")).to_be_hidden()
    page.get_by_role("button", name="Chat with us", exact=True).click()
    box = page.locator("iframe").bounding_box()
    assert box and (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 360, 700)
    assert chat(page).locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(21, 26, 25)"
    assert not chat(page).locator("body").evaluate("body => body.scrollWidth > innerWidth")
    context.close()


HEAR = """body => {
  const live = (node) => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    const region = element.closest("[aria-live], [role=status], [role=alert], [role=log]");
    return region && region.getAttribute("aria-live") !== "off";
  };
  body.heard = [];
  new MutationObserver((changes) => {
    const all = changes.flatMap((change) => [...change.addedNodes]);
    const added = all.filter((node) => node.textContent.trim() && live(node));
    const outer = added.filter((node) => !added.some((other) => other !== node && other.contains(node)));
    body.heard.push(...outer.map((node) => node.textContent));
  }).observe(body, { childList: true, subtree: true });
}"""
EXPIRED = """() => {
  const body = JSON.stringify({ customer_id: "c-2" });
  const fresh = async () => (await (await fetch("/demo/token", { method: "POST", body })).json()).token;
  window.frontdesk.setUser({ token: "expired.or.broken", refresh: fresh });
}"""
FOCUSED = """() => {
  const element = document.activeElement;
  return `${element.getAttribute("aria-label") || ""} ${element.textContent}`;
}"""


def focused(page: Page) -> str:
    return str(next(frame for frame in page.frames if "/frame" in frame.url).evaluate(FOCUSED))
