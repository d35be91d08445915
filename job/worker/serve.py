"""Requests in order: `load`, then `predict`, one model at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .answers import doubts, read_answer, write_answer
from .data import Frames, set_up
from .faults import Fault, explain, stage
from .guard import has_children, only_here
from .loaders import load
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

    def handle(self, request: Message) -> Message:
        """Carry out one request; a failure of any kind is an answer too."""
        try:
            with only_here():
                return self._load(request) if request["do"] == "load" else self._predict(request)
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
        }

    def _predict(self, request: Message) -> Message:
        if self._loaded is None:
            raise Fault("predict", "no model is loaded")
        loaded, self._loaded = self._loaded, None
        reply = self._run(loaded, request)
        del loaded
        self._forget()
        return {**reply, **self._left()}

    def _run(self, loaded: Loaded, request: Message) -> Message:
        clock, key = Clock(), request["key"]
        with stage("data"), clock.measure("decode"):
            live = self._frames.read(Path(request["live"]), loaded.needs.columns, key=key)
            given = [live.copy(), *self._benchmarks(loaded.needs, request)]
        with stage("predict"), clock.measure("predict"):
            returned = _call(loaded, given)
        self._tampered += self._surroundings.undo_patches()
        with clock.measure("write"):
            with stage("answer"):
                answer = read_answer(returned, live.frame.index, kind=loaded.needs.kind)
                warnings = doubts(answer, loaded.model)
            with stage("write"):
                rows = write_answer(answer, Path(request["out"]), key=key)
        decoded = 0 if live.cached else live.frame.shape[1]
        return {"rows": rows, "decoded": decoded, "seconds": clock.seconds, "warnings": warnings}

    def _benchmarks(self, needs: Needs, request: Message) -> Iterator[Any]:
        if not needs.benchmarks:
            return
        if request["benchmarks"] is None:
            raise Fault("data", "the model takes live_benchmark_models, but there are none")
        yield self._frames.read(Path(request["benchmarks"]), None, key=request["key"]).copy()

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
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def forever(channel: Channel, session: Session) -> None:
    """Answer requests until the parent goes, which ends the process."""
    for request in channel.requests():
        channel.reply(session.handle(request))


def _few(clauses: list[str]) -> str:
    more = f" and {len(clauses) - NAMED} more" if len(clauses) > NAMED else ""
    return ", ".join(clauses[:NAMED]) + more


def _call(loaded: Loaded, given: list[Any]) -> Any:
    with only_here():
        if loaded.needs.kind == "function":
            return loaded.model(*given)
        return loaded.model.predict(given[0].to_numpy() if loaded.needs.array else given[0])
