"""Models for the end-to-end tests: functions for Numerai's model upload, good and bad.

They are made inside `functions`, so that cloudpickle takes them by value: a model process knows
nothing of the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


def good(shift: float = 0.0) -> Function:
    """Ranks by the mean of the features; another `shift`, other predictions."""

    def predict(live_features: Any) -> Any:
        features = [name for name in live_features.columns if name.startswith("feature_")]
        weights = [1.0 + shift * place for place in range(len(features))]
        return (live_features[features] * weights).sum(axis=1).rank(pct=True).to_frame("prediction")

    return predict


def blend() -> Function:
    """Takes the benchmark models as well."""

    def predict(live_features: Any, live_benchmark_models: Any) -> Any:
        own = live_features.iloc[:, -1].rank(pct=True)
        other = live_benchmark_models.iloc[:, 0].reindex(own.index).rank(pct=True)
        return (own + other).rank(pct=True).to_frame("prediction")

    return predict


def slow(seconds: float, beacon: str) -> Function:
    """Says at `beacon` that it has begun, with its process id, then takes its time."""

    def predict(live_features: Any) -> Any:
        import os
        import time
        from pathlib import Path

        Path(f"{beacon}.part").write_text(str(os.getpid()))
        Path(f"{beacon}.part").replace(beacon)
        time.sleep(seconds)
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    return predict


def held(beacon: str, gate: str) -> Function:
    """Says at `beacon` that it has begun, and goes on once there is a file `gate`."""

    def predict(live_features: Any) -> Any:
        import time
        from pathlib import Path

        Path(beacon).touch()
        while not Path(gate).exists():
            time.sleep(0.02)
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    return predict


def counting(log: str, line: str = "predicted") -> Function:
    """Adds a line to `log` each time it predicts."""

    def predict(live_features: Any) -> Any:
        from pathlib import Path

        with Path(log).open("a") as file:
            file.write(f"{line}\n")
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    return predict


class HangsWhenRead:
    """Says at `beacon` that it is being unpickled, then takes its time."""

    def __init__(self, seconds: float, beacon: str) -> None:
        self._code = (
            f"import os, time; open({beacon!r}, 'w').write(str(os.getpid())); time.sleep({seconds})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (self._code,)


def spy(out: str) -> Function:
    """Writes down its environment, and what it can read of its parent's and of every command."""

    def predict(live_features: Any) -> Any:
        import json
        import os
        from pathlib import Path

        def read(path: object) -> str:
            try:
                return Path(str(path)).read_bytes().decode(errors="replace")
            except OSError as error:
                return f"refused: {error.strerror}"

        parent = os.getppid()
        seen = {
            "environ": dict(os.environ),
            "uid": os.getuid(),
            "parent": read(f"/proc/{parent}/environ"),
            "commands": [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")],
        }
        Path(out).write_text(json.dumps(seen))
        print(read(f"/proc/{parent}/environ"))
        raise RuntimeError(f"seen: {seen['parent']}")

    return predict


def bad() -> dict[str, Function]:
    """By name, functions that fail, each in a way of its own."""

    def raises(live_features: Any) -> Any:
        raise ZeroDivisionError("a fault of the model's own")

    def hangs(live_features: Any) -> Any:
        import time

        time.sleep(600)

    def exits(live_features: Any) -> Any:
        import sys

        sys.exit(7)

    def ends_hard(live_features: Any) -> Any:
        import os

        os._exit(9)

    def crashes(live_features: Any) -> Any:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)

    def eats_memory(live_features: Any) -> Any:
        import time

        eaten = []
        while True:
            eaten.append(bytearray(b"x" * (16 << 20)))
            time.sleep(0.01)

    def prints_and_raises(live_features: Any) -> Any:
        import sys

        for _ in range(200):
            print("z" * 10_000)
            sys.stderr.write("y" * 10_000)
        sys.stderr.write("\nthe last words\n")
        raise ValueError("after megabytes")

    def nan(live_features: Any) -> Any:
        answer = live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")
        answer.iloc[3, 0] = float("nan")
        return answer

    def constant(live_features: Any) -> Any:
        answer = live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")
        answer["prediction"] = 0.5
        return answer

    def out_of_range(live_features: Any) -> Any:
        return live_features.iloc[:, -1].rank().to_frame("prediction")

    def too_few(live_features: Any) -> Any:
        return live_features.iloc[:50, -1].rank(pct=True).to_frame("prediction")

    def range_index(live_features: Any) -> Any:
        answer = live_features.iloc[:50, -1].rank(pct=True).to_frame("prediction")
        return answer.reset_index(drop=True)

    def lacks_feature(live_features: Any) -> Any:
        return live_features[["feature_that_is_gone"]].rank(pct=True)

    def no_frame(live_features: Any) -> Any:
        return "a prediction"

    return {name: value for name, value in locals().items() if callable(value)}


def odd() -> dict[str, Function]:
    """By name, functions that misbehave and yet give good predictions."""

    def prints(live_features: Any) -> Any:
        for _ in range(200):
            print("x" * 10_000)
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    def forks(live_features: Any) -> Any:
        import os
        import time

        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    def changes_input(live_features: Any) -> Any:
        answer = live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")
        live_features.iloc[:, 1:] = 0
        live_features.drop(live_features.index[10:], inplace=True)
        return answer

    return {name: value for name, value in locals().items() if callable(value)}
