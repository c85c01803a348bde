"""What the slices of texts look for: regular expressions of RE2, which has neither lookahead nor lookbehind.

Where a word contains a sign but does not mean it, that word is taken out first.
"""

from __future__ import annotations

WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}ーｰ가-힣]"
LETTER_OR_DIGIT = r"[\p{L}\p{N}]"
SCRIPTS = {
    "zh": r"\p{Han}",
    "ja": r"[\p{Hiragana}\p{Katakana}ーｰ]",
    "ko": r"\p{Hangul}",
    "latin": r"\p{Latin}",
    "cyrillic": r"\p{Cyrillic}",
    "arabic": r"[\p{Arabic}ـ]",
}
KANA_WORD = r"[\p{Hiragana}\p{Katakana}ーｰ]{2}"  # a lone の or ツ decorates Chinese and English texts

# What comes before and after a domain is kept as \1 and \2; the mark that ends a sentence is not part of a URL.
_PATH = r"[!-~]*[a-z0-9/_=&%#+~-]"
_NAME = r"(?:[a-z0-9-]+\.)+"
_SURE_END = r"(?:com|org|net|edu|gov|cn|co\.uk)"
_END_BEFORE_PATH = (  # a bare "done.so" is a missing space
    r"(?:[a-z]{2}|info|biz|app|dev|shop|store|xyz|site|online|link|page|bank|club|tech|live|news|top)"
)
URL = (
    rf"(?i)https?://[\p{{L}}\p{{N}}](?:{_PATH})?"
    rf"|(^|[^a-z0-9_@./-])(?:www\.{_NAME}[a-z]+(?:[/:?]{_PATH})?|{_NAME}{_SURE_END}(?:/(?:{_PATH})?)?"
    rf"|{_NAME}{_END_BEFORE_PATH}/{_PATH})([^a-z0-9_@-]|$)"
)

EXCLAMATION = r"[!！﹗‼⁉❕❗]"

# Questions. English ones by how a sentence opens, Chinese ones by a particle, or a question word in the last clause.
_OPENING = (
    r"(?:^|[.!?。！？…\n][\"'”’)]*\s*)[\"'“‘(]*"
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|so,|and|but|also|ok|okay|well|um+|er+m?|sorry|please)"
    r"[\s,:.–-]+)*"
)
_VERB = (
    r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|has|have|had|must|may|might|shall)"
    r"(?:n['’]?t)?"
)
_WHO = r"(?:i|you|u|we|he|she|they|it|this|that|these|those|there|any\w*|some\w+|my|your|our)"
_ASKED = (
    rf"(?:what|why|how|when|where|who|whose|(?:which|what|whose|how) \w+) {_VERB} (?:{_WHO}|the|an?)",
    r"how come",
    r"(?:what|how) about",
    r"what if",
    r"(?:how|where|who) to",
    r"(?:what|how|where|who|when)['’]?s (?:the|my|your)",
    rf"(?:can|could|will|would|shall)(?:n['’]?t)? {_WHO}",
    r"may (?:i|we) (?:ask|have|know|please)",  # "may I thank" does
    r"should (?:i|we|my)",  # "should you need" and "should it fail" are conditions, as is "had I known"
    r"(?:do|have) (?:i|you|u|we|they|any\w*)",
    r"does (?:it|this|that|the|any\w+|my|your|he|she)",
    r"has (?:any\w+|my|he|she)",
    r"did (?:i|you|u|we|they|he|she|any\w+)",  # "did the job" has lost its subject, as has "was the best"
    r"is (?:it|this|that|there|any\w+|some\w+|my|your|he|she)",
    r"was (?:it|this|that|there|any\w+|he|she|i)",
    r"(?:are|were) (?:you|u|we|they|there|these|those|any|my|your)",
    r"am i",
)
_STATEMENT_ENDS = "还還才正着著在可都就了的挺很真好"  # 还没到呢 states, 退款呢 asks
QUESTION = (
    r"(?i)[?？⁇⁈⁉؟❓❔]|[吗嗎](?:\P{Han}|$)|请问|請問"
    rf"|(?:^|\P{{Han}})[^\P{{Han}}{_STATEMENT_ENDS}]{{1,8}}呢(?:[^\p{{Han}}，,]|$)"
    rf"|{_OPENING}(?:{'|'.join(_ASKED)})(?:[^\w'’]|$)"
)
# What is not known, does not matter, was shown or asked is no question.
NO_QUESTION = (
    r"(?:[不没沒](?:知道?|晓得|清楚|明白|管|怎么|怎麼)|[搞弄]不[懂清]|[不无無][论論]|教[我你您他她它会會]|[来來都他她它][问問]我)"
    r"\p{Han}*"
)
# Writers who do not punctuate part clauses with spaces; one beside a Latin word or a number parts nothing.
QUESTION_WORD = (
    r"(?:为什么|為什麼|为何|為何|为啥|怎么|怎麼|怎样|怎樣|咋|如何|什么时候|什麼時候|啥时候|何时|何時|多久|几点|幾點|多少钱|多少錢"
    r"|哪[里裡儿兒个個些家天年款种種位张張]|[在放去到]哪|是不是|能不能|会不会|會不會|要不要|可不可以|有没有|有沒有|是否|能否|可否)"
    r"(?:[^\s，,。！!；;]|[A-Za-z0-9] | [A-Za-z0-9])*[^\S\n]*(?:[。\n]|$)"
)

# Negation. English: Huddleston and Pullum (2002), The Cambridge Grammar of the English Language, ch. 9, less affixes.
_NEGATORS = (
    r"not|no|never|without|cannot|nor|neither|none|nobody|nothing|nowhere|nope|hardly|barely|scarcely|rarely|seldom"
    r"|(?:do|does|did|is|was|are|were|ai|ca|could|would|should|wo|has|have|had|must)nt"
)
ENGLISH_NEGATION = rf"(?i)(?:^|[^\p{{L}}\p{{N}}_])(?:{_NEGATORS})(?:[^\p{{L}}\p{{M}}\p{{N}}_]|$)|\pLn['’ʼ]t(?:\PL|$)"
NO_ENGLISH_NEGATION = (
    r"(?i)\b(?:not only|not just|not to mention|no doubt|without (?:a )?doubt|no wonder|no worries"
    r"|whether or not|yes or no|no\.? ?[0-9#]+)\b"
)
# Chinese: what would be taken out below, but negates; what contains a negator, but does not; what then negates.
NEGATION_MARK = "⊘"
SURE_CHINESE_NEGATION = (
    r"不[过過][期关關分敏来來]|不同意|不[错錯][过過]|不[论論理]文|[没沒][错錯][过過]|[没沒]事先|[没沒]准[备備时時点點]"
    r"|未[来來]得及|[无無](?:[线線][上下]|限制)"
)
NO_CHINESE_NEGATION = (
    r"不[错錯过過仅僅但光只论論断斷久妨愧禁同少锈鏽然]|不得[不了]|不由得?|不好意思|不客[气氣]|不用[谢謝]|不一[会會]|不[动動][产產]"
    r"|不管(?:什么|怎|谁|哪|是|多|如何|有)|[对對]不起|了不起|大不了|差不多|[说說]不定|[恨巴]不得|[忍禁]不住|[免少]不了|[时時]不[时時]|[动動]不[动動]"
    r"|知不知道|可不可以|需不需要|\p{Han}[不没沒](?:[?？]|\s*$)|[没沒](?:[关關][系係]|[错錯]|事|准)|[淹埋沉吞][没沒]|有[没沒]有"
    r"|[无無](?:[论論线線数數比奈聊锡錫疑非辜语語敌敵限缝縫意]|人[机機]|障[碍礙]|印良品|所[谓謂]|理由退)|未(?:[来來免]|婚[夫妻]|成年)"
    r"|" + "|".join(f"{verb}不{verb}" for verb in "是能会會要好行对對该該想去来來用在看给給")
)
CHINESE_NEGATION = (
    rf"[不没沒无無未勿甭{NEGATION_MARK}]"
    r"|(?:^|[^\p{Han}]|[你您们們请請万萬可能就都也先说說])[别別](?:[^人的墅处處名针針致家样樣具克扭提字\p{P}]|$)"
    r"|[并並而绝絕均决決实實皆亦]非|非(?:本人|官方|正常|营业|工作|必要|因)"
)

# Emoji: those that show as such by themselves, flags and key caps among them, or that a variation selector makes so.
EMOJI = (
    r"[\x{1F004}\x{1F0CF}\x{1F18E}\x{1F191}-\x{1F19A}\x{1F1E6}-\x{1F1FF}\x{1F201}\x{1F21A}\x{1F22F}\x{1F232}-\x{1F236}"
    r"\x{1F238}-\x{1F23A}\x{1F250}\x{1F251}\x{1F300}-\x{1F64F}\x{1F680}-\x{1F6FF}\x{1F7E0}-\x{1F7F0}\x{1F90C}-\x{1F9FF}"
    r"\x{1FA70}-\x{1FAFF}⌚⌛⏩-⏬⏰⏳☔☕♈-♓♿⚓⚡⛄⛅⛎⛔⛪⛲⛳⛵⛺⛽✅✊✋✨❌❎❓-❕❗➕-➗➰➿⬛⬜⭐⭕"
    r"☹☺♥❣❤\x{20E3}]|[‼⁉ℹ↔-↪⌨-⏺Ⓜ▪-⛿✂-➡⤴-⬇〰〽㊗㊙\x{1F170}-\x{1F19A}\x{1F202}-\x{1F237}]\x{FE0F}"
)
EMOTICON = (
    r"(?:^|[^0-9:;=])[:;=]['’]?[-^o]?[()]+(?:[^\p{L}\p{N}]|$)"  # :) ;-) :'(
    r"|(?:^|[\s\p{Han}\p{P}])(?:[:;=]['’]?-?[DPpOoSs|/\\*]|[:;=]-?3|[xX]D+|\^[_.]?\^|[Tt]_[Tt]|-_+-|>[_.]<|[oO]_[oO])"
    r"(?:\s|$|[\p{Han}，。！？,.!?…~～])"
    r"|(?:^|[\s\p{Han}\p{P}])<3+(?:\s*[^\s\p{L}\p{N}]|\s*$)"  # but not "<3 days"
    r"|：[）)](?:\P{Han}|$)"
)

# Contrast: what is said first is taken back. A conjunction between clauses, or an opening concession.
CONTRAST = (
    r"(?i)(?:^|[^\p{L}])(?:but|however|although|though|nevertheless|nonetheless|despite|in spite of|whereas"
    r"|except that|on the other hand|unfortunately|if only)(?:[^\p{L}]|$)"
    r"|(?:^|[^\p{L}\s]\s*|\band )yet(?:[^\p{L}]|$)"  # "not yet" and "isn't here yet" only tell the time
    r"|但|不[过過]|可是|然而|虽然|雖然|[尽儘]管|\P{Han}只是|就是.{0,4}(?:[了有][点點]|太|不[够夠])|除了"
)
NO_CONTRAST = (
    r"(?i)\b(?:nothing but|anything but|no(?:body| one| choice| option| alternative) but|but also|but for"
    r"|last but not least|as though|yet (?:another|again|more|to)"
    r"|however (?:much|many|long|often|hard|far|big|small|you|they|i|we))\b"
    r"|不[过過](?:[关關期敏分来來去瘾癮如问問]|[\d一二两三几幾]|$)|[打说說看气氣比跑抵敌敵挡擋躲熬忍都]不[过過]|[再最]\p{Han}{0,3}不[过過]"
    r"|[过過]不[过過]|[不非]但|但[愿願凡]|[尽儘]管(?:放心|[说說问問来來拿用提找]|开口|開口|吩咐)|[这這那]可是|只是(?:想|问|問|来|來|看看)"
    r"|就是.{0,3}太[好棒赞讚爱愛]|除了[^。！？!?\n]{1,20}?[还還也]"
)
# Sarcasm: what is praised and not meant. Set phrases only, since irony without them is not seen; and only those that
# are seldom meant: "wow, great", "nice work again" and 真是谢谢 are, as a rule.
_HARM = r"(?:losing|breaking|ruining|missing|forgetting|deleting|making (?:me|us)|managing to|failing|inventing)"
SARCASM = (
    r"(?i)\byeah,? right(?:[.!?…]|\s*$)|\bthank(?:s| you)(?: a lot| so much| very much)? for nothing\b"
    r"|\b(?:oh|well),? (?:great|brilliant|wonderful|fantastic|lovely|perfect)\b"
    r"|\b(?:great|brilliant|fantastic|lovely|wonderful|nice|good) (?:job|work|going|one),? "
    rf"{_HARM}\b|\b(?:bravo|congratulations|congrats|well done|kudos)(?: to you)? (?:on|for) {_HARM}\b"
    r"|\bjust what (?:i|we) (?:needed|wanted)[\s,.:–—…-]+(?:another|more|yet)\b"
    r"|(?:^|[.!?…][\"”’)]*\s+)as if\b|\bhow (?:lovely|nice|thoughtful|generous|considerate) of\b"
    r"|[\"“'‘](?:great|excellent|helpful|premium|service|support|help|express|fast|quick|smart|eco|care|priority|new"
    r"|improved)[\"”'’]"
    r"|呵呵|可真行|真行[啊呀]|真有你们的|(?:^|\P{Han})好一[个個]|可真是[谢謝感]|[谢謝]{2}你们?全家|服了你们|真是服了"
    r"|[“\"](?:服务|专业|贴心|优质|快速|智能|极速)[”\"]|🙃|🙄"
)
# A button or a name in quotation marks; thanks that go on; an "as if" that compares.
NO_SARCASM = (
    r"(?i)\b(?:click|tap|press|hit|select|choose|open|under|called|named|labell?ed|says?|said|states?|reads?|word)\w*"
    r"(?: (?:on|the|a|as))* [\"“'‘][^\"“”‘’]{1,30}[\"”'’]"
    r"|[\"“'‘][^\"“”‘’]{1,30}[\"”'’] (?:button|tab|menu|page|link|section)"
    r"|\b(?:oh|well),? (?:great|brilliant|wonderful|fantastic|lovely|perfect)[,.!]* (?:thanks|thank you|cheers)"
    r"(?:[,.!]|\s*$| (?:so|very) much(?:[,.!]|\s*$))|\bas if (?:by magic|it were|nothing)\b|好一[个個][月人小]"
    r"|[点點]击?(?:了|一下)?[“\"]\p{Han}{2,8}[”\"]|[“\"]\p{Han}{2,8}[”\"](?:按钮|按鈕|页|頁|栏|菜单|选项)"
)
