"""What a sentence asserts about orders, money, policies and products, read clause by clause over tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from frontdesk.finetune.evaluate.lexer import Token, bag


def _forms(verbs: str) -> dict[str, str]:
    """Every form of regular verbs -> the verb."""
    table: dict[str, str] = {}
    for verb in verbs.split():
        stem = verb.removesuffix("e")
        doubled = stem + stem[-1] if verb in ("ship", "cancel", "drop") else stem
        third = f"{verb}es" if verb.endswith(("ch", "sh", "ss", "x")) else f"{verb}s"
        past = f"{verb[:-1]}ied" if verb.endswith("fy") else f"{doubled}ed"
        table |= dict.fromkeys((verb, third, past, f"{stem}ed", f"{doubled}ing", f"{stem}ing"), verb)
    return table


_ACTS = (
    "refund reimburse credit compensate cancel ship dispatch deliver replace exchange waive upgrade return arrive "
    "resend restock repair deduct charge honour honor extend cover process issue approve reship redeliver "
    "discount collect remove delete activate deactivate reactivate unsubscribe subscribe"
)
_FORMS = _forms(_ACTS)
_PROMISED = {**{form: verb for form, verb in _FORMS.items() if form == verb}, "qualify": "qualify"}
_REPORTED = _forms(
    f"{_ACTS} update change close add book arrange schedule check confirm place escalate reset apply forward pass "
    "note log record register open lodge file report sort fix resolve correct start pack prepare decline delay"
) | {
    "reset": "reset",
    "sent": "send",
    "found": "find",
    "made": "make",
    "paid": "pay",
    "put": "put",
    "left": "leave",
    "spoken": "speak",
    "told": "tell",
    "raised": "raise",
    "resent": "resend",
}
_LIGHT = bag("check sort fix find make put leave tell open start note pass note record")
"""Done verbs that state a fact only when their object is the customer's business."""
_BUSINESS = bag(
    "order orders parcel parcels package packages refund refunds payment payments delivery account address card "
    "subscription shipment item items invoice return exchange replacement money charge ticket case complaint "
    "label warehouse courier carrier system records stock profile newsletter details feedback"
)
_MODALS = bag("will 'll shall would")
_NEVER = bag("can't cannot won't can may must")
_ADVERBS = bag(
    "just already now also then only be been being have has had gladly happily certainly definitely always not "
    "never soon automatically immediately all it get got getting fully simply easily even still usually normally "
    "both"
)
_SHOP = bag("i we they someone somebody he she team colleague person people human agent us i've we've they've")
_YOU = bag("you you've")
_BEING = bag("am was were is are 's 're been being it's")
_CONDITIONS = bag("if when whenever once whether unless before should while")
_ASKING = bag(
    "help questions question ask asking about guide walk talk tell look explain answer point find understand want "
    "wanted like asked asks wondering sorry hear handle assist"
)
_ASSERTS = bag(
    "is are 's 're has have comes come get gets give gives offer offers includes include apply applies covers "
    "cover give lasts carry carries do was were be 'll 've here's there's that's it's got sell sells need needs "
    "must"
)
_POLICY = bag(
    "warranty warranties guarantee guarantees guaranteed discount discounts coupon coupons voucher vouchers "
    "eligible entitled refundable returnable non-refundable non-returnable policy policies deductible "
    "exchangeable surcharge promotion promotions cashback points restocking"
)
_PAYMENTS = bag("visa mastercard amex paypal klarna apple google bitcoin instalments installments")
_CARRIERS = bag("ups fedex dhl usps dpd hermes evri")
_PROPERTIES = bag(
    "dishwasher dishwasher-safe microwave microwave-safe oven-safe ovenproof waterproof washable machine-washable "
    "organic vegan handmade hand-made recyclable recycled biodegradable compostable bpa-free nonstick non-stick "
    "rechargeable dimmable induction compatible scratch-proof unbreakable insulated cordless lightweight cheaper "
    "cheapest bestseller best-seller bestselling best-selling stainless"
)
_PHRASES = (
    "free standard shipping|free express shipping|free standard delivery|free next-day delivery|covered by|"
    "covered under|set of two|set of three|set of four|set of six|our showroom|our stores|our branches|"
    "our warehouse|free shipping|free delivery|free returns|free return|free of charge|for free|free gift|"
    "free exchange|free exchanges|free postage|free replacement|shipping is free|delivery is free|"
    "returns are free|are free|is free of|no charge|no extra charge|no cost|no extra cost|no fee|no fees|"
    "without charge|on the house|half price|half-price|full refund|partial refund|store credit|your money back|"
    "money back|money-back|price match|in stock|out of stock|sold out|back in stock|on sale|in the sale|"
    "on back order|made of|made from|made in|comes in|come in blue|comes with|come with a|fits on|fits most|"
    "weighs about|safe for|safe in|suitable for|works on|on its way|on their way|on the way to you|"
    "out for delivery|in transit|left the warehouse|around the clock|all day every day|24/7|our store is|"
    "our stores are|our shop is in|our warehouse is|we're open|we are open|we're closed|we are closed|based in|"
    "located in|located at|ship to|ship worldwide|ships worldwide|worldwide|deliver to|deliver worldwide|"
    "we accept|we don't accept|we only accept|you qualify|you're eligible|you are eligible|my name is|founded in|"
    "since the|costs about|costs only|costs just|price is|price went|same-day|same day|next-day|next day|"
    "first class|business days|working days|proof of purchase|original packaging|unused condition|gift card is|"
    "your refund is|your order is|your parcel is|your package is|your account is|your payment is|your card is"
)
_FILLERS = bag("now also always still really very just all only usually completely totally already currently being")


def _split(low: str) -> list[str]:
    """A contraction as its two words."""
    for clitic in ("'ll", "'ve", "'re"):
        if low.endswith(clitic):
            return [low.removesuffix(clitic), clitic]
    return [low]


_ASSERTED = tuple(tuple(part for word in phrase.split() for part in _split(word)) for phrase in _PHRASES.split("|"))


def claims(sentence: Sequence[Token], heard: frozenset[str]) -> Iterator[str]:
    """Yield `kind: text` for every claim that a sentence asserts.

    `heard` are the customer's own words: what was said to us may be said back as something regretted.
    """
    for clause in _asserting(sentence):
        lows = [low for token in clause for low in _split(token.low)]
        yield from (f"promise: {text}" for text in _promises(lows))
        yield from (f"done: {text}" for text in _done(lows, heard))
        yield from (f"policy: {text}" for text in _policies(lows, heard))
        yield from (f"product: {text}" for text in _properties(lows))


def _asserting(sentence: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the clauses that assert something: not the last of a question, none that opens with a condition."""
    clauses: list[list[Token]] = [[]]
    for token in sentence:
        if token.kind == "mark" and token.low in ",;:—–()":
            clauses.append([])
        elif token.kind != "mark":
            clauses[-1].append(token)
    clauses = [clause for clause in clauses if clause]
    if sentence[-1].low == "?":
        clauses = clauses[:-1]
    for clause in clauses:
        first = next((t.low for t in clause if t.low not in ("and", "but", "so", "or", "then")), "")
        if first not in _CONDITIONS:
            yield clause


def _promises(lows: Sequence[str]) -> Iterator[str]:
    """`we'll refund`, `you can return`, `it will arrive`, `going to replace`."""
    for place, low in enumerate(lows):
        if (
            low in _FORMS
            and lows[max(0, place - 2) : place][-1:] == ["be"]
            and _NEVER & set(lows[max(0, place - 4) : place])
        ):
            yield " ".join(lows[max(0, place - 3) : place + 1])
        may = low in ("can", "may", "could") and place and _subject(lows, place) in _YOU
        going = low == "to" and place and lows[place - 1] == "going"
        if low not in _MODALS and not may and not going:
            continue
        rest = [w for w in lows[place + 1 : place + 6] if w not in _ADVERBS][:1]
        if rest and (rest[0] in _PROMISED or (rest[0] in _FORMS and _passive(lows, place))):
            yield " ".join(lows[max(0, place - 1) : place + 4])
        elif rest and rest[0] in ("send", "give", "pay", "offer") and low in _MODALS and _gift(lows[place:]):
            yield " ".join(lows[max(0, place - 1) : place + 6])


def _subject(lows: Sequence[str], place: int) -> str:
    return next((w for w in reversed(lows[:place]) if w not in _ADVERBS), "")


def _passive(lows: Sequence[str], place: int) -> bool:
    return bool({"be", "been", "get"} & set(lows[place + 1 : place + 4]))


def _gift(lows: Sequence[str]) -> bool:
    things = "refund replacement label voucher discount credit coupon code back money new one kettle email e-mail link"
    return bool(bag(things) & set(lows[1:7])) and not {"hand", "try", "look"} & set(lows)


def _done(lows: Sequence[str], heard: frozenset[str]) -> Iterator[str]:
    """`I've cancelled`, `your order was shipped`, `we refunded`: acts said to have happened."""
    for place, low in enumerate(lows):
        verb = _REPORTED.get(low)
        past = low != verb or verb in ("put", "reset")
        if verb is None or not past or low.endswith(("s", "ing")):
            continue
        if verb in _LIGHT and not _BUSINESS & set(lows[place : place + 5]):
            continue
        echo = low in heard or any(word.startswith(verb) for word in heard)
        acted, suffered = _acted(lows, place), _suffered(lows, place)
        if (acted and not (echo and "sorry" in lows[:place])) or (suffered and not echo):
            yield " ".join(lows[max(0, place - 3) : place + 2])


def _acted(lows: Sequence[str], place: int) -> bool:
    """Whether the shop or one of its people is who did it."""
    before = lows[max(0, place - 4) : place]
    doers = [word for word in before if word not in _ADVERBS | _BEING | {"'ve"}]
    return bool(doers) and doers[-1] in _SHOP and not {"to", "be", "can", "get"} & set(before[-2:])


def _suffered(lows: Sequence[str], place: int) -> bool:
    """Whether it is said to have happened to an order, a payment, an account ..."""
    before = lows[max(0, place - 4) : place]
    return bool((_BEING | {"been"}) & set(before[-3:])) and bool((_BUSINESS | bag("it it's they that")) & set(before))


def _policies(lows: Sequence[str], heard: frozenset[str]) -> Iterator[str]:
    spaced = [w for w in lows if w not in _FILLERS]
    for phrase in _ASSERTED:
        for place in range(len(spaced) - len(phrase) + 1):
            here = tuple(spaced[place : place + len(phrase)]) == phrase
            if here and not _topic(spaced, place) and not (phrase[0] == "made" and _SHOP & set(spaced[:place])):
                yield " ".join(phrase)
    for place, low in enumerate(lows):
        ruled = low in _POLICY and bool(_ASSERTS & set(lows))
        named = low in _PAYMENTS | _CARRIERS and low not in heard
        if (ruled or named) and not _topic(lows, place):
            yield low


def _topic(lows: Sequence[str], place: int) -> bool:
    """Whether what stands at `place` is only what one may ask about, not what is asserted."""
    return bool(_ASKING & set(lows[max(0, place - 5) : place]))


def _properties(lows: Sequence[str]) -> Iterator[str]:
    for place, low in enumerate(lows):
        verbs = {"is", "are", "it's", "they", "'re", "that's"} & set(lows[max(0, place - 4) : place])
        if low in _PROPERTIES and verbs and not _topic(lows, place):
            yield " ".join(lows[max(0, place - 3) : place + 1])
