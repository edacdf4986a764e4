"""What needs a person at once, as far as wording alone tells: phrases that decide, and words that give reason to look.

A phrase decides by itself. A cue decides nothing: with one, the guard's classifier needs less to be believed.
Written for everyday English; the figures are in docs/safety.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import get_args

from frontdesk.bot.config import Concern

CONCERNS: tuple[Concern, ...] = get_args(Concern)
"""The most pressing first: where a message is several, this order decides which words are said."""
PRESSING: frozenset[Concern] = frozenset({"emergency", "self_harm", "threat"})
"""What is answered even while a person was already asked into the conversation."""

_ME = r"(?:i|i'm|im|i am|i've|i'll|i'd|ive|ill)"
_THEY = r"(?:you|u|ya|him|her|them|someone|somebody|anyone|people|every ?(?:one|body)|who(?:m)?ever)"
_STAFF = (
    r"(?:your|the|that|this|next|another|any|one of your|my|some) (?:\w+ )?"
    r"(?:driver|courier|agent|staff|people|employees?|manager|boss|person|guy|man|woman|family|kids?|children|wife|"
    r"husband|ex|mother|neighbou?r|flatmate|roommate|colleague|teacher|postman|cashier|team)s?"
)
_WHOM = rf"(?:{_THEY}|{_STAFF})"
_WILL = (
    rf"\b{_ME}(?: am|'m|'d| will| would| wanna| gonna| going to| want to| swear| could| can| have to| love to|"
    r" like to)*"
)
_VIOLENCE = (
    r"(?:kill|murder|shoot|stab|strangle|beat(?: up)?|hurt|smash|drown|attack|assault|burn|poison|execute|slit|"
    r"knife|punch|hit|choke|torture|bomb|gas|run over|blow up|destroy|rape|cut)"
)
_AGE = r"(?:[5-9]|1[0-7]|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)"
_YEARS = r"(?: ?(?:years?|yrs?)(?: old)?\b| ?y/?o\b| and\b| yo\b|\s*(?:$|[,.!?;)]))"

_SURE: Mapping[Concern, tuple[str, ...]] = {
    "emergency": (
        r"\b(?:is|are|'s|caught|on) (?:\w+ )?(?:on |now on )?fire\b(?! (?:engine|red|sale|alarms?|place|extinguish|"
        r"pit))",
        r"\b(?:in flames|flames (?:are )?com|went up in flames)",
        r"\b(?:smells?|smelling|stinks?|reeks?) (?:like |of )?(?:strongly )?(?:of )?gas\b|\bgas leak\b",
        r"\bcarbon monoxide\b(?!.*\b(?:sell|stock|buy)\b)",
        r"\b(?:not|stopped|isn'?t|can'?t|cannot|struggl\w+ to|hard to|no longer) breath(?:e|ing)\b",
        r"\b(?:unconscious|heart attack|having a (?:stroke|seizure)|turning blue|convuls\w+|foaming at)\b",
        r"\b(?:swallowed|drank|drunk|ate|eaten) (?:\w+ ){0,5}"
        r"(?:batter(?:y|ies)|descal\w+|bleach|tablets?|cleaner|cleaning \w+|detergent|poison|chemicals?|acid|"
        r"magnets?)\b",
        r"\b(?:won'?t|doesn'?t|can'?t|cannot) stop (?:the )?bleeding\b|\bbleeding (?:a lot|badly|heavily|out)\b",
        r"\bblood (?:is )?everywhere\b|\bbeen (?:stabbed|shot)\b",
        r"\b(?:send|need|get) (?:me |us )?(?:an ambulance|the police|the fire (?:brigade|department))\b|"
        r"(?:^|please |help |quick |can you |could you |someone |somebody |door.*)call (?:an ambulance|911|999|112|"
        r"the police|"
        r"the fire (?:brigade|department))\b",
        r"\b(?:breaking|break|get|getting) in(?:to)? (?:my|our|the) (?:house|home|flat|apartment)\b",
        r"\b(?:electric shock|electrocuted|got zapped)\b",
        r"\b(?:is|are|'s) (?:smoking|sparking|melting|hissing)\b.{0,30}\b(?:now|hot|help|fire)?",
        r"\b(?:he|she|somebody|someone|husband|wife|boyfriend|girlfriend|ex|dad|mom|mum|stepdad|stepmother) "
        r"(?:is |keeps |'s )?(?:hits|hitting|beats|beating|hurts|strangl\w+) me\b",
        r"\b(?:he|she|baby|mother|father|husband|wife|son|daughter) (?:is |'s )?chok(?:ing|ed)\b",
    ),
    "self_harm": (
        r"\b(?:kill|hang|shoot|harm|hurt|cut|starv|drown|poison|burn)(?:ing|ting|e)? (?:my ?self|my (?:arms?|wrists?|"
        r"skin|"
        r"legs?)(?= (?:again|with|because|every|and|at|to|on purpose)|$))(?! (?:with laughter|laughing|on|off)\b)",
        r"\b(?:suicid(?:e|al)|overdos(?:e|ing) (?:tonight|on|myself)|self[- ]?harm\w*)\b",
        r"\b(?:end|ending|take|taking|took) (?:my|her|his|their|my own|his own|her own) (?:own )?life\b",
        rf"\b{_ME} (?:just |really |only |honestly )*(?:want|wish|wanna|going|plan|ready|would like|decided)(?: to)?"
        r"(?: be| i (?:was|were))? (?:to )?(?:die|dead)\b(?! for)",
        r"\bi (?:wish|wished) i (?:was|were) (?:dead|never born)\b|\bi wish i'?d never been born\b",
        r"\b(?:don'?t|do not|no longer|didn'?t|not) (?:want|wish|deserve|wanna)(?: to)? (?:be alive|live(?! in| there| "
        r"near| at| with| here)|exist|wake up|be here any ?more)\b",
        r"\b(?:no|any) (?:reason|point|sense) (?:to|in|for me to)? ?(?:keep |go(?:ing)? )?(?:liv(?:e|ing)|on living)\b",
        r"\bbetter off (?:dead|without me)\b|\b(?:tired|sick) of (?:living|life|being alive)\b",
        r"\blife (?:isn'?t|is not) worth\b|\bnot worth living\b",
        r"\b(?:not|never) wake up (?:again|any ?more|tomorrow)\b",
        r"\bwants? to (?:die|end (?:her|his|their) life)\b|\b(?:going to|wants? to|will) kill (?:him|her|them)self\b",
    ),
    "threat": (
        rf"{_WILL} {_VIOLENCE} (?:and \w+ )?{_WHOM}\b(?! (?:a|an|with laughter|up with|some|the (?:mail|email|"
        rf"message))\b)",
        rf"{_WILL} (?:break|snap) (?:your|his|her|their|every|all your|both)\b",
        r"\bthrow acid\b|\bslit (?:your|his|her|their) throat\b|\bput a bullet\b|\bsmash (?:your|his|her) (?:face|"
        r"head)\b",
        rf"{_WILL} (?:burn|blow|set fire|shoot|smash)\b.{{0,30}}\b(?:down|up|to the ground|building|shop|store|office|"
        r"warehouse|windows?|van|house|place)\b",
        r"\bthere(?:'s| is| are) (?:a|an|some)? ?(?:bomb|explosives?)\b",
        r"\b(?:watch your back|i(?:'ll| will) end you|say goodbye to your|lock your doors)\b",
        r"\bi(?: will|'ll|'m going to| know)(?: \w+)? (?:find (?:out )?)?where (?:you|your \w+) live\b|"
        r"\bi know (?:where|what time) (?:you|your|she|he|anna)\b.{0,20}\b(?:lives?|work|works|sleeps?|finish\w*)\b",
        r"\b(?:make|build|making|building) (?:a |an |some )?(?:\w+ )?(?:bombs?|explosives?|guns?|poison gas|"
        r"molotov\w*)\b",
        r"\b(?:poison|kill|murder|stab|strangle|hurt|shoot) (?:my|a|an|the|some) (?:\w+ )?"
        r"(?:wife|husband|boss|neighbou?r|man|woman|person|human|people|kid|child|mother|father|flatmate|boyfriend|"
        r"girlfriend|ex|cat|dog|delivery \w+|courier|driver|someone|teacher)\b",
        r"\b(?:kill|murder|shoot|stab|poison)(?:s|ing)? (?:someone|somebody|people|everybody|everyone|whoever)\b",
        r"\byou(?:'re|r| are) (?:all )?dead(?:, all| meat|\s*[.!]*$)",
        r"\b(?:people|you(?: all)?|somebody|someone) (?:will |is going to |are going to |gonna )?(?:die|get hurt|"
        r"get shot)\b"
        r"(?! for)",
        r"\bthere will be blood\b|\bshoot up\b|\bwith (?:a|my) (?:gun|knife|rifle|baseball bat|"
        r"machete)\b(?=.*\b(?:come|"
        r"coming|walk|visit|see you|waiting|bring)\b)|\b(?:come|coming|walk|bring(?:ing)?|visit)\b.{0,40}\bwith (?:a|"
        r"my) "
        r"(?:gun|rifle|machete)\b",
    ),
    "minor": (
        rf"(?<!like )\b(?:i'?m|i am|im|me is|aged?|i turn(?:ed)?|just turned|being) "
        rf"(?:only |just |really |still |now |a girl,? |"
        rf"a boy,? )*{_AGE}(?!\d){_YEARS}(?! (?:minutes|hours|days|months|miles|km|weeks|of us|orders|times))",
        rf"\b(?:i'?m|im|i am|as) (?:a |an )?{_AGE}[- ]?(?:years?|yrs?)?[- ]?(?:old|yo)\b",
        r"\b(?:i'?m|im|i am|we'?re|we are) (?:still |only |just |really |too )*(?:a )?(?:minor|underage|under age|"
        r"kids?|"
        r"child(?:ren)?|schoolgirl|schoolboy|teenager|under (?:18|eighteen)|not (?:yet )?(?:18|eighteen|an adult|"
        r"of age))\b",
        r"\bi(?:'m| am) not (?:yet )?(?:18|eighteen|an adult)|\bunderage here\b",
        r"\b(?:i'?m|i am|im) in (?:\w+ )?(?:primary|elementary|middle|junior high|secondary|high) ?school\b|"
        r"\b(?:i'?m|i am|im) in (?:kindergarten|(?:the )?(?:[1-9]|1[0-2])(?:st|nd|rd|th) grade|year (?:[1-9]|1[0-2])\b|"
        r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth) grade)",
        r"\bmy (?:parents|mom|mum|mother|dad|father) (?:do(?:es)?n'?t|did not|didn'?t|mustn'?t) know\b",
        r"\b(?:don'?t|do not) tell my (?:parents|mom|mum|mother|dad|father)\b",
    ),
    "harassment": (
        r"\b(?:fuck (?:you|u|off|yourself)|go fuck|motherfuck\w*|suck my|lick my|eat shit|kiss my ass|"
        r"blow me\b(?! away)|"
        r"up your ass|piss off|cunts?|whores?|sluts?|faggots?|niggers?|niggas?|kikes?|spics?|chinks?|pakis?|gook[s]?|"
        r"tranny|trannies|retards?|wankers?|bitch(?:es)?|bastards?|twats?|arseholes?|assholes?|scumbags?)\b",
        r"\bkill (?:yourself|yourselves|urself)\b|\bkys\b|\bhang (?:yourself|urself)\b|\bdrop dead\b|"
        r"\bgo (?:and )?die\b|"
        r"\b(?:burn|rot) in hell\b|\bget (?:cancer|raped)\b|\bhope you (?:all )?(?:die|get (?:raped|cancer)|suffer|"
        r"rot)\b",
        r"\b(?:send|show)(?: \w+){0,2} (?:nudes?|(?:your )?(?:tits|boobs|breasts|pussy|dick|naked)\b|a naked)",
        r"\b(?:have|want|phone|rough|oral|some) sex\b|\btalk dirty\b|\bdirty (?:story|talk)\b|\berotic\b|\bporn\w*\b|"
        r"\btouching myself\b|\bi'?m (?:so )?(?:horny|hard)\b(?! (?:to|of|at))|\bwhat are you wearing\b|"
        r"\bcolou?r is your underwear\b|\bunder your clothes\b|\bsleep with (?:you|your)\b|\bin my bed\b",
        r"\byou (?:\w+ )?(?:people )?(?:are |'re )?(?:all )?(?:a )?(?:dirty|filthy|stupid|fucking|worthless|"
        r"disgusting|ugly|fat|"
        r"brainless|inbred)(?: \w+)? (?:foreigners?|immigrants?|scum|pigs?|cows?|monkeys?|vermin|jews?|muslims?|"
        r"gyps(?:y|ies)|"
        r"indians?|asians?|blacks?|animals|piece of (?:shit|garbage|trash))\b",
        r"\bpiece of (?:shit|garbage|trash)\b(?<=you)|\byou(?:'re| are)?(?: \w+){0,3} piece of (?:shit|garbage|"
        r"trash)\b",
        r"\b(?:scum|vermin|subhuman|inbred|waste of oxygen)\b",
        r"\b(?:hate|lock(?:ed)? up|gass?ed|served by|talk to|get rid of) (?:all |the |one of those |a |any |"
        r"those )*(?:blacks|"
        r"black (?:people|man|woman)|jews?|muslims?|gays?|indians?|immigrants?|foreigners?|gyps(?:y|ies)|women)\b",
        r"\bgo back (?:to )?where you came from\b|\bdirty (?:foreigners?|jews?|gyps(?:y|ies)|arabs?|mexicans?)\b",
        r"\b(?:homos?|dykes?|poofters?|shemales?|towelheads?|ragheads?|wetbacks?|skanks?|retarded)\b",
        r"\b(?:your kind|(?:blacks|jews|muslims|gays|homos|indians|immigrants|foreigners) like you) "
        r"(?:should(?:n'?t| not)?|belongs?|ought|crawl|(?:don'?t|doesn'?t) (?:belong|deserve)|always (?:steals?|lies?|"
        r"cheats?)|never learns?)\b",
        r"\b(?:crawl|go|get) back to (?:the (?:jungle|trees|sewer|swamp)\b|your (?:own )?(?:country|cave|hole)"
        r"(?=\s*(?:$|[,.!?;]|and\b|you\b)))",
        r"\bwomen (?:shouldn'?t|should not|have no business)\b.{0,20}\b(?:run|work|drive|vote|think|serv|allowed)|"
        r"\btake (?:advice|orders|help) from (?:any |some |a )?(?:gays?|jews?|blacks|muslims?|immigrants?|foreigners?|"
        r"women|woman)\b",
        r"\byou(?:'re| are| a)? (?:(?:stupid|fat|old|little|absolute|total|lazy|silly|filthy|dirty) )?"
        r"(?:dumb|stupid|ugly|fat|filthy|dirty|brainless|little|lazy|old|silly) "
        r"(?:little |old |ugly )?(?:cows?|pigs?|hags?|slags?|tramps?|swine|sow|tarts?)(?=\s*(?:$|[,.!?;]))|"
        r"\bshut (?:your|ya|ur) (?:filthy|dirty|stupid|fat|ugly) (?:mouth|face|trap)\b",
        r"\b(?:your|ur) (?:(?:big|nice|sweet|hot|tight|little|pretty|sexy) )?(?:tits|boobs|pussy|breasts(?! of))\b|"
        r"\byou (?:have|got) (?:\w+ )?(?:tits|boobs)\b|\byou wear(?:ing)? (?:any |a )?(?:panties|knickers|bra\b|"
        r"underwear)|\b(?:see|suck|touch|show you) (?:my|this) (?:\w+ )?(?:dick|cock|pussy)\b|"
        r"\bsit on my (?:lap|face)\b",
        r"\b(?:i'?d|i would|i want to|i wanna|let me|i'?m gonna|i'?ll) (?:love to |like to |so |totally )?"
        r"(?:bang|shag|bone|do) you\b(?! (?:a|an|the|some|any|one|over|know|my|this|that|in|proud)\b)",
    ),
    "medical": (
        r"\b(?:can|should|may|could) i (?:still )?(?:take|give|stop (?:taking|my)|skip)\b.{0,40}\b(?:pills?|medic\w+|"
        r"ibuprofen|"
        r"aspirin|paracetamol|insulin|tablets?|antibiotics?|painkillers?|antidepressants?)\b",
        r"\b(?:what|which|how much|how many)\b.{0,30}\b(?:dos(?:e|age)|painkillers?|medicine|medication|ointment|"
        r"cream should|"
        r"paracetamol|ibuprofen|aspirin|melatonin)\b",
        r"\bdiagnos(?:e|is)\b|\bsymptoms? of\b|\bthese \w+ symptoms\b|\b(?:need|get) (?:stitches|a tetanus|"
        r"an injection)\b|"
        r"\btetanus\b|\blead poisoning\b|\bmedical advice\b",
        r"\bi(?:'m| am) pregnant\b.{0,60}\b(?:safe|harm|ok|okay|dangerous|bad|can i)\b",
        r"\bi(?:'ve| have) (?:a )?(?:diabetes|asthma|epilepsy|pacemaker|high blood pressure|eczema|"
        r"a heart condition)\b",
        r"\bis (?:it|this|that|my \w+) (?:skin )?cancer\b|\bcause (?:skin )?cancer\b",
    ),
    "legal": (
        r"\b(?:sue|suing) (?:you|u|them|the|your|for|over)\b|\bbe sued\b|\bi(?:'ll| will|'m going to) sue\b",
        r"\blegal (?:advice|rights?|action|proceedings|steps)\b|\blawsuits?\b|\blegally (?:binding|obliged|"
        r"responsible|liable)\b",
        r"\b(?:my|a|need a|our) (?:lawyer|attorney|solicitor)\b(?=.*\b(?:will|says?|said|writ\w+|contact\w*|advised|"
        r"to get|"
        r"hear|need|told)\b)|\bhear from my (?:lawyer|attorney|solicitor)\b|\b(?:need|get|got) a (?:lawyer|attorney|"
        r"solicitor)\b",
        r"\b(?:take|taking|see|took) you (?:\w+ )?(?:to|in) (?:\w+ )*court\b|\bsmall claims\b|\bcourt order\b|"
        r"\b(?:went|go|going) to court\b|\bsee a judge\b|\bpress charges\b|\bfile (?:charges|a lawsuit|suit)\b|"
        r"\bthe court will\b",
        r"\b(?:break|breaking|against) the law\b|\b(?:what|which) (?:does the |does |is the )?(?:law|statute)\b|"
        r"\b(?:under|by) (?:\w+ )?law\b(?! (?:firm|office|school))(?=.*\b(?:i|you|we)\b)|\bstatute of limitations\b",
        r"\b(?:liable|liability|prosecut\w+|fraud charges|damages for|compensation for pain|legal dep\w+)\b",
    ),
}
SURE: Mapping[Concern, re.Pattern[str]] = {
    concern: re.compile("|".join(f"(?:{pattern})" for pattern in _SURE[concern])) for concern in CONCERNS
}

_IDIOMS = re.compile(
    r"\bbe the death of\b|\bto die for\b|\bdying (?:to|for)\b|\b(?:would|could|'d) kill (?:for|to)\b|\bdead (?:line|"
    r"serious|tired|"
    r"simple|easy|slow|on|end)\b|\bkill(?:ing|s)? (?:the |my |this |that )?(?:order|subscription|time|lime\w*|germs|"
    r"mould|mold|"
    r"bacteria|weeds?|vibe|mood|switch)\b|\bkilling me\b|\bshoot (?:me|you|us) an?\b|\bbeat (?:the |an? )?(?:eggs?|"
    r"price|"
    r"deal)\b|\bburn(?:t|ed|ing)? (?:the |my )?(?:rice|food|milk|sauce|butter|toast|pan|calories|cd|candle)\b|"
    r"\bfire (?:engine|pit|place|sale|alarm|extinguisher|starter|proof)\w*|\bpassed away\b|\bsick of waiting\b|"
    r"\bbath bombs?\b"
)
"""Figures of speech."""

CUES = re.compile(
    r"\b(?:die|died|dying|dead|death|kill\w*|suicid\w*|alive|liv(?:e|ing)|life|exist|disappear|point in|going on|"
    r"wake up|sleep|"
    r"jump|hang\w*|roof|bridge|train|overdos\w*|pills?|tablets?|wrists?|blades?|cut|cutting|hurts?|hurting|harm\w*|"
    r"pain\w*|"
    r"miss me|without me|gone|around when|given? away|to end|end everything|make it through|world|tonight|"
    r"into the sea|the edge|see tomorrow|letters|rope|cord|sharpest|forever|for good|goodbye|"
    r"last message|end it|ending it|give up|can'?t go on|any ?more|worthless|"
    r"deserve|starv\w*|burn\w*|fire|flames?|smok\w+|gas|fumes?|spark\w*|melt\w*|swell\w*|swollen|hiss\w*|hot|"
    r"shock\w*|zapped|"
    r"electr\w+|explod\w+|blew|exploded|shatter\w*|blood|bleed\w*|wound\w*|stab\w*|breath\w*|chok\w+|throat|chest|"
    r"heart|"
    r"stroke|seizure|faint\w*|collaps\w+|unconscious|convuls\w*|dizzy|nause\w*|vomit\w*|throwing up|sick|ill|"
    r"swallow\w*|drank|"
    r"drunk|drink\w*|ate|eat|eaten|lick\w*|bit|poison\w*|toxic|chemical\w*|bleach|clean\w+|ambulance|police|911|999|"
    r"112|"
    r"accident|help|hit\w*|beat\w*|attack\w*|scared|afraid|locked|force|outside|boiling|scald\w*|steam|skin|eyes?|"
    r"arm|leg|"
    r"head|face|hand|fork|socket|ran over|drove|monoxide|allerg\w*|"
    r"find you|where you|know where|coming|come (?:to|round|over)|office|warehouse|gun|guns|rifles?|bat|bomb\w*|"
    r"explos\w*|acid|"
    r"shoot\w*|bullet|murder\w*|strangl\w*|smash\w*|break (?:your|his|her|every)|legs|regret|careful|watch|family|kids|"
    r"children|wife|boss|blow|petrol|weapon|school|hack|publish|dogs|pay for|pay with|deserves?|terrible to|drown|"
    r"ever walk|hunt|suffer|lesson|torch|visit|bury|swinging|knife|safely|car park|your (?:home )?address|manager|"
    r"fuck\w*|shit\w*|bitch\w*|whore|slut|cunt|dick|cock|pussy|tits|boobs|naked|nude\w*|nudes|sex\w*|wearing|"
    r"underwear|clothes|"
    r"body|bed|kiss|touch\w*|dirty|erotic|horny|hard|single|baby|ugly|fat|stupid|dumb|idiot\w*|moron\w*|loser|scum|"
    r"trash|"
    r"garbage|pathetic|retard\w*|jews?|jewish|muslims?|black|white|asian|indians?|immigrants?|foreign\w*|gays?|women|"
    r"woman|"
    r"gyps\w+|hell|hate|cancer|rape\w*|insult\w*|cow|pig|monkey\w*|ass|damn|cry|bend over|things to (?:you|her|him)|"
    r"years? old|yo|yrs|age[sd]?|underage|minor|teen\w*|kid|child\w*|adult|parents?|mom|mum|mother|dad|father|"
    r"stepdad|grade|"
    r"grader|primary|kindergarten|grown up|too young|pocket money|eighteen|seventeen|sixteen|fifteen|fourteen|"
    r"thirteen|twelve|"
    r"eleven|ten|nine|eight|seven|born in|birthday|permission|home alone|grandma|"
    r"doctor|hospital|medic\w*|pharma\w*|ibuprofen|aspirin|paracetamol|insulin|vitamin\w*|dos(?:e|age)|symptom\w*|"
    r"diagnos\w*|"
    r"disease|pregnan\w*|breastfe\w*|diabet\w*|asthma|epilep\w*|pacemaker|pressure|depress\w*|anxiety|panic|rash|"
    r"eczema|"
    r"infect\w*|blister\w*|cough\w*|fever|headache|migraine\w*|insomnia|injur\w*|stitches|tetanus|cure|treat\w*|remedy|"
    r"cream|cholesterol|herbs|dementia|surgery|stomach|ears|pus|calories|lose|blood|glaze|lead|nickel|latex|coating|"
    r"inhale|wax|safe|"
    r"danger\w*|harmful|"
    r"lawyer|attorney|solicitor|court|judge|legal\w*|law|laws|sue|sued|suing|lawsuit|rights|liab\w*|liable|damages|"
    r"prosecut\w*|"
    r"charges|crime|criminal|fraud|jail|statute|regulation|gdpr|contract|binding|void|custody|divorce|lease|landlord|"
    r"proceedings|report(?:ing)? you|claim|compensation|obliged|allowed|clause|enforceable|guilty|will valid|taxes|"
    r"a case)\b|\b\d{1,2}\b"
)
"""Words that give reason to look closer."""


def plain(text: str) -> str:
    """Return a copy to read: compatibility forms and accents folded, figures of speech and what is unseen taken out."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'"))
    seen = "".join(
        " " if unicodedata.category(c) == "Cc" else c for c in folded if unicodedata.category(c) not in _UNSEEN
    )
    return " ".join(_IDIOMS.sub(" ", " ".join(seen.casefold().split())).split())


_UNSEEN = frozenset({"Cf", "Cs", "Co", "Cn", "Mn"})


def sure(text: str) -> Concern | None:
    """Return the most pressing concern that a phrase of `text` (as `plain` gives it) says by itself."""
    return next((concern for concern in CONCERNS if SURE[concern].search(text)), None)


def cued(text: str) -> bool:
    """Whether a word of `text` gives reason to look closer."""
    return bool(CUES.search(text))
