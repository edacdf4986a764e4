"""The page at `/`: the widget in place, and in demo mode the customers one can be."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.bot.config import Brand, DemoCustomer
from frontdesk.bot.errors import ChannelError
from frontdesk.channels.identity import HostTokens
from frontdesk.channels.pages import Html, document, el, page, policy
from frontdesk.channels.problems import parse, read_body

PLAIN = "Hello from frontdesk"


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the demo page offers to try."""

    customers: tuple[DemoCustomer, ...] = ()
    questions: tuple[str, ...] = ()


class TokenBody(BaseModel):
    """The body of POST /demo/token."""

    model_config = ConfigDict(extra="forbid")
    customer_id: str = Field(max_length=200)


def demo_routes(
    brand: Brand, tokens: HostTokens, demo: Demo | None, body_bytes: int, route: type[APIRoute]
) -> APIRouter:
    """Return GET / and, in demo mode only, POST /demo/token."""
    router = APIRouter(route_class=route)

    @router.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(PLAIN)
        headers = policy(frame_src="'self'")
        return page(_home(brand, demo), headers | {"Vary": "Accept"})

    if demo is not None:
        people = {customer.id: customer for customer in demo.customers}

        async def token(request: Request) -> Response:
            body = parse(TokenBody, await read_body(request, body_bytes))
            if body.customer_id not in people:
                raise ChannelError("There is no such demo customer.", status=404, code="unknown_customer")
            who = people[body.customer_id]
            return JSONResponse({"token": tokens.sign(who.id, name=who.name, email=who.email)})

        router.add_api_route("/demo/token", token, methods=["POST"], include_in_schema=False, response_model=None)
    return router


def _home(brand: Brand, demo: Demo | None) -> str:
    main = el("main", _hero(brand), el("div", _people(demo), _questions(demo), _next(), class_="grid"))
    foot = el("footer", "Answers quote their source, or a person takes over. Built with frontdesk.")
    chat = el("script", src="/widget.js", defer=True, data_open=demo is not None)
    bar = el("header", el("span", brand.name[:1], class_="mark", aria_hidden="true"), el("strong", brand.name))
    return document(f"{brand.name}: support", [bar, main, foot, chat], styles=["demo.css"], scripts=["demo.js"])


def _hero(brand: Brand) -> Html:
    return el(
        "section",
        el("p", "Customer support", class_="kicker"),
        el("h1", "Ask ", el("em", brand.name), " anything"),
        el(
            "p",
            "Small talk gets a warm answer, questions get a quoted source, and whatever is left gets a person.",
            class_="lead",
        ),
        el("button", "Open the chat", type="button", class_="primary", data_open=True),
        class_="hero",
    )


def _card(title: str, hint: str, *children: object, class_: str = "") -> Html:
    return el("section", el("h2", title), el("p", hint, class_="hint"), *children, class_=f"card {class_}".strip())


def _people(demo: Demo | None) -> Html | None:
    if demo is None or not demo.customers:
        return None
    nobody = DemoCustomer(id="", name="A visitor", story="Not signed in; orders open by number and e-mail.")
    rows = [_person(customer, chosen=not customer.id) for customer in (nobody, *demo.customers)]
    hint = "The page signs you in with a short-lived token, as your shop would."
    return _card("Be a customer", hint, el("div", rows, role="radiogroup", aria_label="Customer", class_="people"))


def _person(customer: DemoCustomer, *, chosen: bool) -> Html:
    words = el("span", el("strong", customer.name), el("small", customer.story))
    choice = el("input", type="radio", name="customer", value=customer.id, checked=chosen, data_customer=True)
    return el("label", choice, words, class_="person")


def _questions(demo: Demo | None) -> Html | None:
    if demo is None or not demo.questions:
        return None
    rows = [el("button", question, type="button", class_="ask", data_ask=question) for question in demo.questions]
    return _card("Try one of these", "A press sends it for you.", el("div", rows, class_="questions"))


def _next() -> Html:
    tag = '<script src="https://YOUR-BOT/widget.js" defer></script>'
    return _card(
        "Where to go next",
        "The rest is a page or a command away.",
        el(
            "ul",
            el("li", el("a", "Answer as a person", href="/inbox"), " in the inbox, with your operator token."),
            el("li", el("a", "Look after the bot", href="/admin"), ": health, versions, new documents."),
            el("li", "Put the chat on your own site with one line:", el("pre", el("code", tag), tabindex="0")),
            class_="next",
        ),
    )
