"""What operators see of the knowledge in a real Chromium: why, what is missing, and the right answer in one step."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from frontdesk.bot.commands.explaining import explain_one
from tests.browser.operators import Served, made, running

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("FRONTDESK_SHOTS")
"""A folder for screenshots of every page, wide and narrow."""
QUESTIONS = (
    ("Can you gift wrap a parcel?",),
    ("can you gift wrap it for ana.petrova@example.com",),
    ("Is there a student discount?",),
    ("Can I return unused items?", "a person please"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running(made(tmp_path_factory.mktemp("operators")), QUESTIONS) as server:
        yield server


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The admin page, signed in; anything a policy blocked, or an error on a page, fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=served.url)
    opened.set_default_timeout(30_000)
    opened.goto("/inbox/login?then=/admin")
    opened.get_by_label("Operator token").fill(served.token)
    opened.get_by_label("Your name").fill("Ana")
    opened.get_by_role("button", name="Sign in").click()
    trouble: list[str] = []
    opened.on("console", lambda said: trouble.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    yield opened
    assert trouble == []
    opened.close()


def explained(page: Page, question: str, brand: str = "shop") -> Locator:
    """Ask a question on the page; return the card with the answer."""
    page.get_by_role("link", name="Explain an answer").click()
    page.get_by_label("A customer's question").fill(question)
    page.get_by_label("Brand").select_option(brand)
    page.get_by_role("button", name="Explain").click()
    return page.locator(".said-now")


def shot(page: Page, name: str) -> None:
    """Keep how a page looks; on a narrow screen nothing may stick out."""
    for width, size in (("wide", {"width": 1280, "height": 900}), ("narrow", {"width": 390, "height": 844})):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"], f"{name} sticks out"
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_an_answer_is_explained_with_its_quote_marked(page: Page) -> None:
    answer = explained(page, "How many days do I have to return unused items?")
    expect(answer).to_contain_text("45 days")
    expect(answer).to_contain_text("knowledge/returns.md")
    expect(page.locator("mark#source-1")).to_contain_text("45 days")
    expect(page.locator(".weighed").first).to_contain_text("kept")
    expect(page.locator(".weighed").first).to_contain_text("dropped")
    assert page.locator(".passages > li").count() > 1
    shot(page, "explain")


def test_documents_that_disagree_are_told_to_the_operator_of_their_brand(page: Page) -> None:
    answer = explained(page, "Within how many days can I return unused items?")
    expect(answer.get_by_role("alert")).to_contain_text("30 days")
    expect(answer.locator(".told")).not_to_contain_text("30 days")
    disagree = page.locator("section").filter(has=page.get_by_role("heading", name="Documents that disagree"))
    page.goto("/admin/gaps?brand=shop")
    expect(disagree).to_contain_text("(knowledge/old-returns.md) says “You can return unused items within 30 days")
    page.goto("/admin/gaps?brand=studio")
    expect(disagree).to_have_count(0)


def test_the_command_says_what_the_page_says(page: Page, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    question = "How many days do I have to return unused items?"
    answer = explained(page, question)
    explain_one(served.bot, "shop", question, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["probability"] >= found["threshold"] > 0
    assert [one["document_id"] for one in found["sentences"][0]["citations"]] == ["knowledge/returns.md"]
    assert {one["kept"] for one in found["considered"]} == {True, False}
    assert page.locator(".passages > li").count() == len(found["passages"])
    expect(answer).to_contain_text(found["sentences"][0]["text"])
    explain_one(served.bot, "shop", question, as_json=False)
    told = capsys.readouterr().out
    for part in (
        "Routed to     knowledge: question 0.97",
        "  kept ",
        "  dropped ",
        "returns.md @ ",
        "  [1] Returns: “",
    ):
        assert part in told
    explain_one(served.bot, "shop", "Who won the cup?", as_json=False)
    assert "  nothing: a person is offered" in capsys.readouterr().out


def test_a_follow_up_is_explained_with_what_was_said_before(page: Page, served: Served) -> None:
    here = served.say("Do you know about the Wren Kettle?", "How much does it cost?")
    page.goto(f"/inbox/conversation?id={here}")
    page.get_by_role("link", name="Why this answer?").last.click()
    expect(page.locator("form.ask")).to_contain_text("searched with what was said before")
    expect(page.get_by_text("Do you know about the Wren Kettle?", exact=True)).to_be_visible()
    expect(page.locator(".said-now")).to_contain_text("$64")


def test_a_gap_is_answered_in_one_step_and_taken_back(page: Page, served: Served) -> None:
    page.get_by_role("link", name="Knowledge gaps").click()
    gap = page.locator(".gaps > li").filter(has=page.get_by_role("heading", name="gift wrap"))
    expect(gap).to_contain_text("Asked 2 times")
    expect(page.locator("main")).to_contain_text("[email]")
    expect(page.locator("main")).not_to_contain_text("ana.petrova")
    expect(page.locator(".gaps")).to_contain_text("asked for a person after the answer")
    shot(page, "gaps")

    gap.get_by_text("Write the answer").click()
    gap.get_by_label("The question").fill("Can you gift wrap a parcel?")
    gap.get_by_label("The right answer").fill("We wrap any order for $5.\n\nTick **Gift** at the checkout.")
    gap.get_by_role("button", name="Save and read in").click()
    expect(page.get_by_role("status")).to_contain_text("Saved and read in")
    expect(page.locator(".said-now .told").first).to_contain_text("We wrap any order for $5. [1]")
    expect(page.locator(".said-now")).to_contain_text("knowledge/corrections/can-you-gift-wrap-a-parcel-")
    served.say("could you gift wrap my parcel?")
    page.get_by_role("link", name="Knowledge gaps").click()
    expect(page.get_by_role("heading", name="gift wrap")).to_have_count(0)

    page.get_by_role("link", name="Corrections").click()
    shot(page, "corrections")
    page.get_by_role("button", name="Undo this correction").click()
    expect(page.get_by_role("status")).to_contain_text("The correction is gone")
    expect(page.locator(".said-now")).to_contain_text("it offers a person instead")
    assert not list((served.project / "knowledge/corrections").glob("*.md"))


def test_a_brand_with_documents_of_its_own_is_corrected_there(page: Page, served: Served) -> None:
    question = "How long does a print take?"
    expect(explained(page, question, "studio")).to_contain_text("two weeks")
    page.get_by_text("Correct this answer").click()
    page.get_by_label("The right answer").fill("A print takes three weeks to make.")
    page.get_by_label("Which document was wrong?").select_option("studio/prints.md")
    page.get_by_role("button", name="Save and read in").click()
    expect(page.locator(".said-now .told").first).to_contain_text("three weeks")
    (file,) = (served.project / "studio/corrections").glob("*.md")
    assert "corrects: studio/prints.md" in file.read_text()
    expect(explained(page, question, "shop")).not_to_contain_text("weeks")


def test_hostile_documents_and_questions_stay_text(page: Page) -> None:
    explained(page, "Is the brass lamp <img src=x onerror=\"document.title='owned'\"> in stock?")
    expect(page.locator(".passages")).to_contain_text("The brass lamp is out of stock")
    assert page.locator("main script, main img").count() == 0
    assert page.title() == "Explain an answer: frontdesk"


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/admin/explain")
    page.get_by_label("A customer's question").focus()
    page.keyboard.type("Do you engrave lamps?")
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    summary = page.get_by_text("Correct this answer")
    expect(summary).to_be_visible()
    summary.focus()
    opened = page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is not opened
    if opened:  # where nothing was answered the form is open already
        page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "question"
    unnamed = "[...document.querySelectorAll('main :is(input:not([type=hidden]), select, textarea)')]"
    assert page.evaluate(f"{unnamed}.every(field => field.labels.length === 1)")


def test_the_numbers_count_what_was_said_and_fit_a_phone(page: Page, served: Served) -> None:
    page.get_by_role("link", name="Numbers").click()
    expect(page.get_by_role("heading", name="Numbers")).to_be_visible()
    missing = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Not in the documents"))
    expect(missing.locator("small")).to_contain_text(" of ")
    bars = page.get_by_role("img", name="Cases, day by day").locator("rect")
    assert bars.count() >= 1
    page.get_by_text("The same as a table").click()
    shot(page, "numbers")
    page.get_by_label("Away counts as helped after").select_option("1 day")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Away counts as helped after")).to_have_value("1")
    with page.expect_download() as download:
        page.get_by_role("link", name="by day").click()
    rows = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("day,cases,messages")
    assert len(rows) == 31
