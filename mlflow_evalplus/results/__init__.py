"""What an evaluation answers: frozen dataclasses of builtin types.

Each table has ``.frame()`` (pandas) and each picture ``.figure()`` (matplotlib).
"""

from mlflow_evalplus.results.abstention import Abstention as Abstention
from mlflow_evalplus.results.abstention import AbstentionPoint as AbstentionPoint
from mlflow_evalplus.results.attribution import Attribution as Attribution
from mlflow_evalplus.results.attribution import Source as Source
from mlflow_evalplus.results.causes import Action as Action
from mlflow_evalplus.results.causes import Actions as Actions
from mlflow_evalplus.results.causes import Case as Case
from mlflow_evalplus.results.causes import Cases as Cases
from mlflow_evalplus.results.causes import Cause as Cause
from mlflow_evalplus.results.causes import Causes as Causes
from mlflow_evalplus.results.classes import Classes as Classes
from mlflow_evalplus.results.classes import ClassResult as ClassResult
from mlflow_evalplus.results.classes import Confusion as Confusion
from mlflow_evalplus.results.comparison import Comparison as Comparison
from mlflow_evalplus.results.comparison import Difference as Difference
from mlflow_evalplus.results.comparison import SliceDifference as SliceDifference
from mlflow_evalplus.results.data_checks import DataChecks as DataChecks
from mlflow_evalplus.results.data_checks import DataFinding as DataFinding
from mlflow_evalplus.results.data_checks import DataRow as DataRow
from mlflow_evalplus.results.data_checks import Level as Level
from mlflow_evalplus.results.difference import DifferencePart as DifferencePart
from mlflow_evalplus.results.difference import DifferenceSplit as DifferenceSplit
from mlflow_evalplus.results.difference import MixRate as MixRate
from mlflow_evalplus.results.difference import MixRateRow as MixRateRow
from mlflow_evalplus.results.estimate import Drawable as Drawable
from mlflow_evalplus.results.estimate import Estimate as Estimate
from mlflow_evalplus.results.estimate import bounds_columns as bounds_columns
from mlflow_evalplus.results.estimate import number as number
from mlflow_evalplus.results.evaluation import Evaluation as Evaluation
from mlflow_evalplus.results.labels import Disputed as Disputed
from mlflow_evalplus.results.labels import LabelMeasure as LabelMeasure
from mlflow_evalplus.results.labels import LabelQuality as LabelQuality
from mlflow_evalplus.results.latency import Footprint as Footprint
from mlflow_evalplus.results.latency import Latency as Latency
from mlflow_evalplus.results.learning_curve import LearningCurve as LearningCurve
from mlflow_evalplus.results.learning_curve import LearningPoint as LearningPoint
from mlflow_evalplus.results.learning_curve import MoreLabels as MoreLabels
from mlflow_evalplus.results.learning_curve import PowerLaw as PowerLaw
from mlflow_evalplus.results.measures import Calibration as Calibration
from mlflow_evalplus.results.measures import CalibrationBin as CalibrationBin
from mlflow_evalplus.results.slices import Discovery as Discovery
from mlflow_evalplus.results.slices import Finding as Finding
from mlflow_evalplus.results.slices import SliceResult as SliceResult
from mlflow_evalplus.results.slices import Slices as Slices
from mlflow_evalplus.results.verdict import Gate as Gate
from mlflow_evalplus.results.verdict import Outcome as Outcome
from mlflow_evalplus.results.verdict import Sampling as Sampling
from mlflow_evalplus.results.verdict import Verdict as Verdict
from mlflow_evalplus.results.word_attribution import WordAttribution as WordAttribution
from mlflow_evalplus.results.word_attribution import WordContribution as WordContribution
