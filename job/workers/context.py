"""What a `python` model is told besides live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """The round, and what is the model's own.

    Attributes:
        round: its number.
        tournament: "classic", "signals" or "crypto".
        data_dir: an existing folder that persists from run to run.
        secrets: variables of the environment for this model only; they go through the pipe and no
            further, and the process ends with the prediction.
    """

    round: int
    tournament: str
    data_dir: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_message(self) -> dict[str, Any]:
        """As a JSON object, values of the secrets included."""
        return {
            "round": self.round,
            "tournament": self.tournament,
            "data_dir": str(self.data_dir.absolute()),
            "secrets": dict(self.secrets),
        }
