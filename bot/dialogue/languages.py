"""The language that a customer is answered in, and what is said to somebody whose language the brand does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from frontdesk.bot.config import Brand
from frontdesk.bot.router.languages import written_in
from frontdesk.bot.types import Message

NAMES: Mapping[str, str] = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
SORRY: Mapping[str, str] = {
    "ar": "عذرًا، لا أستطيع المساعدة هنا إلا باللغة الإنجليزية. اكتب لي بالإنجليزية، أو تحدّث مع أحد زملائي.",
    "de": "Leider kann ich hier nur auf Englisch helfen. Schreiben Sie mir auf Englisch, oder sprechen Sie mit einem "
    "Menschen aus unserem Team.",
    "es": "Lo siento, aquí solo puedo ayudar en inglés. Escríbeme en inglés o habla con una persona de nuestro equipo.",
    "fr": "Désolé, je ne peux vous aider ici qu'en anglais. Écrivez-moi en anglais, ou parlez à une personne de notre "
    "équipe.",
    "it": "Mi dispiace, qui posso aiutare solo in inglese. Scrivimi in inglese, oppure parla con una persona del "
    "nostro team.",
    "ja": "申し訳ありませんが、ここでは英語でのみご案内できます。英語でお書きいただくか、担当者にご相談ください。",
    "ko": "죄송합니다. 여기서는 영어로만 도와드릴 수 있습니다. 영어로 적어 주시거나 상담원에게 문의해 주세요.",
    "nl": "Sorry, ik kan hier alleen in het Engels helpen. Schrijf me in het Engels, of praat met iemand van ons team.",
    "pl": "Przepraszam, tutaj mogę pomóc tylko po angielsku. Proszę napisać po angielsku albo porozmawiać z osobą z "
    "naszego zespołu.",
    "pt": "Desculpe, aqui só posso ajudar em inglês. Escreva-me em inglês ou fale com uma pessoa da nossa equipa.",
    "ru": "Извините, здесь я могу помочь только на английском. Напишите мне по-английски или поговорите с сотрудником.",
    "sv": "Tyvärr kan jag bara hjälpa till på engelska här. Skriv till mig på engelska, eller prata med någon i vårt "
    "team.",
    "tr": "Üzgünüm, burada yalnızca İngilizce yardımcı olabiliyorum. Bana İngilizce yazın ya da ekibimizden biriyle "
    "konuşun.",
    "uk": "Вибачте, тут я можу допомогти лише англійською. Напишіть мені англійською або поговоріть із працівником.",
    "zh": "抱歉，我在这里只能用英语提供帮助。请用英语写给我，或与我们的工作人员交谈。",
}
"""In the customer's own language, for a brand that answers in English."""


def sorry(language: str, home: Sequence[str]) -> str:
    """Return the words for a customer who writes `language` to a brand that answers in `home`; English where unsure."""
    if "en" in home and language in SORRY:
        return SORRY[language]
    known = [NAMES.get(code, code) for code in home]
    return f"Sorry, I can only help in {' or '.join(known)} here. Shall I bring in one of our people?"


def locale_of(message: Message, brand: Brand) -> str:
    """Return the language tag that documents must not differ from, empty for any.

    Of the brand's languages: the one the message is surely written in, else the one its channel names. A browser in a
    language that the brand does not have says nothing about the documents.
    """
    home = brand.languages
    written = written_in(message.text, home) if len(home) > 1 else ""
    return written or (message.locale if message.locale.replace("_", "-").split("-")[0].lower() in home else "")
