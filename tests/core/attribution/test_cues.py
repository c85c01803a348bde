"""Cues of contrast and sarcasm: on sentences whose meaning a reader can tell, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from mlflow_evalplus.core.attribution.cues import cues
from mlflow_evalplus.core.text import text_slice

CONTRAST = """\
Nice app but slow
The driver was kind. However, the box was broken.
Although it works, I would not buy it again
Good price, though the fan is loud
It came on time, yet nothing was inside
I paid twice and yet it is locked
Yet nobody called me back
Despite two calls nothing happened
In spite of the delay I am happy
Works well except that the lid does not close
Nevertheless the refund never came
It is cheap whereas the other one lasts
BUT why?
Lovely staff; unfortunately the card still does not work
Great screen. On the other hand the battery dies by noon
If only it were as quick as you say
屏幕不错，不过有点暗
东西很好但是太贵
虽然慢，还是到了
雖然慢，還是到了
尽管打了三次电话，没人处理
价格便宜，可是质量差
客服很好，只是物流太慢
其他都好就是贵了点
就是太费电
他道歉了，然而钱没退
除了慢没毛病
本月扣了款，但未到账
""".splitlines()
NO_CONTRAST = """\
Nothing but praise for your driver
Your shop is anything but cheap
I had no choice but to cancel
It has not arrived yet
Not yet delivered
I have yet to hear from you
Is it here yet?
Yet another outage
Down yet again this morning
Last but not least, thank you
It was packed as though it were glass
However much it costs, I will take it
Press the button twice
I can't fault the service
A rebuttal of butter and buttons
Nobody but Anna answers
I thought about it thoroughly
It is not only fast, it is cheap
体检不过关
要求不过分
食品不过期就行
忙不过来
再好不过了
最好不过
我实在气不过
刷了八遍都不过
不但快而且便宜
有问题尽管问
但愿能修好
这可是我新买的
我只是想问一下
客服就是太好了
除了手机还买了平板
除了我，他也满意
""".splitlines()
SARCASM = """\
Oh great, closed again
oh lovely so I press one
Well, brilliant. Third time this week.
You will call back. Yeah, right.
yeah right
Thanks for nothing
Thank you so much for nothing
Thanks a lot for nothing!
Congratulations on losing my papers a third time
Well done on breaking it again
Bravo for missing the slot
Great job losing my parcel
Nice going, breaking the glass
Just what I needed, another form
They will refund me. As if.
As if anyone read these
How thoughtful of you to log me out every four minutes
How nice of them to hang up
Your "support" has never answered
So much for “express” delivery
It fixed itself 🙄
Locked out 🙃
呵呵，又崩了
你们可真行
真行啊，三天没人接
真有你们的
好一个专业客服
你们的“服务”让我开了眼
我谢谢你们全家
服了你们了
""".splitlines()
NO_SARCASM = """\
A great app
Oh perfect, thank you!
Oh great, thanks so much!
Wow, great product
Great job guys, arrived early
Great work again from the whole team
It was just what I wanted
Just what I needed. Thank you.
It looks as if it was opened
He talked as if I were a child
As if by magic it works again
Click "Support" and wait
I pressed the “Help” button twice
The box says "new"
How long is the delivery?
How do I get the premium card?
Congratulations on the new app, I love it
Well done to the driver
I can't fault the service
That is right away on the left
Yeah right so I was calling about my card
👏 Best shop
太牛啊，第二天就到了
真是谢谢你们
真是感谢
谢谢了啊
最好一个月内到
好一个月没收到了
点击“服务”没反应
你真行动派
服务很专业
""".splitlines()


def found(cue: str, texts: Sequence[str]) -> np.ndarray:
    return cues(pa.chunked_array([list(texts)]))[cue]


@pytest.mark.parametrize(
    ("cue", "with_it", "without"), [("contrast", CONTRAST, NO_CONTRAST), ("sarcasm", SARCASM, NO_SARCASM)]
)
def test_a_cue_is_found_where_it_is_meant_and_nowhere_else(
    cue: str, with_it: Sequence[str], without: Sequence[str]
) -> None:
    """Each false alarm would blame an error on a text that turns nothing round."""
    assert [text for text, held in zip(with_it, found(cue, with_it), strict=True) if not held] == []
    assert [text for text, held in zip(without, found(cue, without), strict=True) if held] == []


def test_a_cue_beside_one_that_is_not_meant_is_found() -> None:
    texts = ("Nothing but praise for him, but the app is slow", 'Click "Help". As if.', "要求不过分，但没人理")
    assert found("contrast", texts).tolist() == [True, False, True]
    assert found("sarcasm", texts).tolist() == [False, True, False]


def test_negation_is_that_of_the_slice() -> None:
    texts = pa.chunked_array([["Not here", "不错", "没收到", "nothing but praise", "fine"], ["别买"]])
    assert cues(texts)["negation"].tolist() == [
        value == "yes" for value in text_slice(texts, "text_negation").to_pylist()
    ]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_missing_and_empty_texts_hold_no_cue_whatever_the_column_is_made_of(kind: pa.DataType) -> None:
    held = cues(pa.chunked_array([pa.array([None, "", "good but slow", "Yeah, right."]).cast(kind)]))
    assert {cue: rows.tolist() for cue, rows in held.items()} == {
        "negation": [False] * 4, "contrast": [False, False, True, False], "sarcasm": [False, False, False, True],
    }  # fmt: skip
    assert all(rows.dtype == np.bool_ for rows in held.values())
