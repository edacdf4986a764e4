"""The same orders to an assistant in Spanish, French, German, Arabic and Chinese: what `instructions` finds in English.

Arabic is matched without its vowel signs, Chinese without spaces between its characters. The patterns know the
usual wordings, not every one; documents in other languages are not searched.
"""

from __future__ import annotations

import re

_GAP = r"[^.!?\n]{0,60}?"
_SPANISH = (
    rf"\b(?:ignor(?:a|e|ad|en|ar)|olvid(?:a|e|ad|en|ar)|desestim(?:a|e)|descart(?:a|e)|haz caso omiso de"
    rf"|no (?:sigas|siga)"
    rf"|omit(?:e|a))\b{_GAP}\b(?:instrucci(?:ón|ones)|indicaci(?:ón|ones)|reglas|órdenes|directrices|restricciones)\b"
    r"[^.!?\n]{0,20}?(?:anterior(?:es)?|previas?|de arriba|del sistema|iniciales|originales)",
    rf"\b(?:ignora|ignore|olvida|olvide)\b{_GAP}\b(?:tus|sus|todas? (?:las|tus"
    rf"|sus))\b[^.!?\n]{{0,20}}?\b(?:instrucciones|reglas|"
    r"directrices|restricciones)\b",
    r"\b(?:ignora|ignore|olvida|olvide)\b todo lo (?:anterior|que (?:te|se te|le))\b",
    r"\b(?:ahora )?eres (?:ahora )?(?:una? |el |la )?(?:ia|inteligencia artificial|modelo de lenguaje"
    r"|chatbot|asistente virtual|chat-?gpt)\b",
    r"\ba partir de ahora,? (?:eres|actúa|responde|contesta|debes|tú|siempre|nunca)\b",
    r"\bact[úu]a como (?:si fueras )?(?:una? )?(?:ia|inteligencia artificial|chat-?gpt|dan"
    r"|modelo de lenguaje|chatbot)\b",
    r"\b(?:revela|muestra|repite|imprime|dime)\b[^.!?\n]{0,30}\b(?:tus instrucciones|prompt del sistema"
    r"|instrucciones del sistema)",
    r"\b(?:como|si eres) (?:una? )?(?:modelo de lenguaje|inteligencia artificial|ia)\b(?=,| no| debes)",
    r"^\W{0,9}(?:atención|nota|mensaje|instrucci(?:ón|ones))(?: importante)? (?:para|a|al) (?:el |la |los |las )?"
    r"(?:asistentes?|ia|chatbots?|modelos? de lenguaje|inteligencia artificial)\b",
)
_FRENCH = (
    rf"\b(?:ignore[zr]?|oublie[zr]?|n[ée]glige[zr]?|ne (?:suis|suivez|tiens|tenez) (?:pas"
    rf"|plus)(?: compte)?|fais abstraction|"
    rf"faites abstraction)\b{_GAP}\b(?:instructions?|consignes?|r[èe]gles|directives|ordres"
    rf"|restrictions)\b[^.!?\n]{{0,20}}?"
    r"(?:pr[ée]c[ée]dente?s?|ant[ée]rieure?s?|ci-dessus|initiales?|d'origine|du syst[èe]me)",
    rf"\b(?:ignore|ignorez|oublie|oubliez)\b{_GAP}\b(?:tes|vos|toutes (?:les|tes"
    rf"|vos))\b[^.!?\n]{{0,20}}?\b(?:instructions|consignes|"
    r"r[èe]gles|directives|restrictions)\b",
    r"\b(?:ignore|ignorez|oublie|oubliez)\b tout ce qui (?:pr[ée]c[èe]de|a [ée]t[ée] dit)\b",
    r"\b(?:tu es|vous [êe]tes) (?:maintenant |d[ée]sormais )?(?:une? |le |la |l')?(?:ia"
    r"|intelligence artificielle|mod[èe]le de langage|chatbot|"
    r"assistant virtuel|chat-?gpt)\b",
    r"\b(?:[àa] partir de maintenant|d[ée]sormais|dor[ée]navant),? (?:tu|r[ée]ponds|r[ée]pondez|agis"
    r"|vous (?:r[ée]pondrez|devez r[ée]pondre|[êe]tes))\b",
    r"\b(?:agis|agissez|comporte-toi|comportez-vous|r[ée]ponds|r[ée]pondez) comme (?:si tu [ée]tais "
    r"|si vous [ée]tiez )?(?:une? )?(?:ia|intelligence "
    r"artificielle|chat-?gpt|dan|mod[èe]le de langage|chatbot)\b",
    r"\b(?:r[ée]v[èe]le|r[ée]v[ée]lez|affiche|affichez|r[ée]p[èe]te|r[ée]p[ée]tez|montre"
    r"|montrez)\b[^.!?\n]{0,30}\b(?:tes instructions|vos instructions|"
    r"(?:prompt|invite|instructions?) (?:du )?syst[èe]me)",
    r"\b(?:en tant qu['e]|si (?:tu es|vous [êe]tes)) ?(?:une? )?(?:ia|intelligence artificielle"
    r"|mod[èe]le de langage)\b",
    r"^\W{0,9}(?:attention|note|message|instructions?|consigne)(?: importante?)?,? (?:pour|[àa]|aux?"
    r"|destin[ée]e?s? [àa]) (?:l'|les? |la |aux )?"
    r"(?:assistants?|ia|chatbots?|mod[èe]les? de langage|intelligence artificielle)\b",
)
_GERMAN = (
    rf"\b(?:ignorier(?:e|en|t)?|missachte(?:n)?|vergiss|vergesse(?:n|t)|überschreibe(?:n)?|umgehe(?:n)?)\b{_GAP}"
    r"\b(?:vorherige[nrs]?|vorige[nrs]?|vorangegangene[nrs]?|bisherige[nrs]?|obige[nrs]?|frühere[nrs]?"
    r"|ursprüngliche[nrs]?|deine[nr]?|ihre[nr]?)\b"
    r"[^.!?\n]{0,30}?\b(?:anweisung(?:en)?|instruktion(?:en)?|regeln|vorgaben|richtlinien|befehle"
    r"|anordnungen|einschränkungen)\b(?! (?:des|der|im) \w)",
    rf"\b(?:beachte|befolge)n?\b{_GAP}\b(?:vorherige|vorige|bisherige|obige|frühere"
    rf"|deine)\w{{0,2}}\b[^.!?\n]{{0,20}}?\b(?:anweisung|instruktion|regel)"
    r"(?:en|n)? nicht\b",
    r"\b(?:vergiss|vergessen sie|ignoriere|ignorieren sie) (?:alles"
    r"|sämtliche[sn]?)\b[^.!?\n]{0,30}?\b(?:davor|vorher|zuvor|bisher\w*|oben)\b",
    r"\bdu (?:bist|wirst|spielst) (?:jetzt|nun|ab (?:jetzt|sofort)|ein|eine|kein|keine"
    r"|vorgeben)\b[^.!?\n]{0,30}?\b(?:ki|künstliche intelligenz|"
    r"sprachmodell|chatbot|chat-?gpt|dan|assistent)\b",
    r"\bsie sind (?:jetzt |nun |ab sofort )?(?:eine? )?(?:ki|künstliche intelligenz|sprachmodell|chat-?gpt)\b",
    r"\bab (?:jetzt|sofort|nun) (?:bist du|antworte(?:st)?|reagier(?:e|st)|verhältst|sollst du|musst du)\b",
    r"\b(?:verhalte dich|handle|antworte|agiere|tu so)\b[^.!?\n]{0,20}?\b(?:wie"
    r"|als(?: ob)?)\b[^.!?\n]{0,30}?\b(?:ki|künstliche intelligenz|chat-?gpt|dan|"
    r"sprachmodell|chatbot)\b",
    r"\b(?:verrate|zeige?|wiederhole|nenne|gib)\b[^.!?\n]{0,30}\b(?:deinen? (?:system-?prompt|anweisungen"
    r"|instruktionen)|den system-?prompt)\b",
    r"\b(?:als|(?:wenn|falls|da) du) (?:eine? )?(?:ki(?:-assistent|-modell|-sprachmodell)?"
    r"|künstliche intelligenz|sprachmodell)\b(?=,| bist| kann| darf| musst)",
    r"^\W{0,9}(?:achtung|hinweis|nachricht|anweisung(?:en)?|hallo|liebe[rs]?)\b,? (?:für |an )?(?:den "
    r"|die |alle |das )?(?:ki(?:-assistent\w*|s)?|sprachmodelle?|"
    r"chatbots?|künstliche intelligenz)\b",
)
_ARABIC = (
    r"(?:تجاهل|تجاهلي|تجاهلوا|انس|انسى|إنس|اهمل|أهمل|لا تتبع)[^.!؟\n]{0,50}?(?:التعليمات|تعليماتك|تعليمات"
    r"|الأوامر|القواعد|قواعدك|الإرشادات|التوجيهات)"
    r"[^.!؟\n]{0,20}?(?:السابقة|أعلاه|الأصلية|النظام|المذكورة|التي)",
    r"(?:تجاهل|انس|انسى)\s+(?:كل|جميع)\s+(?:ما\s+سبق|شيء\s+قبل|تعليماتك|قواعدك|ما\s+قيل)",
    r"(?:أنت|انت)\s+(?:الآن|الان)\s[^.!؟\n]{0,20}?(?:ذكاء\s+اصطناعي|نموذج\s+لغوي|روبوت|مساعد)",
    r"(?:من\s+الآن\s+فصاعدا|ابتداء\s+من\s+الآن|من\s+الان)[^.!؟\n]{0,15}?(?:أنت|انت|أجب|اجب|يجب\s+عليك|تصرف)",
    r"(?:تصرف|أجب|اجب|تظاهر)[^.!؟\n]{0,15}?(?:كأنك|كانك|بأنك|مثل|كنموذج)[^.!؟\n]{0,20}?(?:ذكاء\s+اصطناعي"
    r"|نموذج\s+لغوي|روبوت|chatgpt)",
    r"(?:اكشف|أظهر|اظهر|كرر|اطبع)[^.!؟\n]{0,25}?(?:تعليماتك|تعليمات\s+النظام|موجه\s+النظام)",
    r"(?:بصفتك|كونك|إذا\s+كنت)\s+(?:نموذج(?:ا)?\s+لغوي(?:ا)?|ذكاء\s+اصطناعي(?:ا)?)",
    r"^\W{0,9}(?:تنبيه|ملاحظة|رسالة|تعليمات)\s+(?:إلى|الى|ل)\s?(?:ال|ل)?(?:مساعد|مساعدي|ذكاء|نموذج"
    r"|روبوت)[^.!؟\n]{0,20}",
)
_CHINESE = (
    r"(?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要遵守|不再遵守|跳过|绕过)[^。！？\n]{0,15}?(?:之前|以上"
    r"|上面|先前|前面|此前|原来|原有|系统|系統|你|您|所有|全部)"
    r"[^。！？\n]{0,10}?(?:指令|指示|提示词|提示詞|规则|規則|命令|设定|設定|限制)",
    r"(?:你|您)(?:现在|現在|从现在起|从现在开始)?(?:是|就是|扮演|将扮演)(?:一个|一名|一个没有限制的"
    r"|個)?[^。！？\n]{0,8}?(?:人工智能|AI助手|AI|语言模型|語言模型|聊天机器人|機器人|ChatGPT)",
    r"(?:从现在起|从现在开始|從現在開始|从此刻起)[，,]?(?:你|您)(?:必须|必須|要|将|只能|是|应该|都)",
    r"(?:扮演|假装(?:你)?是|表现得像)[^。！？\n]{0,10}?(?:人工智能|AI|语言模型|DAN|ChatGPT|机器人)",
    r"(?:透露|泄露|显示|顯示|输出|輸出|重复|重複|打印|告诉我)[^。！？\n]{0,10}?(?:你的)?(?:系统提示|系統提示"
    r"|系统指令|初始指令|提示词)",
    r"(?:作为|作為|身为|如果你是)(?:一个|一個|一名)?(?:(?:AI|人工智能)(?:助手|模型)|语言模型|語言模型|大模型)",
    r"^\W{0,9}(?:(?:给|致|對|对|请)(?:所有)?(?:AI|人工智能|语言模型|聊天机器人)(?:助手|模型)?|(?:AI"
    r"|人工智能)(?:助手|模型))(?:请|的指令|注意|们)?[：:，,]",
)
_ORDERS = (
    r"\b(?:responde|conteste|contesta|responda) (?:solo|sólo|únicamente|exclusivamente) (?:con|que|en|sí)\b",
    r"\b(?:dile|dígale|diles) (?:al|a la|a los|a las|a) usuari[oa]s? que\b",
    r"\b(?:tu|su) respuesta (?:debe|tiene que|deberá) (?:incluir|contener|empezar|terminar|decir|ser)\b",
    r"\b(?:réponds|répondez) (?:uniquement|seulement|exclusivement) (?:par|avec|en|que)\b",
    r"\b(?:dis|dites) (?:aux?|à l'|à la|au) ?utilisat(?:eur|rice)s? (?:que|de|d')",
    r"\b(?:ta|votre) réponse (?:doit|devra) (?:inclure|contenir|commencer|finir|dire|être)\b",
    r"\b(?:antworte|antworten sie) (?:nur|ausschließlich) (?:mit|auf|so)\b",
    r"\b(?:sage?|teile?) (?:dem|den|der|allen) (?:be)?nutzer(?:n|in)?\b[^.!?\n]{0,10}?\b(?:dass|mit)\b",
    r"\bdeine antwort (?:muss|soll|darf) (?:immer |nur |nicht |keine?\w* )?\w",
    r"(?:أجب|اجب)\s+فقط\s+ب|(?:أخبر|اخبر)\s+(?:المستخدم|المستخدمين)\s+(?:أن|ان|ب)|"
    r"(?:يجب\s+أن\s+(?:تتضمن|تحتوي|تبدأ)\s+(?:إجابتك|ردك))",
    r"(?:只|仅|僅|必须只)(?:能|需|要)?(?:回复|回覆|回答|输出)[“\"「：:]|(?:告诉|告知|告訴)(?:所有)?(?:用户"
    r"|用戶)[，,]?(?:说|他们|去|要|请)"
    r"|(?:你的)(?:回答|回复|答案)(?:必须|应当|要|中要)(?:包含|包括|以|是|加上)",
)
_TAKEN_OVER = re.compile("|".join((*_SPANISH, *_FRENCH, *_GERMAN, *_ARABIC, *_CHINESE)), re.IGNORECASE | re.MULTILINE)
_ORDER = re.compile("|".join(_ORDERS), re.IGNORECASE)
_OWN_WORDS = re.compile(
    r"\b(?:pedido|factura|fotos?|commande|facture|photos?|bestellnummer|kundennummer|rechnungsnummer"
    r"|fotos?)\b|رقم|صور|订单|照片|号码",
    re.IGNORECASE,
)
"""What a help page asks a customer to put into an answer of theirs."""
_UNWRITTEN = re.compile(r"[\u064b-\u0652\u0640\u200b-\u200f]|(?<=[\u4e00-\u9fff])[ \t]+(?=[\u4e00-\u9fff])")
"""Arabic vowel signs and stretching, characters without width, spaces between Chinese characters."""


def takes_over(text: str) -> bool:
    """Whether a paragraph means to take an assistant over, in one of these languages."""
    return bool(_TAKEN_OVER.search(_UNWRITTEN.sub("", text)))


def orders(sentence: str) -> bool:
    """Whether a sentence orders how an assistant's answer is to be, in one of these languages."""
    return bool(_ORDER.search(_UNWRITTEN.sub("", sentence))) and not _OWN_WORDS.search(sentence)
