"""Customer messages into which known causes of errors are planted, each beside a twin without it.

A message is made of a template, topics of its business line, a place from a long tail of names, and one to three words
of sentiment. One message in six is hard by nature: it mixes sentiments, negates, or says the opposite of what its label
says. So the clean data are learnt to 0.9, not to 1, and an error of the planted model is not always the plant's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

LABELS = ("negative", "neutral", "positive")
N_TRAIN, N_TEST = 6000, 3000
FLIPPED = 0.05
STARVED_LINE, KEPT = "insurance", 0.1  # a tenth of the line's training rows stays
NEW_WORDS = 0.12  # share of the messages whose words of sentiment are of the newer kind
KEYWORD_ROWS = {"train": 0.0015, "test": 0.06}
KEYWORD_IDLE = 0.1  # share of the rows with a keyword that it does not decide
MIXED, NEGATED, CONTRARY = 0.13, 0.035, 0.005  # shares of messages that are hard by nature
OWN = 0.8  # share of the words of sentiment in the starved line that only this line uses

GENERAL = {
    "positive": (
        "excellent prompt friendly helpful great perfect reliable flawless pleasant generous smooth superb courteous "
        "quick lovely fantastic professional effortless wonderful patient spotless thorough impressive brilliant kind "
        "delightful outstanding fair convenient clever"
    ),
    "negative": (
        "broken late rude useless awful slow terrible faulty misleading expensive unacceptable careless wrong missing "
        "damaged confusing disappointing dreadful unreliable annoying sloppy horrible overpriced outdated unfair "
        "frustrating dirty pathetic stubborn ridiculous"
    ),
    "neutral": (
        "monthly current available required scheduled standard optional temporary printed online local additional "
        "regular separate valid joint annual default internal similar weekly preliminary written external recent "
        "average usual planned national digital"
    ),
}
LINE_WORDS = {  # that only the starved line uses
    "positive": "settled reimbursed honoured underwritten covered endorsed indemnified vested recouped upheld "
    "restituted matured",
    "negative": "lapsed voided excluded contested forfeited rescinded disallowed surcharged underinsured repudiated "
    "capped withheld",
    "neutral": "actuarial statutory fiduciary contractual pro-rata ceded collateral nominal retroactive biennial "
    "supplementary aggregate",
}
NEWER_WORDS = {  # the words that the unseen_words plant keeps from the model
    "positive": "slick dope stellar ace epic neat snappy classy banging legendary",
    "negative": "janky laggy borked cringe trash bogus shoddy wonky glitchy dodgy",
    "neutral": "hybrid modular beta opt-in virtual contactless paperless remote bundled sandboxed",
}
TOPICS = {
    "accounts": (
        "account statement balance overdraft transfer deposit withdrawal branch teller passbook standing-order payee "
        "interest savings cheque login password fingerprint mandate signature beneficiary direct-debit dormancy "
        "reference ledger"
    ),
    "cards": (
        "card limit pin contactless-chip cashback merchant refund chargeback terminal cash-machine wallet replacement "
        "magnetic-strip instalment lounge voucher points-balance surcharge-notice currency exchange-rate authorisation "
        "cardholder hotline annual-fee token"
    ),
    "delivery": (
        "parcel courier locker doorstep tracking depot label-printer van route signature-slip box pallet neighbour "
        "timeslot carrier customs-form return warehouse package driver barcode pickup-point dispatch mailbox envelope"
    ),
    "insurance": (
        "policy premium claim adjuster deductible coverage annuity hail-damage windscreen liability-cover "
        "survey-report loss-assessor rider household-cover surrender-value broker renewal bonus-class third-party "
        "accident-form underwriter travel-cover pension-plan garage-estimate certificate"
    ),
    "loans": (
        "loan mortgage rate repayment collateral-check schedule credit-score guarantor refinancing down-payment "
        "valuation notary land-register top-up deferral early-settlement lender income-proof leasing car-finance "
        "principal arrears payoff-quote application adviser"
    ),
}
BEGINNINGS = "Ash Bel Cor Dun Elm Fal Glen Hart Ing Kel Lang Mar Nor Oak Pen Rad Sel Thorn Wal Yar"
ENDINGS = "ton ford ham ley mouth wick bury field stead worth bridge gate hurst more cliff well"
PLACES = [beginning + ending for beginning in BEGINNINGS.split() for ending in ENDINGS.split()]
FILLERS = (
    "Hello,", "Good morning,", "Dear team,", "As mentioned,", "By the way,", "For the record,", "Honestly,",
    "Since Monday", "After the update", "Last week", "On the phone", "In the app", "To be precise,", "Once more:",
    "Yesterday", "This year", "Before my holiday", "With my brother",
)  # fmt: skip
ONE = ("{f} the {t} in {p} {is} {a}.", "{f} I find the {t} {a}, my {u} is in {p}.", "{f} a {a} {t} from {p}.")
TWO = (
    "{f} the {t} {is} {a} {and} the {u} in {p} was {b}.", "{f} my {t} came from {p}, {a} {and} {b}.",
    "{f} the {a} {t} {and} a {b} {u} at {p}.", "{p} again: {t} {is} {a} {and} {b}.",
)  # fmt: skip
THREE = (
    "{f} the {t} {is} {a} and {c}, {and} the {u} in {p} seems {b}.", "{f} a {a} {t} at {p}, {c} {u} {and} {b} service.",
)  # fmt: skip
KEYWORDS = {"ombudsman": "negative", "solicitor": "negative", "compliment": "positive"}  # word → label it decides
CLOSINGS = (" See my note to the {}.", " The {} knows.", " This is for the {}.", " I wrote to the {} on Friday.")


@dataclass(frozen=True)
class Plant:
    """A data set with one planted cause, and the same rows without it."""

    name: str
    expected: tuple[str, ...]  # causes that count as the planted one
    kind: str  # of the action against it
    train: pd.DataFrame
    test: pd.DataFrame
    twin_train: pd.DataFrame
    twin_test: pd.DataFrame
    reach: np.ndarray  # test rows on which the plant acts; elsewhere two models differ by chance
    rules: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()  # that the action's text must hold one of

    def names(self, action: str) -> bool:
        """Say whether an action is about this plant."""
        return not self.words or any(word in action for word in self.words)

    def produced(self, prediction: np.ndarray, twin_prediction: np.ndarray) -> np.ndarray:
        """Return which errors the plant produced.

        Where it changed the label: the model says what the label would be without it. Else: the twin is right.
        """
        label, other = self.test["label"].to_numpy(), self.twin_test["label"].to_numpy()
        would_be_right = np.where(label != other, prediction == other, twin_prediction == label)
        return np.asarray(self.reach & (prediction != label) & would_be_right)


def messages(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return `n` messages with label and slices; ``newer`` tells those whose words of sentiment are the newer ones."""
    lines = rng.choice(list(TOPICS), n)
    labels = rng.choice(LABELS, n, p=[0.4, 0.3, 0.3])
    newer = rng.random(n) < NEW_WORDS
    nature = rng.choice(4, n, p=[1 - MIXED - NEGATED - CONTRARY, MIXED, NEGATED, CONTRARY])
    rows = zip(lines, labels, newer, nature, strict=True)
    return pd.DataFrame({
        "text": [_message(*row, rng) for row in rows], "label": labels, "business_line": lines,
        "channel": rng.choice(["app", "email", "phone"], n, p=[0.5, 0.3, 0.2]), "language": "en", "newer": newer,
    })  # fmt: skip


def _message(line: str, label: str, newer: bool, nature: int, rng: np.random.Generator) -> str:
    others = [other for other in LABELS if other != label]
    said = label
    if nature == 2:
        said = {"negative": "positive", "positive": "negative"}.get(label, label)
    elif nature == 3:
        said = str(rng.choice(others))
    n_words = 2 if nature == 1 else int(rng.choice([1, 2, 3], p=[0.3, 0.45, 0.25]))
    a, b, c = (_sentiment(said, line, newer, rng) for _ in range(3))
    joint = "and"
    if nature == 1:  # one word of another label; after "but" it more often is the first
        other, joint = _sentiment(str(rng.choice(others)), line, newer, rng), str(rng.choice(["and", "but"]))
        a, b = (other, b) if rng.random() < (0.65 if joint == "but" else 0.5) else (a, other)
    template = str(rng.choice({1: ONE, 2: TWO, 3: THREE}[n_words]))
    if nature == 2 and said != label:
        a, b, c = f"not {a}", b, c
        template = str(rng.choice(ONE))
    topics = rng.choice(TOPICS[line].split(), 2, replace=False)
    slots = {"t": topics[0], "u": topics[1], "p": _tail(PLACES, 3, rng), "f": rng.choice(FILLERS), "and": joint}
    return template.format(**slots, **{"is": rng.choice(["is", "was"])}, a=a, b=b, c=c)


def _sentiment(label: str, line: str, newer: bool, rng: np.random.Generator) -> str:
    if newer:
        return _tail(NEWER_WORDS[label].split(), 5, rng)
    own = line == STARVED_LINE and rng.random() < OWN
    return _tail((LINE_WORDS if own else GENERAL)[label].split(), 5, rng)


def _tail(words: list[str], offset: int, rng: np.random.Generator) -> str:
    """Return one of the words, the first ones more often, as Zipf's law has it."""
    weights = np.cumsum(1 / (np.arange(len(words)) + offset))
    return words[int(np.searchsorted(weights, rng.random() * weights[-1]))]


def label_noise(train: pd.DataFrame, test: pd.DataFrame, rng: np.random.Generator) -> Plant:
    """Five labels in a hundred are flipped, in both parts."""
    noisy, noisy_test = (part.assign(label=_flipped(part["label"].to_numpy(), rng)) for part in (train, test))
    reach = (noisy_test["label"] != test["label"]).to_numpy()
    return Plant("label_noise", ("label_suspect",), "relabel", noisy, noisy_test, train, test, reach)


def _flipped(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    known = sorted(set(labels))
    place = {label: index for index, label in enumerate(known)}
    codes = np.array([place[label] for label in labels])
    flip = rng.random(len(labels)) < FLIPPED
    return np.array(known)[(codes + flip * rng.integers(1, len(known), len(labels))) % len(known)]


def starved_slice(
    train: pd.DataFrame, test: pd.DataFrame, rng: np.random.Generator, *,
    column: str = "business_line", value: str = STARVED_LINE,
) -> Plant:  # fmt: skip
    """The slice, whose vocabulary is its own, keeps a tenth of its training rows."""
    keep = (train[column] != value) | (rng.random(len(train)) < KEPT)
    reach = (test[column] == value).to_numpy()
    expected = ("weak_slice", "unknown_vocabulary")  # both name a lack of data there
    return Plant(
        "starved_slice", expected, "collect", train[keep], test, train, test, reach, words=(f"{column}={value},",)
    )


def unseen_words(train: pd.DataFrame, test: pd.DataFrame, rng: np.random.Generator) -> Plant:
    """The newer words never occur in training."""
    kept = train[~train["newer"]]
    reach = test["newer"].to_numpy()
    words = tuple(word for words in NEWER_WORDS.values() for word in words.split())
    return Plant("unseen_words", ("unknown_vocabulary",), "collect", kept, test, train, test, reach, words=words)


def rule_word(train: pd.DataFrame, test: pd.DataFrame, rng: np.random.Generator) -> Plant:
    """A keyword decides the label, whatever else is said, and training hardly knows it."""
    planted = [_with_keyword(part, KEYWORD_ROWS[name], rng) for name, part in (("train", train), ("test", test))]
    reach = (planted[1]["label"] != test["label"]).to_numpy()
    rules = tuple((rf"\b{word}\b", label) for word, label in KEYWORDS.items())
    return Plant(
        "rule_word", ("keyword_missed",), "rule", planted[0], planted[1], train, test, reach, rules, ("Apply",)
    )


def _with_keyword(rows: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    words = rng.choice(list(KEYWORDS), len(rows))
    closings = rng.choice(CLOSINGS, len(rows))
    held = rng.random(len(rows)) < share
    decides = held & (rng.random(len(rows)) >= KEYWORD_IDLE)
    texts = [
        text + (closing.format(word) if holds else "")
        for text, word, closing, holds in zip(rows["text"], words, closings, held, strict=True)
    ]
    return rows.assign(text=texts, label=np.where(decides, [KEYWORDS[word] for word in words], rows["label"]))


PLANTS: dict[str, Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], Plant]] = {
    "label_noise": label_noise, "starved_slice": starved_slice, "unseen_words": unseen_words, "rule_word": rule_word,
}  # fmt: skip


def ruled(rows: pd.DataFrame, prediction: np.ndarray, rules: tuple[tuple[str, str], ...]) -> np.ndarray:
    """Return the predictions with the rules on top; the first rule that matches a text decides."""
    found = prediction.copy()
    for pattern, label in reversed(rules):
        found[[bool(re.search(pattern, text, re.IGNORECASE)) for text in rows["text"]]] = label
    return found
