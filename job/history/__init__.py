"""What became of past rounds: on time, late, missed, held back, or unknown.

Two witnesses: Numerai's answer about the account, and the run records. Numerai's outranks the
records; where neither tells, the cell says so.
"""

from job.history.grid import Entry, Grid, History, ModelRow, build_history
from job.history.judging import Cell, State
from job.history.rounds import PastRound
from job.history.share import Share
from job.history.source import ROUNDS_ASKED, history_of
from job.history.words import share_text

__all__ = [
    "ROUNDS_ASKED",
    "Cell",
    "Entry",
    "Grid",
    "History",
    "ModelRow",
    "PastRound",
    "Share",
    "State",
    "build_history",
    "history_of",
    "share_text",
]
