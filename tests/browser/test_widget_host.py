"""The widget on other people's pages: settings and API, hostile styles, strict policies, who may read what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Route, expect

from frontdesk.channels.identity import HostTokens
from tests.browser.shop import HOST, PNG, Shop, newest

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)
REPORT = "addEventListener('securitypolicyviolation', (e) => (window.blocked ??= []).push(e.violatedDirective));"
BUDGET = 25_000
"""Bytes: everything that a page loads for the widget, compressed."""


@pytest.fixture
def context(browser: Browser, shop: Shop) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce", locale="en-GB")
    made.set_default_timeout(20_000)
    made.add_init_script(REPORT)
    yield made
    made.close()


def embedded(context: BrowserContext, shop: Shop, settings: str = "", head: str = "", csp: str = "") -> Page:
    """A page of the made-up shop HOST with the widget on it; the browser never asks the network for the page."""
    tag = f'<script src="{shop.url}/widget.js" defer {settings}></script>'
    html = f"<!doctype html><html lang=en><title>Shop</title>{head}<h1>A shop</h1><div>Kettles</div>{tag}</html>"
    headers = {"Content-Type": "text/html"} | ({"Content-Security-Policy": csp} if csp else {})
    page = context.new_page()
    page.route(f"{HOST}/**", lambda route: route.fulfill(body=html, headers=headers))
    page.goto(f"{HOST}/")
    expect(chat(page).locator("#text")).to_be_attached()
    return page


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("frontdesk-chat iframe")


def launcher(page: Page) -> Any:
    return page.locator("frontdesk-chat .launch")


def write(page: Page, text: str) -> None:
    chat(page).locator("#text").fill(text)
    chat(page).locator("#text").press("Enter")


def inside(page: Page) -> Any:
    return next(frame for frame in page.frames if "/frame?" in frame.url)


# --- settings and API -------------------------------------------------------------------------------------------
def test_settings_of_the_tag(context: BrowserContext, shop: Shop) -> None:
    settings = 'data-title="Ask us" data-position="left" data-greeting="Hello from the shop" data-color="#7a1f5c"'
    page = embedded(context, shop, f'{settings} data-locale="es-MX" data-theme="dark"')
    page.get_by_role("button", name="Ask us", exact=True).click()
    assert (launcher(page).bounding_box() or {})["x"] == 20
    expect(page.get_by_role("button", name="Cerrar el chat")).to_be_visible()
    expect(chat(page).locator(".them .bubble")).to_have_text("Hello from the shop")
    expect(chat(page).get_by_role("button", name="Hablar con una persona")).to_be_visible()
    look = (
        chat(page)
        .locator("html")
        .evaluate("e => [e.lang, e.dir, e.dataset.theme, e.style.getPropertyValue('--accent')]")
    )
    assert look == ["es", "ltr", "dark", "rgb(122 31 92)"]


def test_the_page_may_bring_its_own_button_and_its_own_variables(context: BrowserContext, shop: Shop) -> None:
    chosen = "--frontdesk-accent: teal; --frontdesk-radius: 4px; --frontdesk-x: 40px; --frontdesk-y: 60px"
    page = embedded(context, shop, 'data-launcher="none"', f"<style>:root {{ {chosen} }}</style>")
    expect(launcher(page)).to_be_hidden()
    page.evaluate("window.frontdesk.toggle()")
    box = page.locator("iframe").bounding_box() or {}
    assert (1280 - box["x"] - box["width"], 860 - box["y"] - box["height"]) == (40, 60 + 72)
    expect(chat(page).locator("html[style*='--accent: rgb(0 128 128)'][style*='--radius: 4px']")).to_be_attached()


def test_questions_are_suggested_until_something_was_said(context: BrowserContext, shop: Shop) -> None:
    settings = 'data-questions="Can I return a kettle?| Where is my order? ||" data-greeting="Hello"'
    page = embedded(
        context, shop, settings, "<style>:root { --frontdesk-width: 480px; --frontdesk-height: 500px }</style>"
    )
    launcher(page).click()
    offered = chat(page).locator(".choices button")
    expect(offered).to_have_text(["Can I return a kettle?", "Where is my order?"])
    box = page.locator("iframe").bounding_box() or {}
    assert (box["width"], box["height"]) == (480, 500)
    page.evaluate("frontdesk.setLocale('es')")
    expect(offered).to_have_count(2)
    offered.first.click()
    expect(chat(page).locator(".mine .bubble")).to_have_text("Can I return a kettle?")
    expect(chat(page).locator(".sources")).to_be_visible()
    assert not offered.count()
    page.evaluate("frontdesk.setLocale('en')")
    page.evaluate("frontdesk.reset()")
    expect(offered).to_have_count(2)


def test_events_tell_the_page_what_happens_and_never_what_was_said(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop)
    page.evaluate("""() => {
        window.told = []; window.posted = [];
        const names = ["ready", "open", "close", "unread", "state"];
        for (const name of names) frontdesk.on(name, (detail) => told.push([name, detail]));
        window.off = frontdesk.on("open", () => told.push("twice"));
        addEventListener("message", (event) => posted.push(JSON.stringify(event.data)));
    }""")
    page.evaluate("off(); frontdesk.open()")
    write(page, "can I return it?")
    expect(chat(page).locator(".sources")).to_be_visible()
    chat(page).get_by_role("button", name="Talk to a person").click()
    expect(chat(page).locator("#banner")).to_be_visible()
    page.evaluate("frontdesk.close()")
    shop.call(shop.desk.post(newest(shop).id, "Are you there?", "Ana"))
    expect(page.get_by_role("button", name="Chat with us (1 new)")).to_be_visible()
    page.wait_for_function("told.length >= 6")
    told = page.evaluate("told")
    assert [row[0] for row in told] == ["ready", "open", "state", "close", "state", "unread"], told
    assert (told[2][1], told[5][1]) == ({"state": "waiting"}, {"count": 1})
    posted = " ".join(page.evaluate("posted"))
    assert newest(shop).id not in posted and "45 days" not in posted and "there?" not in posted
    with pytest.raises(Exception, match='no event "message"'):
        page.evaluate("frontdesk.on('message', () => {})")
    assert page.evaluate("Object.isFrozen(window.frontdesk)")


def test_an_answer_that_crosses_the_press_that_closes_the_chat_is_news(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    write(page, "can I return it?")
    expect(chat(page).locator(".sources")).to_be_visible()
    page.evaluate("Date.now = () => 0; frontdesk.close()")  # pressed before the answer came; heard of after it
    expect(page.get_by_role("button", name="Chat with us (1 new)")).to_be_visible()


def test_the_language_changes_at_once(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    write(page, "can I return it?")
    frame = chat(page)
    expect(frame.locator(".sources")).to_be_visible()
    for code, tag, way, person, source, launch in (
        ("ar", "ar", "rtl", "التحدث مع موظف", "المصدر 1: Returns and refunds", "إغلاق المحادثة"),
        ("zh-CN", "zh-Hans", "ltr", "转人工客服", "来源 1：Returns and refunds", "关闭聊天"),
        ("es", "es", "ltr", "Hablar con una persona", "Fuente 1: Returns and refunds", "Cerrar el chat"),
        ("xx", "en", "ltr", "Talk to a person", "Source 1: Returns and refunds", "Close the chat"),
    ):
        page.evaluate("code => window.frontdesk.setLocale(code)", code)
        expect(frame.locator("html")).to_have_attribute("lang", tag)
        expect(frame.locator("html")).to_have_attribute("dir", way)
        expect(frame.locator(".plain")).to_have_text(person)
        expect(frame.locator(".cite").first).to_have_attribute("aria-label", source)
        expect(launcher(page)).to_have_attribute("aria-label", launch)
        expect(frame.locator(".cite").first).to_have_attribute(
            "aria-label", frame.locator(".cite").first.get_attribute("aria-label") or ""
        )
    left = "element => element.getBoundingClientRect().left"
    before = page.locator("frontdesk-chat").evaluate(left)
    page.evaluate("window.frontdesk.setLocale('ar')")
    expect(frame.locator("html")).to_have_attribute("dir", "rtl")
    assert page.locator("frontdesk-chat").evaluate(left) < before, "right to left it stands on the left"
    write(page, "hello")
    expect(frame.locator(".them .bubble").last).to_contain_text("good to hear")
    assert newest(shop).turns[-1].message.locale == "ar"


def test_the_first_word_comes_once_and_not_to_those_who_talk(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, 'data-proactive="0" data-greeting="Looking for a kettle?"')
    hail = page.get_by_role("button", name="Looking for a kettle?")
    expect(hail).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(hail).to_have_count(0)
    expect(launcher(page)).to_be_focused()
    page.reload()
    expect(chat(page).locator("#text")).to_be_attached()
    expect(page.locator("frontdesk-chat .hail")).to_have_count(0)
    page.evaluate("sessionStorage.clear()")
    page.reload()
    hail.click()
    expect(chat(page).locator("#text")).to_be_focused()
    write(page, "hello")
    expect(chat(page).locator(".mine")).to_have_count(1)
    expect(chat(page).locator(".votes")).to_be_visible()
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(chat(page).locator(".mine")).to_have_count(1)
    expect(page.locator("frontdesk-chat .hail")).to_have_count(0)


# --- what lasts -------------------------------------------------------------------------------------------------
def test_two_tabs_show_the_same(context: BrowserContext, shop: Shop) -> None:
    one, two = embedded(context, shop, "data-open"), embedded(context, shop, "data-open")
    write(one, "can I return it?")
    for page in (one, two):
        expect(chat(page).locator(".mine .bubble")).to_have_text(["can I return it?"])
        expect(chat(page).locator(".sources")).to_be_visible()
    write(two, "hello")
    for page in (two, one):
        expect(chat(page).locator(".mine .bubble")).to_have_text(["can I return it?", "hello"])
        expect(chat(page).locator(".turn").last).to_contain_text("What can I do for you today?")
    one.evaluate("window.frontdesk.reset()")
    for page in (one, two):
        expect(chat(page).locator(".mine")).to_have_count(0)
        expect(chat(page).locator(".them")).to_have_count(1)


def test_what_came_while_the_page_was_away_is_counted(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop)
    page.evaluate("window.frontdesk.open()")
    chat(page).get_by_role("button", name="Talk to a person").click()
    expect(chat(page).locator(".them .bubble").last).to_contain_text("colleague")
    expect(chat(page).locator("#banner")).to_be_visible()
    expect(chat(page).locator(".typing")).to_be_hidden()
    page.goto("about:blank")
    shop.call(shop.desk.post(newest(shop).id, "Are you there?", "Ana"))
    page.goto(f"{HOST}/")
    expect(page.get_by_role("button", name="Chat with us (1 new)")).to_be_visible()
    expect(page.locator("frontdesk-chat [role=status]")).to_have_text("1 new")


def test_what_the_server_does_not_have_survives_a_reload_and_goes_out_once(context: BrowserContext, shop: Shop) -> None:
    context.route("**/api/chat", lambda route: route.abort())
    page = embedded(context, shop, "data-open")
    for text in ("can I return it?", "hello"):
        write(page, text)
    expect(chat(page).locator(".unsent")).to_have_count(2)
    for _ in range(2):
        page.reload()
        expect(chat(page).locator(".unsent .bubble")).to_have_text(["can I return it?", "hello"])
    context.unroute("**/api/chat")
    page.reload()
    expect(chat(page).locator(".mine .bubble")).to_have_text(["can I return it?", "hello"])
    expect(chat(page).locator(".them .bubble").last).to_contain_text("What can I do for you today?")
    expect(chat(page).locator(".unsent")).to_have_count(0)
    assert [turn.message.text for turn in newest(shop).turns] == ["can I return it?", "hello"]
    assert not inside(page).evaluate("Object.keys(localStorage).filter((key) => key.endsWith('unsent')).length")


def test_a_message_whose_acknowledgement_was_lost_is_one_turn_after_a_reload(
    context: BrowserContext, shop: Shop
) -> None:
    def take_and_drop(route: Route) -> None:
        route.fetch()
        route.abort()

    context.route("**/api/chat", take_and_drop)
    page = embedded(context, shop, "data-open")
    write(page, "can I return it?")
    expect(chat(page).locator(".unsent")).to_have_count(1)
    context.unroute("**/api/chat")
    page.reload()
    expect(chat(page).locator(".sources")).to_be_visible()
    expect(chat(page).locator(".mine .bubble")).to_have_text(["can I return it?"])
    assert [turn.message.text for turn in newest(shop).turns] == ["can I return it?"]


def test_an_unsent_message_of_a_customer_is_nobody_elses(context: BrowserContext, shop: Shop) -> None:
    context.route("**/api/chat", lambda route: route.abort())
    page = embedded(context, shop, "data-open")
    sign_in = "token => window.frontdesk.setUser({ token })"
    page.evaluate(sign_in, HostTokens(b"k" * 32).sign("c-1"))
    write(page, "Where is my order?")
    expect(chat(page).locator(".unsent")).to_have_count(1)
    context.unroute("**/api/chat")
    page.reload()
    page.evaluate(sign_in, HostTokens(b"k" * 32).sign("c-2"))
    write(page, "hello")
    expect(chat(page).locator(".them .bubble").last).to_contain_text("What can I do for you today?")
    expect(chat(page).locator(".mine .bubble")).to_have_text(["hello"])


def test_offline_is_said_and_what_was_written_goes_out_afterwards(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    frame = chat(page)
    context.set_offline(True)
    expect(frame.locator("#banner")).to_have_text("You're offline. What you write goes out when you're back.")
    write(page, "hello")
    expect(frame.locator(".unsent")).to_contain_text("Not sent.")
    expect(frame.locator(".unsent .again")).to_be_in_viewport()
    context.set_offline(False)
    expect(frame.locator(".them .bubble").last).to_contain_text("good to hear from you")
    expect(frame.locator(".unsent")).to_have_count(0)
    expect(frame.locator(".mine")).to_have_count(1)
    expect(frame.locator("#banner")).to_be_hidden()


def test_a_lost_connection_is_said_and_taken_up_where_it_stopped(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    frame = chat(page)
    page.route("**/events", lambda route: route.abort())
    frame.get_by_role("button", name="Talk to a person").click()
    expect(frame.locator("#banner")).to_have_text("Connection lost. Trying again…")
    shop.call(shop.desk.post(newest(shop).id, "Are you there?", "Ana"))
    page.unroute("**/events")
    expect(frame.locator(".person .bubble")).to_have_text("Are you there?")
    expect(frame.locator("#banner")).to_have_text("You're talking with a person now.")


def test_a_busy_bot_is_said_so_and_the_message_goes_out_by_itself(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    frame = chat(page)
    busy = {"Retry-After": "2", "Content-Type": "application/json"}
    page.route("**/api/chat", lambda route: route.fulfill(status=429, headers=busy, body="{}"), times=1)
    write(page, "hello")
    expect(frame.locator(".unsent")).to_contain_text("very busy just now. It goes out by itself in 2 seconds.")
    expect(frame.locator(".them .bubble").last).to_contain_text("good to hear from you")
    expect(frame.locator(".unsent")).to_have_count(0)
    page.route(
        "**/api/chat", lambda route: route.fulfill(status=429, headers=busy | {"Retry-After": "9000"}, body="{}")
    )
    write(page, "hello again")
    expect(frame.locator(".unsent")).to_contain_text("You've written a lot today. Please come back a little later.")


def test_a_bot_that_is_away_is_said_so(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    page.clock.install()
    page.route(
        f"{HOST}/**",
        lambda route: route.fulfill(body=f'<script src="{shop.url}/widget.js"></script>', content_type="text/html"),
    )
    page.route("**/frame?*", lambda route: route.abort())
    page.goto(f"{HOST}/")
    launcher(page).click()
    with page.expect_console_message(lambda said: HOST in said.text and "allowed_origins" in said.text):
        page.clock.fast_forward(11_000)
    expect(page.get_by_role("alert")).to_contain_text("The chat cannot be reached right now.")
    page.unroute("**/frame?*")
    page.get_by_role("button", name="Try again").click()
    expect(chat(page).locator("#text")).to_be_visible()


# --- other people's pages ---------------------------------------------------------------------------------------
INJECTED = """() => {
  const attempt = (act) => { try { act(); } catch { /* trusted types refuse it before the policy does */ } };
  const script = document.createElement("script");
  attempt(() => { script.append("window.owned = 1"); document.body.append(script); });
  attempt(() => { document.body.setAttribute("onclick", "window.owned = 2"); document.body.click(); });
  attempt(() => { location.href = "javascript:window.owned = 3"; });
  attempt(() => { setTimeout("window.owned = 4", 0); });
}"""


def test_the_narrowest_policy_is_enough_and_nothing_inline_runs(context: BrowserContext, shop: Shop) -> None:
    rules = f"default-src 'none'; script-src {shop.url}; frame-src {shop.url}; "
    trusted = "require-trusted-types-for 'script'; trusted-types 'none'"
    page = embedded(context, shop, 'data-color="#7a1f5c" data-proactive="0"', csp=rules + trusted)
    launcher(page).click()
    write(page, "can I return it?")
    expect(chat(page).locator(".sources")).to_be_visible()
    chat(page).locator(".cite").first.click()
    expect(chat(page).get_by_role("dialog")).to_be_visible()
    for frame in page.frames:
        assert frame.evaluate("window.blocked ?? []") == [], frame.url
    inside(page).evaluate(INJECTED)
    page.wait_for_timeout(100)
    assert inside(page).evaluate("[window.owned, window.blocked.length > 0]") == [None, True]


def test_neither_the_page_nor_a_stranger_can_read_or_steer_the_conversation(
    context: BrowserContext, shop: Shop
) -> None:
    page = embedded(context, shop, "data-open")
    write(page, "can I return it?")
    expect(chat(page).locator(".sources")).to_be_visible()
    page.evaluate(
        "window.inner = document.querySelector('frontdesk-chat').shadowRoot.querySelector('iframe').contentWindow"
    )
    for look in ("inner.document.body", "inner.localStorage", "inner.eval('1')"):
        with pytest.raises(Exception, match="Blocked a frame"):
            page.evaluate(look)
    page.evaluate("""() => {
        const other = document.createElement("iframe");
        other.srcdoc = "<script>parent.inner.postMessage({ frontdesk: 'ask', text: 'stolen' }, '*')</script>";
        document.body.append(other);
        return new Promise((done) => { other.onload = done; });
    }""")
    page.wait_for_timeout(100)
    expect(chat(page).locator(".mine")).to_have_count(1)
    page.goto(f"{shop.url}/frame?origin=http://evil.example")
    expect(page.locator("body")).to_contain_text("origin_not_allowed")


HOSTILE_STYLE = """<style>
  * { display: none !important; position: static !important; opacity: .1 !important; }
  html, body, div { transform: rotate(20deg) !important; }
  html, body, h1, body div { display: block !important; overflow: hidden !important; }
  body *, frontdesk-chat, [lang] { font: 60px cursive !important; background: yellow !important; }
  iframe, button, svg, p { width: 10px !important; height: 10px !important; filter: blur(9px) !important; }
  html { letter-spacing: 1em; text-transform: uppercase; line-height: 5; word-spacing: 3em; zoom: 1; }
  frontdesk-chat { z-index: -1 !important; inset: 0 !important; visibility: hidden !important; margin: 9px !important; }
</style>"""


LOOK = """host => [...host.shadowRoot.querySelectorAll("button, iframe, svg, .hail")].map((element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  const css = getComputedStyle(element);
  const told = ["font", "color", "backgroundColor", "opacity", "transform", "filter", "margin", "letterSpacing"];
  return [element.className.baseVal ?? element.className, x, y, width, height, ...told.map((name) => css[name])];
})"""


def test_a_hostile_style_sheet_changes_nothing(context: BrowserContext, shop: Shop) -> None:
    seen = []
    for head in ("", HOSTILE_STYLE):
        page = embedded(context, shop, 'data-proactive="0" data-greeting="Hello there"', head)
        expect(page.get_by_role("button", name="Hello there")).to_be_visible()
        looks = [page.locator("frontdesk-chat").evaluate(LOOK)]
        corner = "document.elementFromPoint(innerWidth - 30, innerHeight - 30).localName"
        assert page.evaluate(corner) == "frontdesk-chat"
        launcher(page).click()
        write(page, "can I return it?")
        expect(chat(page).locator(".sources")).to_be_visible()
        seen.append([*looks, page.locator("frontdesk-chat").evaluate(LOOK)])
        page.evaluate("window.frontdesk.reset()")
        expect(chat(page).locator(".mine")).to_have_count(0)
        page.close()
    assert seen[0] == seen[1]


def test_all_of_it_is_small(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    loaded: dict[str, int] = {}
    asked: list[Any] = []
    page.on("requestfinished", lambda request: asked.append(request) if request.url.startswith(shop.url) else None)
    tag = f'<script src="{shop.url}/widget.js" defer data-open></script>'
    page.route(f"{HOST}/**", lambda route: route.fulfill(body=tag, content_type="text/html"))
    page.goto(f"{HOST}/")
    expect(chat(page).locator("#text")).to_be_visible()
    page.wait_for_load_state("networkidle")
    for request in asked:
        loaded[request.url] = request.sizes()["responseBodySize"]
    assert {"widget.js", "frame.js", "frame.css", "words-en.js"} <= {url.rpartition("/")[2] for url in loaded}
    assert sum(loaded.values()) <= BUDGET, loaded


# --- attachments and thumbs -------------------------------------------------------------------------------------
def test_a_picture_goes_along_and_what_is_none_is_refused(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    frame = chat(page)
    choose = frame.locator("input[type=file]")
    choose.set_input_files([{"name": "broken kettle.png", "mimeType": "image/png", "buffer": PNG}])
    expect(frame.locator("footer .files")).to_contain_text("broken kettle.png")
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(frame.locator(".mine .files")).to_contain_text("broken kettle.png")
    expect(frame.locator(".them .bubble").last).to_contain_text("What can I do")
    message = newest(shop).turns[-1].message
    assert (message.text, message.metadata["file"]) == ("[image]", "image")
    assert [(file["name"], file["type"], file["bytes"]) for file in message.metadata["files"]] == [
        ("broken kettle.png", "image/png", len(PNG))
    ]
    page.reload()
    expect(frame.locator(".mine")).to_have_text("You said:broken kettle.png")
    choose.set_input_files([{"name": "evil.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}])
    write(page, "look")
    expect(frame.locator(".unsent")).to_contain_text("This is not a picture or a PDF.")
    choose.set_input_files(
        [{"name": "big.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-" + bytes(1024 * 1024)}]
    )
    expect(frame.locator("footer .trouble")).to_have_text("big.pdf is larger than 1 MB.")


def test_a_thumb_down_asks_why(context: BrowserContext, shop: Shop) -> None:
    page = embedded(context, shop, "data-open")
    frame = chat(page)
    write(page, "can I return it?")
    frame.get_by_role("button", name="Not helpful").click()
    expect(frame.get_by_role("button", name="It's not correct")).to_be_focused()
    assert shop.desk.votes[-1][2] == {"value": "down"}
    frame.get_by_role("button", name="Out of date").click()
    frame.get_by_label("Anything else?").fill("It is 60 days now.")
    frame.locator(".why").get_by_role("button", name="Send").click()
    expect(frame.locator(".why")).to_have_text("Thank you, that helps us.")
    assert shop.desk.votes[-1][2] == {"value": "down", "reason": "old", "comment": "It is 60 days now."}
