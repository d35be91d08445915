"""The sandbox in a process of its own, as far away as Numerai: started here, asked for its log."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from job.sandbox import Sandbox, zoo_names
from job.sandbox.__main__ import SHAPES
from job.sandbox.judging import Verdict
from job.sandbox.rounds import CLASSIC

LATENCY = 0.1
BANDWIDTH = 20_000_000
VERSION = "v5.3"


class Service:
    """A running sandbox whose account has `models` models, none of them submitted.

    Attributes:
        environment: what the job needs to reach it.
    """

    def __init__(self, models: int) -> None:
        command = [sys.executable, "-m", "tests.bench.service", str(models)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        access = self._answer()
        self.environment = {
            "NUMERAI_API_URL": access["api_url"],
            "NUMERAI_PUBLIC_ID": access["public_id"],
            "NUMERAI_SECRET_KEY": access["secret_key"],
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def log(self) -> dict[str, Any]:
        """Requests since it was last asked: `graphql`, `objects`, and `object_bytes`, both ways."""
        return self._ask("log")

    def submit_all(self) -> None:
        """Has every model submitted in the current round."""
        self._ask("submit")

    def save_submissions(self, folder: Path) -> int:
        """Writes each submission as `<model>.csv`; gives how many there are."""
        folder.mkdir(parents=True, exist_ok=True)
        return int(self._ask(f"save {folder}")["submissions"])

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the sandbox ended; what it says is above")
        return dict(json.loads(line))


def serve(models: int, *, shape: str = "full") -> None:
    """Serves; answers each line of standard input by one of JSON, until there are no more."""
    box = Sandbox(
        shape=SHAPES[shape], models=zoo_names(models), latency=LATENCY, bandwidth=BANDWIDTH
    )
    with box:
        for name in ("features.json", "live.parquet", "live_benchmark_models.parquet"):
            box.objects.content(f"{VERSION}/{name}")  # made now, not when it is first asked for
        _say({"api_url": box.api_url, "public_id": box.public_id, "secret_key": box.secret_key})
        for line in sys.stdin:
            verb, _, rest = line.strip().partition(" ")
            _say({"log": _log, "submit": _submit, "save": _save}[verb](box, rest))


def _log(box: Sandbox, _: str) -> dict[str, Any]:
    requests = box.requests
    box.traffic.clear()
    counts = Counter(request.kind for request in requests)
    objects = [request for request in requests if request.kind != "graphql"]
    return {
        "graphql": counts["graphql"],
        "objects": len(objects),
        "object_bytes": sum(request.received + request.sent for request in objects),
    }


def _submit(box: Sandbox, _: str) -> dict[str, Any]:
    current = box.rounds.current(CLASSIC)
    assert current is not None
    for model in box.models:
        box.ledger.add(
            model=model,
            round_=current,
            filename=f"{model.name}.csv",
            csv=b"",
            verdict=Verdict(None, current.number, box.shape.rows),
        )
    return {}


def _save(box: Sandbox, folder: str) -> dict[str, Any]:
    for submission in box.submissions:
        Path(folder, f"{submission.model}.csv").write_bytes(submission.csv)
    return {"submissions": len(box.submissions)}


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int)
    serve(parser.parse_args().models)
