"""What the business asks, as numbers: requirements.yaml → a frozen `Requirements`.

Every mistake in the file is found at once and named with its line.
"""

from mlflow_evalplus.requirements.models import Prices as Prices
from mlflow_evalplus.requirements.models import Priority as Priority
from mlflow_evalplus.requirements.models import Requirements as Requirements
from mlflow_evalplus.requirements.models import StoreText as StoreText
from mlflow_evalplus.requirements.models import Task as Task
from mlflow_evalplus.requirements.models import Threshold as Threshold
from mlflow_evalplus.requirements.monitor import Monitor as Monitor
from mlflow_evalplus.requirements.monitor import MonitorAlert as MonitorAlert
from mlflow_evalplus.requirements.reading import changed as changed
from mlflow_evalplus.requirements.reading import load as load
from mlflow_evalplus.requirements.reading import parse as parse
from mlflow_evalplus.requirements.selection import SelectionGate as SelectionGate
from mlflow_evalplus.requirements.selection import SelectionRules as SelectionRules
