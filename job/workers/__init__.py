"""The parent's side of model processes; what runs in them is `job/worker`."""

from job.workers.context import Context
from job.workers.environment import worker_environment
from job.workers.worker import Needs, Predicted, Worker

__all__ = ["Context", "Needs", "Predicted", "Worker", "worker_environment"]
