"""What an evaluation answers: frozen dataclasses of builtin types.

Each table has ``.frame()`` (pandas) and each picture ``.figure()`` (matplotlib).
"""

from mlflow_evalplus.results.classes import Classes as Classes
from mlflow_evalplus.results.classes import ClassResult as ClassResult
from mlflow_evalplus.results.classes import Confusion as Confusion
from mlflow_evalplus.results.comparison import Comparison as Comparison
from mlflow_evalplus.results.comparison import Difference as Difference
from mlflow_evalplus.results.comparison import SliceDifference as SliceDifference
from mlflow_evalplus.results.estimate import Drawable as Drawable
from mlflow_evalplus.results.estimate import Estimate as Estimate
from mlflow_evalplus.results.estimate import bounds_columns as bounds_columns
from mlflow_evalplus.results.estimate import number as number
from mlflow_evalplus.results.evaluation import Evaluation as Evaluation
from mlflow_evalplus.results.measures import Calibration as Calibration
from mlflow_evalplus.results.measures import CalibrationBin as CalibrationBin
from mlflow_evalplus.results.measures import Latency as Latency
from mlflow_evalplus.results.slices import Discovery as Discovery
from mlflow_evalplus.results.slices import Finding as Finding
from mlflow_evalplus.results.slices import SliceResult as SliceResult
from mlflow_evalplus.results.slices import Slices as Slices
from mlflow_evalplus.results.verdict import Gate as Gate
from mlflow_evalplus.results.verdict import Outcome as Outcome
from mlflow_evalplus.results.verdict import Verdict as Verdict
