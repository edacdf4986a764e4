"""What a planted text would bring about, stopped where it would be said: orders to an assistant, numbers of records.

A document is only quoted, and its sentences that speak to an assistant are blanked out when it is read in; this is the
last look, at what is about to leave. It reads English, and the other languages that the widget speaks: Spanish, Chinese
and Arabic.
"""

from __future__ import annotations

import re

from frontdesk.bot.config import Brand
from frontdesk.bot.guards.check import Context, Verdict
from frontdesk.bot.types import Sentence

_BEGINS = r"(?:^|[.!?:;|。！？：；؟\n•]\s*|\s[–—-]\s+)[^\w\s]{0,4}\s*"
"""Where a sentence, a cell of a table or an item of a list begins."""
_ENGLISH = (
    r"(?:please |always |and |then |also )*(?:(?:say|state|claim|announce|pretend|mention|add) that|"
    r"(?:tell|show|inform|send|promise) (?:the |every |each |all |any )?(?:customers?|users?|visitors?|shoppers?)|"
    r"(?:begin|start|end|finish) (?:your|each|every) (?:answer|reply|response)|(?:answer|reply|respond) only with)\b"
)
_SPANISH = (
    r"(?:por favor,? |siempre |y |luego |también )*(?:(?:di|diga|afirm[ae]|indi(?:ca|que)|menci(?:ona|one)|finge|finja|"
    r"añad[ae]|agreg(?:a|ue)) que|(?:dile|dígale|dígales|diles|inform[ae]|avis[ae]|muestr[ae]|muéstrale|env[íi][ae]|"
    r"promet[ae]) (?:al|a la|a los|a las|a cada|a todos los|a cualquier) "
    r"(?:clientes?|clientas?|usuari[oa]s?|visitantes?|comprador(?:es)?)|"
    r"(?:empie(?:za|ce)|comien(?:za|ce)|termin[ae]|acab[ae]) (?:tu|su|cada|todas? (?:tus|sus)) respuestas?|"
    r"(?:respond[ae]|contest[ae]) (?:solo|sólo|solamente|únicamente) (?:con|en))\b"
)
_CHINESE = (
    r"(?:请|並|并|然后|然後)?(?:告诉|告訴|告知|通知)(?:每位|每个|所有|这位|該|该)?(?:客户|客戶|顾客|顧客|用户|用戶|买家|買家)|"
    r"(?:请|請)?(?:只|仅|僅)(?:回答|回复|回覆|输出|輸出)|(?:请|請)?以.{1,30}?(?:开头|開頭|结尾|結尾)(?:回答|回复|回覆)"
)
_ARABIC = (
    r"(?:من فضلك،? |دائم[اًا]+ |ثم )?(?:(?:أخبر|أخبري|أبلغ|أبلغي) (?:كل |جميع )?(?:ال)?(?:عميل|عملاء|زبون|زبائن|"
    r"مستخدم|مستخدمين)|(?:قل|قولي) (?:لل|ل?ال|لكل )(?:عميل|عملاء|زبون|زبائن|مستخدم|مستخدمين)|"
    r"(?:قل|قولي|ادّ?ع|اذكر) (?:إن|أن)|"
    r"(?:ابدأ|ابدئي|اختم) (?:إجابتك|ردك|كل (?:إجابة|رد))|(?:أجب|أجيبي|رد) فقط)"
)
_ORDERS = re.compile(
    rf"{_BEGINS}(?:{_ENGLISH}|{_SPANISH}|{_CHINESE}|{_ARABIC})|"
    r"\b(?:call|run|execute|invoke|trigger|ejecut[ae]|llam[ae]|执行|執行|调用|調用|"
    r"نفّ?ذ|شغّ?ل)\s*(?:the |la )?action_\w+",
    re.IGNORECASE,
)


class ConsequenceCheck:
    """No document makes the bot repeat an order to an assistant, or name a record that the customer did not name."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Reroute a knowledge sentence that gives orders, or that holds a value of an account slot nobody wrote."""
        if context.route.kind != "knowledge" or sentence.support.kind == "record":
            return Verdict(action="keep", sentence=sentence)
        parts = [sentence.text, *(citation.quote for citation in sentence.citations)]
        if any(_ORDERS.search(part) for part in parts):
            return Verdict(action="reroute", sentence=sentence, reason="consequence: an order to an assistant")
        if any(_named(part, context.message.text, context.brand) for part in parts):
            return Verdict(action="reroute", sentence=sentence, reason="consequence: a record nobody named")
        return Verdict(action="keep", sentence=sentence)


def _named(part: str, written: str, brand: Brand) -> bool:
    """Whether a value that only an account slot has stands in `part` and not in what the customer wrote."""
    patterns = [slot.pattern for slot in brand.slots.values() if slot.pattern and slot.bare]
    found = {match.group().upper() for pattern in patterns for match in re.finditer(pattern, part, re.IGNORECASE)}
    return any(value not in written.upper() for value in found)
