"""The widget for everybody: axe-core finds nothing in any state, and the keyboard reaches everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.access import violations, violations_in_chat
from tests.browser.shop import PNG, Shop, newest

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)
DESKTOP = {"width": 1280, "height": 860}
ZOOMED = {"width": 320, "height": 256}
"""What 400 % zoom leaves of 1280 by 1024 (WCAG 1.4.10)."""


@contextmanager
def opened(browser: Browser, shop: Shop, **options: Any) -> Iterator[Page]:
    """The demo page in a new browser context, with the chat open."""
    context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(shop.url)
    expect(chat(page).locator("#text")).to_be_attached()
    page.evaluate("window.frontdesk.open()")
    expect(chat(page).locator("#text")).to_be_visible()
    yield page
    context.close()


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def write(page: Page, text: str) -> None:
    chat(page).locator("#text").fill(text)
    chat(page).locator("#text").press("Enter")


def fill(page: Page, shop: Shop) -> None:
    """Bring the chat into all its states that are seen together: answered, rated, chosen, attached, unsent, offline."""
    frame = chat(page)
    write(page, "can I return it?")
    expect(frame.locator(".sources")).to_be_visible()
    frame.locator(".vote").last.click()
    expect(frame.locator(".why")).to_be_visible()
    picture: Any = {"name": "kettle.png", "mimeType": "image/png", "buffer": PNG}
    frame.locator("input[type=file]").set_input_files([picture])
    write(page, "the lamp, please")
    expect(frame.locator(".turn > .choices")).to_be_visible()
    frame.locator("input[type=file]").set_input_files([picture, picture | {"name": "a.txt", "mimeType": "text/plain"}])
    expect(frame.locator("footer .trouble")).to_be_visible()
    page.context.set_offline(True)
    frame.locator(".plain").click()
    expect(frame.locator(".again").last).to_be_visible()
    expect(frame.locator("#banner")).to_be_visible()


RGB = {
    "#ffd400": "rgb(255 212 0)",
    "#e6007e": "rgb(230 0 126)",
    "#101010": "rgb(16 16 16)",
}
DRESSES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "arabic": {"locale": "ar-EG"},
    "zoomed": {"viewport": ZOOMED},
    "contrast": {"forced_colors": "active"},
}


@pytest.mark.parametrize("dress", DRESSES)
def test_axe_finds_nothing_in_any_state(browser: Browser, shop: Shop, dress: str) -> None:
    with opened(browser, shop, **DRESSES[dress]) as page:
        frame = chat(page)
        fill(page, shop)
        assert violations_in_chat(page) == []
        page.context.set_offline(False)
        expect(frame.locator("#banner")).to_be_visible()
        frame.locator(".cite").first.click()
        expect(frame.get_by_role("dialog")).to_be_visible()
        assert violations_in_chat(page) == []
        page.keyboard.press("Escape")
        shop.call(shop.desk.post(newest(shop).id, "Ana here, **hello**.", "Ana"))
        expect(frame.locator(".person .bubble")).to_be_visible()
        assert violations_in_chat(page) == []
        assert violations(page) == []
        page.evaluate("window.frontdesk.close()")
        expect(page.locator("iframe")).to_be_hidden()
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_brand_colour_stays_readable(browser: Browser, shop: Shop, scheme: str) -> None:
    with opened(browser, shop, color_scheme=scheme) as page:
        fill(page, shop)
        for accent, painted in RGB.items():
            page.evaluate("c => document.documentElement.style.setProperty('--frontdesk-accent', c)", accent)
            page.evaluate("window.frontdesk.open()")
            shown = chat(page).locator(f"html[style*='--accent: {painted}']")
            expect(shown).to_be_attached()
            assert violations_in_chat(page) == [], accent


def test_nothing_scrolls_sideways_at_400_percent_and_all_of_it_is_reached(browser: Browser, shop: Shop) -> None:
    with opened(browser, shop, viewport=ZOOMED) as page:
        write(page, "can I return it?")
        expect(chat(page).locator(".sources")).to_be_visible()
        body = chat(page).locator("body")
        assert not body.evaluate("body => document.scrollingElement.scrollWidth > innerWidth")
        for selector in ("header h1", ".cite >> nth=0", ".vote >> nth=1", "#text", ".plain"):
            part = chat(page).locator(selector)
            part.scroll_into_view_if_needed()
            expect(part).to_be_in_viewport()


def test_on_a_phone_the_focus_stays_in_the_chat_and_escape_gives_it_back(browser: Browser, shop: Shop) -> None:
    with opened(browser, shop, viewport={"width": 360, "height": 700}) as page:
        expect(chat(page).get_by_role("heading", level=1)).to_be_focused()
        seen = []
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.tagName") == "FRONTDESK-CHAT"
            seen.append(focused(page))
        assert seen[:2] == ["Start a new conversation", "Close the chat"]
        assert seen.count("Close the chat") > 1, "the round begins again"
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.tagName") == "FRONTDESK-CHAT"
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Chat with us", exact=True)).to_be_focused()


def test_an_open_source_holds_the_focus(browser: Browser, shop: Shop) -> None:
    with opened(browser, shop) as page:
        write(page, "can I return it?")
        chat(page).locator(".cite").first.click()
        panel = chat(page).get_by_role("dialog", name="Returns and refunds")
        expect(panel.get_by_role("button", name="Close the source")).to_be_focused()
        chat(page).locator("#text").evaluate("text => text.focus()")
        expect(chat(page).locator("#text")).not_to_be_focused()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(page.locator("iframe")).to_be_visible()
        expect(chat(page).locator(".cite").first).to_be_focused()


def test_reduced_motion_stops_every_animation(browser: Browser, shop: Shop) -> None:
    with opened(browser, shop) as page:
        write(page, "can I return it?")
        expect(chat(page).locator(".sources")).to_be_visible()
        assert chat(page).locator("body").evaluate("() => document.getAnimations().length") == 0
        launcher = page.locator("frontdesk-chat button").first
        assert launcher.evaluate("button => getComputedStyle(button).transitionDuration") == "0s"


def focused(page: Page) -> str:
    script = "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
    return str(next(frame for frame in page.frames if "/frame?" in frame.url).evaluate(script))
