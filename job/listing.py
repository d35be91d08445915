"""What Numerai lists for a round: what its live data are called, and which files will not come."""

from __future__ import annotations

import threading

from job.errors import UnavailableError, UnpublishedError
from job.tournament import Round, Tournament
from job.universe import find_live, is_expected, unpublished


class Listing:
    """The names of one round's files. Safe to use from many threads."""

    def __init__(self, numerai: Tournament, round_: Round) -> None:
        self._numerai = numerai
        self._round = round_
        self._listed: tuple[str, ...] | None = None
        self._guard = threading.Lock()

    def live(self, version: str) -> str | None:
        """The live data of a version, None while they are not listed.

        What is listed is asked for once, and again once something was not among it.
        """
        tournament, number = self._round.tournament, self._round.number
        with self._guard:
            if self._listed is None:
                self._listed = self._numerai.datasets(tournament, number)
            name = find_live(self._listed, tournament=tournament, version=version)
            if name is None:
                self._listed = None
            return name

    def missing(self, filename: str) -> UnpublishedError | None:
        """Why a file that could not be had need not be waited for; None where it may yet come.

        One that the round before had may come later than the live data, and what Numerai does not
        tell is no reason to give up: to wait in vain costs less than a round.
        """
        tournament, number = self._round.tournament, self._round.number
        if is_expected(filename, tournament=tournament):
            return None
        try:
            error = unpublished(
                filename, self._numerai.datasets(tournament, number), tournament=tournament
            )
            if error is None or filename in self._numerai.datasets(tournament, number - 1):
                return None
        except UnavailableError:
            return None
        return error
