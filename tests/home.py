"""A machine to run the job on, in this process: real files, real HTTP, and models that cost
nothing because no process is started for them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from job.errors import Exit, JobError, UnavailableError
from job.manifest import Manifest
from job.model_spec import DATA_VERSIONS, ModelSpec
from job.models_root import LocalRoot, ModelsRoot
from job.notices.predecessors import look_back
from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.past_records import PastRecords, live_data
from job.plan import Wishes
from job.record import ModelResult, RunRecord
from job.retry import Retry
from job.run import Job, run
from job.sandbox import Sandbox
from job.settings import Settings
from job.store import Folder, Store
from job.tournament import NUMBERS
from job.workers import Needs, Predicted
from tests.builders import a_model
from tests.clock import FakeClock


@dataclass(slots=True)
class Model:
    """How a model behaves: what it does first, the CSV it writes instead of a right one, or how
    many rows of that.
    """

    first: Callable[[], None] = lambda: None
    csv: bytes | None = None
    benchmarks: bool = False
    rows: int | None = None


class InstantWorker:
    """Stands in for `job.workers.Worker`: the artifact's name says which model it is."""

    def __init__(self, models: Mapping[str, Model], predicted: list[str]) -> None:
        self._models, self._predicted = models, predicted
        self._name = ""

    def start(self, python: Path | None = None) -> None:
        """Nothing is to be started."""

    def stop(self, reason: JobError | None = None) -> None:
        """Nothing runs."""

    def load(self, artifact: Path, **_: Any) -> Needs:
        self._name = artifact.stem
        return Needs("object", None, benchmarks=self._models[self._name].benchmarks)

    def predict(
        self, live: Path, benchmarks: Path | None, out: Path, *, key: str, column: str, **_: Any
    ) -> Predicted:
        model = self._models[self._name]
        model.first()
        self._predicted.append(self._name)
        ids = pq.read_table(live, columns=[key]).column(key).to_pylist()
        rows = [f"{name},{(place + 1) / (len(ids) + 1)}" for place, name in enumerate(ids)]
        rows = rows if model.rows is None else rows[: model.rows]
        right = "\n".join([f"{key},{column}", *rows, ""]).encode()
        out.write_bytes(right if model.csv is None else model.csv)
        return Predicted(len(ids), 0, {"load": 0.0, "predict": 0.0})


@dataclass(slots=True)
class Home:
    """Runs the job for `models`; everything that a run leaves stays for the next."""

    box: Sandbox
    clock: FakeClock
    transport: Transport
    folder: Path
    models: dict[str, Model]
    predicted: list[str] = field(default_factory=list)
    record: RunRecord | None = None
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, bytes | None] = field(default_factory=dict)
    root: ModelsRoot | None = None
    runs: Store | None = None

    def run(
        self,
        *,
        force: bool = False,
        only: Sequence[str] = (),
        late: bool = False,
        wait: float = 0.0,
        dry_run: bool = False,
        **env: str,
    ) -> Exit:
        """One run from start to end; gives its exit code, that of an error included."""
        job = self.job(
            wishes=Wishes(only=frozenset(only), force=force, submit_late=late),
            wait=wait,
            dry_run=dry_run,
            env=env,
        )
        self.record = job.record
        job.record.save()
        try:
            code = run(job)
        except JobError as error:
            code = error.exit_code
        with suppress(UnavailableError):
            job.record.end(outcome="", exit_code=code, message="", now=self.clock.now())
        return code

    def job(self, *, wishes: Wishes, wait: float, dry_run: bool, env: Mapping[str, str]) -> Job:
        """What a run works with."""
        settings = Settings.from_env(
            {
                "NUMERAI_PUBLIC_ID": self.box.public_id,
                "NUMERAI_SECRET_KEY": self.box.secret_key,
                "NUMERAI_MODELS_DIR": str(self.folder / "models"),
                "NUMERAI_DATA_DIR": str(self.folder / "data"),
                "NUMERAI_API_URL": self.box.api_url,
                "NUMERAI_WORKERS": "2",
                "NUMERAI_RETRY_PATIENCE": "30s",
                **env,
            }
        )
        assert isinstance(settings.runs_dir, Path)
        runs = self.runs or Folder(settings.runs_dir)
        past = PastRecords(runs)
        return Job(
            settings=settings,
            manifest=Manifest(
                path="m.yaml", sha256="0" * 64, models=tuple(self._specs()), runtimes={}
            ),
            models=self.root or LocalRoot(self.folder / "models"),
            numerai=Numerai(
                url=settings.api_url,
                token=(self.box.public_id, self.box.secret_key),
                transport=self.transport,
                retry=Retry(self.clock, settings.retry_patience),
            ),
            runs=runs,
            record=RunRecord(
                runs,
                started=self.clock.now(),
                live_data=live_data(past),
                handed_on=look_back(past, for_the_dead=False).handed_on,
            ),
            clock=self.clock,
            environ=env,
            wishes=wishes,
            wait=wait,
            dry_run=dry_run,
        )

    def _specs(self) -> list[ModelSpec]:
        (self.folder / "models").mkdir(exist_ok=True)
        for name in self.models:
            artifact = self.folder / "models" / f"{name}.pkl"
            content = self.artifacts.get(name, name.encode())
            if content is not None and not artifact.exists():
                artifact.write_bytes(content)
        return [self._spec(name) for name in self.models]

    def _spec(self, name: str) -> ModelSpec:
        given = {"name": name, "artifact": PurePosixPath(f"{name}.pkl")}
        return a_model(**given | self.specs.get(name, {}))

    def add(
        self, name: str, model: Model | None = None, *, tournament: str = "classic", **spec: Any
    ) -> Model:
        """One more model, in the manifest and at Numerai; more words are for its `ModelSpec`."""
        self.models[name] = model or Model()
        version = DATA_VERSIONS[tournament]  # type: ignore[index]
        self.specs[name] = {"tournament": tournament, "data_version": version, **spec}
        self.box.add_model(name, tournament=NUMBERS[tournament])
        return self.models[name]

    def result(self, name: str = "mallard") -> ModelResult:
        """What the last run's record says of a model."""
        assert self.record is not None
        return next(result for result in self.record.results if result.model == name)

    @property
    def outcomes(self) -> dict[str, str]:
        """What the last run's record says of every model."""
        assert self.record is not None
        return {result.model: str(result.outcome) for result in self.record.results}

    @property
    def submitted(self) -> list[tuple[str, int]]:
        """Every submission that the sandbox has, by model and round, in order of the names."""
        return sorted((made.model, made.round) for made in self.box.submissions)

    def sent(self, name: str) -> pd.DataFrame:
        """The file of a model's newest submission."""
        made = [one for one in self.box.submissions if one.model == name]
        return pd.read_csv(io.BytesIO(made[-1].csv))

    def asked(self, operation: str) -> int:
        """How often the sandbox was asked for an operation."""
        return sum(operation in request.operations for request in self.box.requests)


@pytest.fixture
def home(
    box: Sandbox,
    clock: FakeClock,
    transport: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """A home with two models, `mallard` and `teal`."""
    made = Home(box, clock, transport, tmp_path, {"mallard": Model(), "teal": Model()})
    for name in made.models:
        box.add_model(name)
    monkeypatch.setattr("job.crew.Worker", lambda **_: InstantWorker(made.models, made.predicted))
    return made


@pytest.fixture
def zoo(home: Home) -> Home:
    """Two Classic models, `pochard` for Signals, `scaup` for Crypto."""
    home.add("pochard", tournament="signals")
    home.add("scaup", tournament="crypto")
    return home
