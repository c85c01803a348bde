"""The public contract: every metric key, artifact name, table column and tag, in one place.

`docs/contract.md` is the page of this module; a test holds the two against each other.
"""

from __future__ import annotations

import re

SCHEMA_VERSION = 1

# Quality metrics of a whole evaluation or of one slice, in the order in which they are shown.
METRICS = (
    "accuracy",
    "f1_macro",
    "balanced_accuracy",
    "f1_weighted",
    "precision_macro",
    "cohen_kappa",
    "mcc",
)
# Quality metrics of one class.
CLASS_METRICS = ("precision", "recall", "f1")
# Of the probabilities, where there are any: for all examples and for the slices of single columns.
SCORE_METRICS = ("log_loss", "brier", "top_2_accuracy", "ece")
SCORE_CLASS_METRICS = ("roc_auc",)
# Logged where the model was asked and timed, or where requirements price errors and machines.
LATENCY_METRICS = ("latency_ms_p50", "latency_ms_p90", "latency_ms_p95", "latency_ms_p99")
COST_METRICS = ("error_cost", "cost_per_1000", "total_cost_per_1000")
# Of the model's footprint, under ``resources/``.
RESOURCE_METRICS = ("cpu_s_per_1000", "load_s", "size_mb", "peak_memory_mb", "gpu_memory_mb")
# Of a learning curve, under ``learning_curve/``: the accuracy has a step for each number of training rows.
LEARNING_CURVE_METRICS = ("accuracy", "gain_next_1000")
# Of the probabilities as well, under ``calibration/``: what to answer and what to leave to a person.
CALIBRATION_METRICS = ("coverage_at_launch", "threshold_at_launch", "aurc")
# Of each epoch of a training of the recipe, under ``model/``; the step is the epoch.
EPOCH_METRICS = ("epoch_loss", "epoch_f1_macro", "epoch_accuracy", "epoch_loss_train")
# Of a model in production, under ``monitor/``; the step is the window's number, from 1.
MONITOR_METRICS = (
    "n_rows", "n_labelled", "estimated_accuracy", "drop", "estimated_drop", "mix_effect", "rate_effect", "new_terms",
    "alerts",
)  # fmt: skip
# Of a candidate on a question set, under ``selection/``; with ``_lower`` and ``_upper`` where it is an estimate.
SELECTION_MEASURES = (
    "coverage", "no_answer_rate", "format_compliance", "refusal_rate", "fluency", "stability", "pass_k", "length",
)  # fmt: skip
SELECTION_METRICS = ("score", "utility", *SELECTION_MEASURES)
# Sections of a candidate's other metrics: its score by dimension, and the share of the lost points by cause.
SCORE_BY_DIMENSION = "score_by_dimension"
LOST_BY_CAUSE = "lost_by_cause"
# Share of the examples that got one of the labels as an answer: where a threshold asks, or an answer is none of them.
COVERAGE = "coverage"
N_EXAMPLES = "n_examples"
# Of the labels, where there are annotators (the ceiling also from probabilities).
LABEL_METRICS = ("accuracy_ceiling", "percent_agreement", "krippendorff_alpha")
# Of a queue that came back, under ``adjudication/``; and, under ``labels/``, of its cases that were drawn at random.
ADJUDICATION_METRICS = ("n_cases", "n_accepted", "n_open", "n_problems")
AUDIT_LABEL_METRICS = ("percent_agreement_audit", "krippendorff_alpha_audit")
# Of an online experiment and of people's ratings, where these were logged on the run.
EVIDENCE_METRICS = ("ab_outcome", "ab_difference", "rating_mean", "rating_difference", "rating_agreement")
ALL_METRICS = (
    *METRICS, *CLASS_METRICS, *SCORE_METRICS, *SCORE_CLASS_METRICS, *LATENCY_METRICS, *COST_METRICS, COVERAGE,
    N_EXAMPLES, *LABEL_METRICS, *EVIDENCE_METRICS,
)  # fmt: skip
OF_ONE_CLASS = CLASS_METRICS + SCORE_CLASS_METRICS
UNBOUNDED = ("log_loss", "brier")  # their intervals are symmetric on the logarithm, so never below 0
LOWER_IS_BETTER = ("log_loss", "brier", "ece", *LATENCY_METRICS, *COST_METRICS)
# Lowest and highest value; money, ratings and what is measured online have none of their own.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys((*METRICS, *OF_ONE_CLASS, "top_2_accuracy", "ece", COVERAGE), (0.0, 1.0)),
    **dict.fromkeys(("accuracy_ceiling", "percent_agreement"), (0.0, 1.0)),
    **dict.fromkeys(("cohen_kappa", "mcc", "krippendorff_alpha", "rating_agreement"), (-1.0, 1.0)),
    **dict.fromkeys(("log_loss", *LATENCY_METRICS), (0.0, float("inf"))),
    "brier": (0.0, 2.0),
    N_EXAMPLES: (1.0, float("inf")),
}
# Exist for a whole run only, and are not compared with a baseline's.
OF_A_RUN = (*LATENCY_METRICS, *COST_METRICS, *LABEL_METRICS)
# Of the difference from a baseline, as metrics of a run; all the others are in its artifact.
COMPARED_METRICS = ("accuracy", "f1_macro", "error_cost")
COMPARED_STATS = ("diff", "ci_low", "ci_high", "p_value", "effect_size", "n_paired")
# The accuracy of the slice of one column where it is lowest: chooses among candidates, and is no threshold's.
WORST_SLICE = "worst_slice_accuracy"

# Of labelled data, before any model is asked, in the order in which they are shown.
DATA_CHECKS = (
    "missing_labels", "label_spelling", "unseen_labels", "class_support", "class_imbalance", "empty_texts", "not_texts",
    "duplicates_across", "near_duplicates", "duplicates_within", "conflicting_labels", "leaks", "cluster_overlap",
    "unseen_slices", "drift",
)  # fmt: skip
DATA_LEVELS = ("error", "warning", "ok", "not applicable")

# Why a case of a production log is worth a label, the surest first; `audit` is the share drawn at random.
REASONS = ("wrong", "disagreement", "low_margin", "unknown_words", "weak_slice", "audit")

ANNOTATOR = "annotator_"  # begins the column of one annotator's labels; a number from 1 follows
# Before the name of an experiment: what was answered in its review queues, in place of a filled file.
REVIEWS = "reviews:"
# Of a queue of cases, under ``queue/``; and the cases of each reason, under ``queue/by_reason/``.
QUEUE_METRICS = ("n_cases", "n_audit", "n_rows", "n_texts")

# A prediction that is missing, or is none of the labels, is counted here and is always wrong.
OTHER = "(other)"
# A slice value that is missing.
MISSING = "(missing)"

# Artifacts. Those at the root show side by side on MLflow's compare page.
SUMMARY = "evalplus_summary.md"
CONFUSION_PAGE = "evalplus_confusion_matrix.md"
CONFUSION_FIGURE = "evalplus_confusion_matrix.png"
CLASSES_PAGE = "evalplus_classes.md"
SLICES_PAGE = "evalplus_slices.md"
SLICES_FIGURE = "evalplus_slices.png"
DISCOVERY_PAGE = "evalplus_discovery.md"
ATTRIBUTION_PAGE = "evalplus_attribution.md"
DATA_PAGE = "evalplus_data.md"
LABELS_PAGE = "evalplus_labels.md"
RULES_PAGE = "evalplus_rules.md"
CALIBRATION_PAGE = "evalplus_calibration.md"
CALIBRATION_FIGURE = "evalplus_calibration.png"
COST_LATENCY_PAGE = "evalplus_cost_latency.md"
COST_LATENCY_FIGURE = "evalplus_cost_latency.png"
COMPARISON_PAGE = "evalplus_comparison.md"
EVIDENCE_PAGE = "evalplus_evidence.md"
LEARNING_CURVE_PAGE = "evalplus_learning_curve.md"
LEARNING_CURVE_FIGURE = "evalplus_learning_curve.png"
QUEUE_PAGE = "evalplus_queue.md"
ADJUDICATION_PAGE = "evalplus_adjudication.md"
MONITOR_PAGE = "evalplus_monitor.md"
MONITOR_FIGURE = "evalplus_monitor.png"
RETRAIN_PAGE = "evalplus_retrain.md"
FLYWHEEL_PAGE = "evalplus_flywheel.md"
FLYWHEEL_FIGURE = "evalplus_flywheel.png"
FLYWHEEL_REPORT = "flywheel.html"
REPORT = "evalplus_report.html"
LEADERBOARD_PAGE = "evalplus_leaderboard.md"
LEADERBOARD_FIGURE = "evalplus_leaderboard.png"
DIMENSIONS_PAGE = "evalplus_dimensions.md"
DIMENSIONS_FIGURE = "evalplus_dimensions.png"
SELECTION_REPORT = "selection.html"
CONFUSION_IMAGE = "confusion_matrix"  # the key under which the chart view's image grid shows it
COMPARISON_REPORT = "comparison.html"
MONITOR_REPORT = "monitor.html"
CONFUSION_TABLE = "evalplus/confusion.json"
CLASSES_TABLE = "evalplus/classes.json"
SLICES_TABLE = "evalplus/slices.json"
LATENCY_TABLE = "evalplus/latency.json"
DISCOVERY_TABLE = "evalplus/discovery.json"
CALIBRATION_TABLE = "evalplus/calibration.json"
ABSTENTION_TABLE = "evalplus/abstention.json"
ATTRIBUTION_TABLE = "evalplus/attribution.json"
CAUSES_TABLE = "evalplus/causes.json"
ACTIONS_TABLE = "evalplus/actions.json"
DATA_TABLE = "evalplus/data.json"
BAD_CASES_TABLE = "evalplus/bad_cases.json"
WORDS_TABLE = "evalplus/words.json"
LABELS_TABLE = "evalplus/labels.json"
RULES_TABLE = "evalplus/rules.json"
DIFFERENCE_TABLE = "evalplus/difference.json"
LEARNING_CURVE_TABLE = "evalplus/learning_curve.json"
RETRAIN_TABLE = "evalplus/retrain.json"
FLYWHEEL_TABLE = "evalplus/flywheel.json"
AB_TABLE = "evalplus/ab.json"
RATINGS_TABLE = "evalplus/ratings.json"
EVIDENCE = "evalplus/evidence.json"
LEADERBOARD_TABLE = "evalplus/leaderboard.json"
DIMENSIONS_TABLE = "evalplus/dimensions.json"
TAGS_TABLE = "evalplus/tags.json"
PAIRS_TABLE = "evalplus/pairs.json"
FAILURES_TABLE = "evalplus/failures.json"
FAILED_TABLE = "evalplus/failed_questions.json"
ANSWERS = "evalplus/answers.parquet"
SELECTION = "evalplus/selection.json"
QUEUE_CSV = "evalplus/queue.csv"
ACCEPTED_TABLE = "evalplus/accepted.json"
DISPUTED_CSV = "evalplus/disputed.csv"
QUEUE_JSONL = "evalplus/queue.jsonl"
MONITOR_TABLE = "evalplus/monitor.json"
MONITOR_SHIFTS_TABLE = "evalplus/monitor_shifts.json"
MONITOR_TERMS_TABLE = "evalplus/monitor_terms.json"
MONITORING = "evalplus/monitoring.json"
PREDICTIONS = "evalplus/predictions.parquet"
EVALUATION = "evalplus/evaluation.json"

# Columns that open a table; a slice table goes on with each metric and its bounds.
CONFUSION_COLUMNS = (
    "key", "summary", "label", "prediction", "n", "share_of_label", "share_of_prediction", "share",
)  # fmt: skip
CLASS_COLUMNS = ("class", "summary", "n", "n_predicted")
SLICE_COLUMNS = ("slice", "summary", "n")
SLICE_FLAG_COLUMNS = ("gap", "q_value", "weak", "small_support")
DISCOVERY_COLUMNS = ("slice", "summary", "n", "accuracy", "lower", "upper", "gap", "q_value")
CALIBRATION_COLUMNS = ("bin", "summary", "n", "confidence", "accuracy", "lower", "upper")
ABSTENTION_COLUMNS = (
    "answered", "summary", "threshold", "n", "coverage", "coverage_lower", "coverage_upper", "accuracy",
    "accuracy_lower", "accuracy_upper", "chosen",
)  # fmt: skip
ATTRIBUTION_COLUMNS = (
    "source", "summary", "level", "n", "errors", "share_of_rows", "share_of_errors", "error_rate", "error_rate_rest",
    "excess", "excess_lower", "excess_upper", "q_value", "examples",
)  # fmt: skip
CAUSE_COLUMNS = (
    "cause", "summary", "errors", "share_of_errors", "accuracy_if_fixed", "lower", "upper", "action", "examples",
)  # fmt: skip
DATA_COLUMNS = (
    "key", "summary", "check", "column", "level", "n", "effect", "q_value", "action", "examples",
)  # fmt: skip
ACTION_COLUMNS = (
    "action", "summary", "text", "kind", "rows", "gain", "lower", "upper", "price", "currency", "examples",
)  # fmt: skip
BAD_CASE_COLUMNS = ("example_id", "summary", "text", "label", "prediction", "cause", "evidence", "confidence")
WORD_COLUMNS = (
    "key", "summary", "label", "prediction", "word", "n", "contribution", "contribution_right", "examples",
)  # fmt: skip
LABEL_COLUMNS = ("key", "summary", "level", "measure", "value", "lower", "upper", "n")
RULE_COLUMNS = (
    "rule", "summary", "number", "pattern", "label", "weight", "verdict", "fired", "share", "changed", "fixed",
    "broken", "net", "lower", "upper", "p_value", "q_value", "alone_changed", "alone_fixed", "alone_broken", "slices",
    "fixed_examples", "broken_examples",
)  # fmt: skip
DIFFERENCE_COLUMNS = (
    "part", "summary", "level", "n", "accuracy", "lower", "upper", "f1_macro", "fixed", "broken", "fixed_examples",
    "broken_examples",
)  # fmt: skip
MIX_RATE_COLUMNS = (
    "slice", "summary", "n_a", "n_b", "share_a", "share_b", "accuracy_a", "accuracy_b", "mix", "rate",
)  # fmt: skip
EVIDENCE_COLUMNS = ("key", "summary", "level", "measure", "value", "lower", "upper", "n", "p_value", "q_value")
LEARNING_CURVE_COLUMNS = (
    "rows", "summary", "kind", "n_train", "n_fits", "accuracy", "lower", "upper", "gain", "gain_lower", "gain_upper",
    "price", "currency",
)  # fmt: skip
# Of the flywheel: the cases to label, and those whose label is settled.
QUEUE_COLUMNS = (
    "case_id", "text", "row", "copies", "audit", "weight", "reasons", "prediction", "challenger", "margin", "time",
    "label",
)  # fmt: skip
ACCEPTED_COLUMNS = (
    "case_id", "text", "label", "how", "audit", "weight", "copies", "reasons", "prediction", "time",
)  # fmt: skip
MONITOR_COLUMNS = (
    "window", "summary", "outcome", "start", "end", "n", "n_labelled", "accuracy", "accuracy_lower", "accuracy_upper",
    "estimated_accuracy", "estimated_accuracy_lower", "estimated_accuracy_upper", "drop", "drop_lower", "drop_upper",
    "drop_p_value", "estimated_drop", "estimated_drop_lower", "estimated_drop_upper", "split_by", "mix_effect",
    "rate_effect", "largest_psi", "largest_psi_column", "new_terms", "alerts",
)  # fmt: skip
MONITOR_SHIFT_COLUMNS = (
    "window", "summary", "column", "psi", "js", "p_value", "q_value", "value", "share", "share_reference", "n",
)  # fmt: skip
MONITOR_TERM_COLUMNS = (
    "window", "summary", "term", "n", "n_reference", "share", "share_reference", "q_value", "unseen", "accuracy",
    "accuracy_lower", "accuracy_upper",
)  # fmt: skip
# Of the training data: whence each row is, and why a row may not be trained on (it is in a test set).
TRAINING_COLUMNS = (
    "evalplus.row_id", "evalplus.version", "evalplus.part", "evalplus.how", "evalplus.source", "evalplus.added_at",
)  # fmt: skip
REFUSALS = ("same_text", "same_words", "near_copy")
REFUSED = "evalplus.refused"
CONFLICT = "conflicting_label"
# Of a retrained model beside the champion; and of a year of turns, a row for each month and line.
RETRAIN_COLUMNS = (
    "part", "summary", "n", "champion", "champion_lower", "champion_upper", "challenger", "challenger_lower",
    "challenger_upper", "difference", "lower", "upper", "fixed", "broken",
)  # fmt: skip
FLYWHEEL_COLUMNS = (
    "month", "summary", "line", "n", "accuracy", "accuracy_lower", "accuracy_upper", "difference", "lower", "upper",
)  # fmt: skip
# Of a selection: a row per candidate, dimension, value of a tag, pair, cause, failed question.
LEADERBOARD_COLUMNS = (
    "candidate", "summary", "verdict", "chosen", "tied", "utility", "score", "score_lower", "score_upper", "coverage",
    "per_1000", "currency", "latency_ms_p95",
)  # fmt: skip
DIMENSION_COLUMNS = ("dimension", "summary", "n", "weight", "score", "lower", "upper")
TAG_COLUMNS = ("tag", "summary", "n", "score", "lower", "upper", "gap", "q_value", "weak")
PAIR_COLUMNS = (
    "pair", "summary", "n", "score", "score_lower", "score_upper", "utility", "utility_lower", "utility_upper",
    "p_holm", "n_needed",
)  # fmt: skip
FAILURE_COLUMNS = (
    "key", "summary", "cause", "dimension", "language", "n", "lost", "share", "action", "examples",
)  # fmt: skip
FAILED_COLUMNS = ("question", "summary", "dimension", "text", "gold", "answer", "value", "cause", "evidence")
LATENCY_COLUMNS = ("key", "summary", "value", "lower", "upper", "n")
HISTORY_COLUMNS = (
    "at", "by", "kind", "alias", "version", "replaced", "run_id", "verdict", "forced", "why", "in_effect",
)  # fmt: skip

# Of predictions.parquet, in place of ``text`` where the requirements ask for ``store_text: hash``; and the variable of
# the environment with the key of the hashes.
TEXT_HASH = "text_hash"
TEXT_KEY = "EVALPLUS_TEXT_KEY"

# Tags.
TAG_VERDICT = "evalplus.verdict"
TAG_SCHEMA_VERSION = "evalplus.schema_version"
TAG_REQUIREMENTS_DIGEST = "evalplus.requirements_digest"
TAG_DATA_DIGEST = "evalplus.data_digest"
TAG_KIND = "evalplus.kind"
TAG_ITERATION = "evalplus.iteration"
TAG_SERIES = "evalplus.series"
TAG_BASELINE = "evalplus.baseline"  # the paired difference against the baseline, in words
TAG_BASELINE_RUN = "evalplus.baseline_run"  # its id
TAG_REMARK = "evalplus.remark"  # on a run: answers of whoever trained it that belong beside its comparison, one a line
TAG_COMPARED = "evalplus.compared"  # on a comparison: a digest of the runs and the baseline
TAG_CLAIM = "evalplus.claim"  # on a run of `watch`: model and data that it is for; two watchers never do the same
TAG_CLAIMED_BY = "evalplus.claimed_by"  # the process that does it
TAG_HEARTBEAT = "evalplus.heartbeat"  # when it was last seen at work
TAG_DELIVERY = "evalplus.delivery"  # on a run that was made for one: so that it is made once, however often it is tried
TAG_RUN = "evalplus.run"  # on a model version: the run that it was promoted from
TAG_ACCURACY = "evalplus.accuracy"  # on a model version, with its interval
TAG_PROMOTED_AS = "evalplus.promoted_as"  # on a model version: champion or challenger
TAG_BOUNDS = "evalplus.bounds"  # on a model version: every requirement with what was measured, in words
TAG_FORCED = "evalplus.forced"  # on a model version that was promoted although it did not pass: its verdict
TAG_DATASET_VERSION = "evalplus.dataset_version"  # on a retrained run: the version of the training data
TAG_DATASET_DIGEST = "evalplus.dataset_digest"  # and its digest
TAG_QUEUE_RUN = "evalplus.queue_run"  # on an adjudication: the run of the queue that came back
TAG_CASE = "evalplus.case"  # on a trace that is in a review queue: the case of the queue
TAG_DECISION = "evalplus.decision"  # on a selection: choose, tied, none or undecided
TAG_CHOSEN = "evalplus.chosen"  # on a selection: the candidate to take
TAG_QUESTIONS_DIGEST = "evalplus.questions_digest"  # on a selection and its candidates
TAG_QUESTION = "evalplus.question"  # on the trace of a failed question: its id
TAG_CAUSE = "evalplus.cause"  # and why it failed
TAG_DIMENSION = "evalplus.dimension"
TAG_EVENT = "evalplus.event"  # on a registered model, followed by `.<time>-<random>`: one change of an alias
KIND_EVALUATION = "evaluation"
KIND_COMPARISON = "comparison"
KIND_QUEUE = "queue"
KIND_FLYWHEEL = "flywheel"
KIND_ADJUDICATION = "adjudication"
KIND_MONITOR = "monitor"
KIND_SELECTION = "selection"
KIND_CANDIDATE = "candidate"

MAX_METRICS = 200
MAX_METRIC_VALUES_PER_COLUMN = 50


def class_metric(metric: str, label: str) -> str:
    """Return the column of one class's metric, for example ``recall[negative]``."""
    return f"{metric}[{label}]"


def comparison_key(baseline_run_id: str, *parts: str) -> str:
    """Return the key of what is known of a run against a baseline, as MLflow makes it for evaluations of traces.

    Examples
    --------
    >>> comparison_key("0123456789abcdef", "accuracy", "diff")
    'compare/01234567/accuracy/diff'
    """
    return "/".join(["compare", baseline_run_id[:8], *parts])


def metric_key(text: str) -> str:
    """Return `text` as MLflow accepts it in a metric name.

    Letters, digits, ``_ - . :``, space and the slash that makes a section of the chart view are kept;
    all else becomes ``_``; at most 250 characters.

    Examples
    --------
    >>> metric_key("accuracy_by_channel/call > 5 min")
    'accuracy_by_channel/call _ 5 min'
    """
    return re.sub(r"[^\w\-.:/ ]", "_", text)[:250]


def metric_value_key(section: str, value: str) -> str:
    """Return the key of `value` in `section`; a slash inside the value would open a section of its own.

    Nothing, one dot and two dots, which MLflow refuses as the end of a path, become ``_`` and ``__``.

    Examples
    --------
    >>> metric_value_key("f1_by_class", "n/a")
    'f1_by_class/n_a'
    """
    plain = value.replace("/", "_")
    return metric_key(f"{section}/" + (plain if plain.strip(".") else plain.replace(".", "_") or "_"))
