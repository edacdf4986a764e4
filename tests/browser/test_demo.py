"""The demo shop as a stranger meets it: the real server and the real bot in a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.serving import Served, serving

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("FRONTDESK_SHOTS")
"""A folder for screenshots of every step."""


@pytest.fixture(scope="module")
def served(demo: Path) -> Iterator[Served]:
    with serving(demo) as running:
        yield running


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    opened.set_default_timeout(60_000)
    opened.goto(served.url)
    yield opened
    opened.close()


def asked(page: Page, text: str) -> FrameLocator:
    """Send a message and wait for its answer to be whole."""
    frame = page.frame_locator("iframe")
    before = frame.locator(".them .bubble").count()
    box = frame.get_by_label("Your message")
    box.fill(text)
    box.press("Enter")
    expect(frame.locator(".them .bubble")).to_have_count(before + 1, timeout=60_000)
    expect(frame.locator(".typing")).to_be_hidden(timeout=60_000)
    return frame


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def test_a_stranger_is_greeted_cited_told_their_order_and_given_a_person(page: Page, demo: Path) -> None:
    frame = asked(page, "hi")
    greeting = frame.locator(".them .bubble").last
    expect(greeting).not_to_be_empty()
    expect(frame.locator(".sources")).to_have_count(0)
    shot(page, "greeting")

    frame = asked(page, "how many days do I have to send something back?")
    expect(frame.locator(".them .bubble").last).to_contain_text("45 days")
    frame.get_by_role("button", name="Source 1").first.click()
    quote = frame.get_by_role("dialog").locator("blockquote")
    expect(quote).to_be_visible()
    shot(page, "citation")
    words = quote.inner_text().strip()
    stored = [p.read_text(encoding="utf-8") for p in (demo / "knowledge").rglob("*.md")]
    assert any(words in " ".join(text.replace("**", "").split()) for text in stored), words
    page.keyboard.press("Escape")

    frame = asked(page, "qwzx blorf 88 plint")
    expect(frame.locator(".choices button").last).to_be_visible()
    shot(page, "nonsense")

    frame.get_by_role("button", name="Talk to a person").first.click()
    expect(frame.locator("#banner")).to_be_visible()
    shot(page, "person")


def test_a_demo_customer_hears_the_status_from_the_database(page: Page) -> None:
    with page.expect_response(lambda response: response.url.endswith("/demo/token")):
        page.get_by_role("radio", name="Nora Whitfield").check(force=True)
    frame = asked(page, "where is my order")
    expect(frame.locator(".them .bubble").last).to_contain_text("LL-10423")
    shot(page, "order")
