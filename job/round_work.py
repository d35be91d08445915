"""The work of one round: models are predicted in lanes, uploaded as they come, and proven: together
at the end, or earlier where another model keeps them waiting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from job.clock import Clock
from job.crew import Crew
from job.errors import Exit, RoundTurnedError, StoppedError
from job.figures import Figures, held_back, may_hold_back
from job.lanes import Lanes
from job.numerai.transport import AT_ONCE
from job.outcomes import failure, held, is_fault
from job.plan import Submit
from job.predict import Prediction, Predictor, Ready
from job.record import Outcome, RunRecord
from job.settle import SENDS, Settler
from job.upload import Sent, Uploader

log = logging.getLogger(__name__)

STOP_SECONDS = 7.0
"""What a stop leaves to uploads in flight."""
HEARTBEAT_SECONDS = 0.2
FIGURES_SECONDS = 15.0
"""What figures that hold nothing back are waited for in the end."""
LOST_SECONDS = 5.0
"""How long a lost answer waits for the last model before it is looked for on its own."""
REGISTERED_SECONDS = 30.0
"""The same for an upload with a receipt."""


@dataclass(slots=True)
class RoundWork:
    """Carries out the plan's `Submit` steps of one round, and writes down what became of each."""

    steps: Sequence[Submit]
    predictor: Predictor
    figures: Figures
    uploader: Uploader
    settler: Settler
    crew: Crew
    record: RunRecord
    clock: Clock
    dry_run: bool
    wait_until: float
    _turned: RoundTurnedError | None = None
    _over: bool = False
    _uploads: list[Future[Sent | None]] = field(default_factory=list)
    _settled: set[str] = field(default_factory=set)
    _told: list[Future[Any]] = field(default_factory=list)
    _aside: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="figures")
    )

    def run(self) -> None:
        """Predicts, uploads and proves every step.

        Raises `RoundTurnedError` when the round ended meanwhile, `StoppedError` when the run is to
        stop.
        """
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload")
        lanes = Lanes(
            self.steps,
            self.crew,
            prepare=self.predictor.prepare,
            work=self.predictor.predict,
            done=lambda step, result: self._predicted(step, result, pool),
            clock=self.clock,
            wait_until=self.wait_until,
        )
        try:
            self._wait(lanes.start(), lanes, meanwhile=lambda: self._settle_early(pool, lanes))
            self._wait(self._uploads, lanes)
            self._settle(self._sent(), pool, lanes)
            wait(self._told, timeout=FIGURES_SECONDS)
        except Exception as error:
            lanes.stop(StoppedError(f"the work was ended: {error}", Exit.UNFORESEEN))
            raise
        finally:
            # An upload that outlasts its round must not write into what the next one records.
            self._over = self._turned is not None
            pool.shutdown(wait=False, cancel_futures=True)
            self._aside.shutdown(wait=False, cancel_futures=True)

    def _wait(
        self,
        futures: Iterable[Future[Any]],
        lanes: Lanes[Ready],
        *,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Waits for all, ends early for a stop or when the round has turned."""
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=HEARTBEAT_SECONDS)
            for future in done:
                future.result()  # what a lane itself raises is a fault of the job
            if reason := (self._turned or self.clock.stopping):
                lanes.stop(reason)
                for upload in self._uploads:
                    upload.cancel()
                wait([*waiting, *self._uploads], timeout=STOP_SECONDS)
                raise reason
            if waiting:
                meanwhile()

    def _predicted(
        self, step: Submit, result: Prediction | Exception, pool: ThreadPoolExecutor
    ) -> None:
        if isinstance(result, Exception):
            self._failed(step, result)
            return
        self._note(
            step,
            rows=result.rows,
            artifact_sha256=result.artifact_sha256,
            datasets=dict(result.datasets),
            seconds=dict(result.seconds),
            csv=str(result.csv),
        )
        self._uploads.append(pool.submit(self._deliver, step, result))
        if step.model.tournament != "classic" and not may_hold_back(step.model):
            self._told.append(self._aside.submit(self._tell, step, result))

    def _deliver(self, step: Submit, prediction: Prediction) -> Sent | None:
        """Uploads, unless the figures speak against it or it is not wished for."""
        try:
            if self._is_held_back(step, prediction):
                return None
            if self.dry_run:
                self._note(step, outcome=Outcome.DRY_RUN, reason=f"not uploaded: {prediction.csv}")
                log.info("%s: not uploaded (--dry-run): %s", step.model.name, prediction.csv)
                return None
            return self._send(step, prediction)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this model only
            self._failed(step, error)
            return None

    def _is_held_back(self, step: Submit, prediction: Prediction) -> bool:
        if not may_hold_back(step.model):
            return False
        reason = held_back(step.model, self._tell(step, prediction))
        if reason is None:
            return False
        if self.figures.force:
            log.warning("%s: not %s", step.model.name, reason)
            return False
        log.error("%s: %s", step.model.name, reason)
        self._note(step, **held(reason))
        self.predictor.forget(step.model)
        return True

    def _tell(self, step: Submit, prediction: Prediction) -> Mapping[str, float]:
        coverage = prediction.rows / prediction.universe
        figures = self.figures.of(step, prediction.csv, coverage=coverage)
        self._note(step, figures=figures)
        return figures

    def _send(self, step: Submit, prediction: Prediction) -> Sent:
        started = self.clock.monotonic()
        sent = self.uploader.send(step, prediction.csv)
        seconds = {**prediction.seconds, "upload": round(self.clock.monotonic() - started, 4)}
        self._note(step, seconds=seconds)
        if not self._over:
            self.settler.registered(sent)
        return sent

    def _sent(self) -> list[Sent]:
        """The uploads that are under way to Numerai's books and have not been settled yet."""
        done = [one.result() for one in self._uploads if one.done() and not one.cancelled()]
        return [sent for sent in done if sent is not None and sent.filename not in self._settled]

    def _settle_early(self, pool: ThreadPoolExecutor, lanes: Lanes[Ready]) -> None:
        """Settles uploads while models still run: the last one may take until the deadline."""
        due = [sent for sent in self._sent() if self.clock.monotonic() >= _settled_by(sent)]
        if not due:
            return
        self._settled.update(sent.filename for sent in due)
        try:
            self._settle(due, pool, lanes)
        except RoundTurnedError as error:
            self._turned = error
        except StoppedError:
            log.debug("stopped while looking for uploads")

    def _settle(self, sent: list[Sent], pool: ThreadPoolExecutor, lanes: Lanes[Ready]) -> None:
        for attempt in range(1, SENDS + 1):
            again = self.settler.settle(sent, may_resend=attempt < SENDS) if sent else []
            futures = [pool.submit(self._resend, one) for one in again]
            self._wait(futures, lanes)
            sent = [one for one in (future.result() for future in futures) if one is not None]

    def _resend(self, sent: Sent) -> Sent | None:
        log.warning("%s: sending again", sent.step.model.name)
        try:
            again = self.uploader.send(sent.step, sent.csv)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this model only
            self._failed(sent.step, error)
            return None
        self.settler.registered(again)
        return again

    def _failed(self, step: Submit, error: Exception) -> None:
        if isinstance(error, RoundTurnedError):
            self._turned = error
        if is_fault(error):
            log.exception("%s: unforeseen error", step.model.name, exc_info=error)
        changes = failure(error)
        log.error("%s: %s: %s", step.model.name, changes["outcome"], changes["reason"])
        self._note(step, **changes)

    def _note(self, step: Submit, **changes: Any) -> None:
        if not self._over:
            self.record.update(step.key, now=self.clock.now(), **changes)


def _settled_by(sent: Sent) -> float:
    """The monotonic moment from which an upload does not wait for the others."""
    return sent.at + (LOST_SECONDS if sent.receipt is None else REGISTERED_SECONDS)
