"""An embedded stand-in for Numerai: real HTTP, synthetic data of the real shape, sample models.

For the demo, the tests and the benches; nothing that submits real predictions imports it.
"""

from job.sandbox.account import Account, Model, zoo_names
from job.sandbox.box import Sandbox
from job.sandbox.faults import Fault
from job.sandbox.messages import Operation
from job.sandbox.objects import ETags
from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS, Between, Round
from job.sandbox.submissions import Submission
from job.sandbox.synthetic import DEMO, FULL, TINY, Shape, feature_sets
from job.sandbox.traffic import Request

__all__ = [
    "CLASSIC",
    "CRYPTO",
    "DEMO",
    "FULL",
    "SIGNALS",
    "TINY",
    "Account",
    "Between",
    "ETags",
    "Fault",
    "Model",
    "Operation",
    "Request",
    "Round",
    "Sandbox",
    "Shape",
    "Submission",
    "feature_sets",
    "zoo_names",
]
