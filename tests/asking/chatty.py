"""How chatty models say an answer: sentences with a place for it, by type and language, none of them in the form asked.

Written without a look at what the scorers look for; some of them are not found, and are left in.
"""

from __future__ import annotations

SAID: dict[tuple[str, str], tuple[str, ...]] = {
    ("choice", "en"): (
        "I'd go with {}.",
        "The correct one is {}.",
        "{} is right, since nobody has to give it.",
        "My pick: {}",
        "It's {}, since a tip is voluntary.",
        "I believe it is {}.",
        "The rule is clear, so {} is the correct answer.",
    ),
    ("choice", "zh"): (
        "我会选{}。",
        "{}是对的，因为小费是自愿的。",
        "应该是{}选项。",
        "我认为正确的是{}。",
        "这道题选{}，小费是自愿给的。",
    ),
    ("label", "en"): (
        "This message is {}.",
        "The customer sounds {}.",
        "It has a {} tone.",
        "I would say {}.",
        "The mood is {} here.",
        "The sentiment expressed by the customer is {}.",
        "{} — nothing is judged",
        "To me this reads as {}.",
    ),
    ("label", "zh"): (
        "这条留言是{}的。",
        "顾客的情绪为{}。",
        "我判断为{}，因为没有评价。",
        "表达了{}情感。",
        "整体情感偏{}。",
    ),
    ("exact", "en"): (
        "You need the {}.",
        "The customer has to give the {}.",
        "What is needed is the {}.",
        "It is the {}, of course.",
        "The {} is what we ask for.",
        "Needed: {}",
        "The {} (it is on the bill)",
        "Please give us the {}.",
    ),
    ("exact", "zh"): ("需要{}。", "请提供{}。", "需要提供的是{}。", "顾客要给的是{}", "{}（在账单上）", "所需信息：{}"),
    ("numeric", "en"): (
        "You have {} days.",
        "It takes {} days in all.",
        "Within {} days.",
        "The goods may be sent back for {} days.",
        "The period is {} days from delivery.",
        "2 × 7 = {} days, so that is how long it takes.",
    ),
    ("numeric", "zh"): (
        "一共{}天。",
        "您有{}天时间。",
        "需要{}天左右。",
        "签收后{}天内可以退货。",
        "期限为{}天，从签收算起。",
    ),
    ("json", "en"): (
        "```json\n{}\n```",
        "Sure! {}",
        "Here you go:\n{}\nAnything else?",
        "`{}`",
        "The form says {} now.",
    ),
    ("json", "zh"): ("```\n{}\n```", "好的：{}", "填写如下：\n\n{}\n\n请查收。"),
    ("regex", "en"): ("The code is {}.", "Code: {}", "Here it is: `{}`", "You may use {} from now on."),
    ("regex", "zh"): ("编号为{}。", "编号：{}", "好的，编号是 {} ，请保存。"),
}
VALUES = {  # right, and wrong
    ("choice", "en"): ("B", "C"), ("choice", "zh"): ("B", "C"),
    ("label", "en"): ("neutral", "positive"), ("label", "zh"): ("中性", "正面"),
    ("exact", "en"): ("order number", "customer number"), ("exact", "zh"): ("订单号", "客户号"),
    ("numeric", "en"): ("14", "15"), ("numeric", "zh"): ("14", "15"),
    ("json", "en"): ('{"amount": 14}', '{"amount": 15}'), ("json", "zh"): ('{"amount": 14}', '{"amount": 15}'),
    ("regex", "en"): ("AB-1234", "AB1234"), ("regex", "zh"): ("AB-1234", "AB1234"),
}  # fmt: skip
