"""Requests in order: `load`, then `predict`, one model at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .answers import Answer, doubts, read_answer, write_answer
from .calling import Given, call
from .context import Ask
from .data import NEUTRALIZERS, Decoded, Frames, set_up
from .faults import Fault, explain, stage
from .finish import neutralized, ranked
from .formats import load
from .guard import has_children, only_here
from .memory import Memory
from .needs import Needs, needs_of
from .protocol import Channel, Message
from .streams import Streams
from .surroundings import Surroundings

NAMED = 3


@dataclass(frozen=True)
class Loaded:
    """A model waiting for its `predict`."""

    model: Any
    needs: Needs


class Session:
    """What lives from one request to the next: decoded frames, and at most one model."""

    def __init__(self, frames: Frames, surroundings: Surroundings) -> None:
        self._frames = frames
        self._surroundings = surroundings
        self._memory = Memory()
        self._loaded: Loaded | None = None
        self._tampered: list[str] = []
        self._memory.release()

    @classmethod
    def prepare(cls, streams: Streams, *, threads: int, sets: int, max_bytes: int) -> Session:
        """A session whose libraries are imported."""
        set_up(threads)
        frames = Frames(sets=sets, max_bytes=max_bytes, threads=threads)
        return cls(frames, Surroundings(streams))

    def handle(self, request: Message, ask: Ask) -> Message:
        """Carry out one request; a failure of any kind is an answer too.

        Args:
            ask: sends the parent a question of the model's, and gives its answer.
        """
        self._memory.forget_peak()
        try:
            with only_here():
                if request["do"] == "load":
                    return self._load(request)
                return self._predict(request, ask)
        except BaseException as error:  # noqa: BLE001  model code raises what it likes
            fault = explain(error, str(request.get("do", "load")))
        self._forget()
        return {"fault": fault.as_message(), **self._left()}

    def _load(self, request: Message) -> Message:
        if self._loaded is not None:  # it was never asked to predict
            self._forget()
            if self._tampered:
                return {"again": True, **self._left()}
        clock = Clock()
        with clock.measure("load"):
            model = load(Path(request["artifact"]), request["format"])
            with stage("load"):
                needs = needs_of(model, request["features"])
        self._loaded = Loaded(model, needs)
        return {
            "kind": needs.kind,
            "columns": needs.columns,
            "benchmarks": needs.benchmarks,
            "seconds": clock.seconds,
            "memory": self._memory.peak(),
        }

    def _predict(self, request: Message, ask: Ask) -> Message:
        if self._loaded is None:
            raise Fault("predict", "no model is loaded")
        loaded, self._loaded = self._loaded, None
        reply = self._run(loaded, request, ask)
        reply["memory"] = self._memory.peak()
        del loaded
        self._forget()
        return {**reply, **self._left()}

    def _run(self, loaded: Loaded, request: Message, ask: Ask) -> Message:
        clock, key = Clock(), request["key"]
        neutralizers = self._neutralizers(request, clock)
        with stage("data"), clock.measure("decode"):
            live = self._frames.read(Path(request["live"]), loaded.needs.columns, key=key)
            given = self._given(live, loaded.needs, request, ask)
        with stage("predict"), clock.measure("predict"):
            returned = call(loaded.model, loaded.needs, given)
        self._tampered += self._surroundings.undo_patches()
        with stage("answer"), clock.measure("write"):
            answer = _answer(returned, live, loaded.needs, request)
            warnings = doubts(answer, loaded.model)
        answer = _finished(answer, neutralizers, request, clock)
        with stage("write"), clock.measure("write"):
            rows = write_answer(answer, Path(request["out"]), key=key, column=request["column"])
        decoded = 0 if live.cached else live.frame.shape[1]
        return {"rows": rows, "decoded": decoded, "seconds": clock.seconds, "warnings": warnings}

    def _given(self, live: Decoded, needs: Needs, request: Message, ask: Ask) -> Given:
        benchmarks = None
        if needs.benchmarks:
            if request["benchmarks"] is None:
                raise Fault("data", "the model takes live_benchmark_models, but there are none")
            path = Path(request["benchmarks"])
            benchmarks = self._frames.read(path, None, key=request["key"]).copy()
        own = live.frame if needs.batched else live.copy()
        return Given(own, benchmarks, request["context"], request["memory"], ask)

    def _neutralizers(self, request: Message, clock: Clock) -> pd.DataFrame | None:
        """Read before the model predicts, so that it does not predict in vain if one is missing."""
        if request["neutralize"] is None:
            return None
        columns = tuple(dict.fromkeys(request["neutralize"]["features"]))
        with stage("data"), clock.measure("postprocess"):
            path, key = Path(request["live"]), request["key"]
            return self._frames.read(path, columns, key=key, whose=NEUTRALIZERS).frame

    def _forget(self) -> None:
        """Drop the model and whatever it changed in the process."""
        self._loaded = None
        self._tampered += self._surroundings.restore()
        self._memory.release()

    def _left(self) -> Message:
        """What a model leaves behind that its process can only shed by ending.

        `tainted` says in one clause what it did to modules that the next one would use.
        """
        return {"children": has_children(), "tainted": _few(self._tampered)}


class Clock:
    """Seconds by name, added up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def forever(channel: Channel, session: Session) -> None:
    """Answer requests until the parent goes, which ends the process."""
    for request in channel.requests():
        channel.reply(session.handle(request, channel.ask))


def _few(clauses: list[str]) -> str:
    more = f" and {len(clauses) - NAMED} more" if len(clauses) > NAMED else ""
    return ", ".join(clauses[:NAMED]) + more


def _answer(returned: Any, live: Decoded, needs: Needs, request: Message) -> Answer:
    return read_answer(
        returned,
        live.frame.index,
        kind=needs.kind,
        column=request["column"],
        partial=request["partial"],
    )


def _finished(
    answer: Answer, neutralizers: pd.DataFrame | None, request: Message, clock: Clock
) -> Answer:
    if neutralizers is None and request["postprocess"] == "none":
        return answer
    with stage("postprocess"), clock.measure("postprocess"):
        if neutralizers is not None:
            answer = neutralized(answer, neutralizers, request["neutralize"]["proportion"])
        return ranked(answer) if request["postprocess"] == "rank" else answer
