"""What runs in one container group: its containers, when they restart, and what is told of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.azure.errors import Json
from tests.azure.processes import Process

Launch = Callable[[Json, Callable[[Process], None]], Process]


@dataclass(slots=True)
class Container:
    """One container of a group: the process that it is now, and what is remembered of others."""

    spec: Json
    process: Process | None = None
    former: list[Process] = field(default_factory=list)
    restarts: int = 0
    previous: Json | None = None
    events: list[Json] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in the group."""
        name: str = self.spec["name"]
        return name

    @property
    def is_running(self) -> bool:
        """Whether it has a process that has not ended."""
        return self.process is not None and self.process.code is None

    def note(self, name: str, message: str, at: datetime, type_: str = "Normal") -> None:
        """Something has happened; the same again is counted."""
        for event in self.events:
            if (event["name"], event["message"]) == (name, message):
                event["count"] += 1
                event["lastTimestamp"] = _time(at)
                return
        times = {"firstTimestamp": _time(at), "lastTimestamp": _time(at)}
        self.events.append({"count": 1, **times, "name": name, "message": message, "type": type_})

    def view(self) -> Json:
        """Its instance view."""
        shown: Json = {"restartCount": self.restarts, "currentState": self.state()}
        if self.previous is not None:
            shown["previousState"] = self.previous
        return {**shown, "events": list(self.events)}

    def state(self) -> Json:
        """Waiting, Running or Terminated, with what belongs to it."""
        if self.process is None:
            return {"state": "Waiting", "detailStatus": ""}
        started = _time(self.process.started)
        code, finished = self.process.code, self.process.finished
        if code is None or finished is None:
            return {"state": "Running", "startTime": started, "detailStatus": ""}
        return {
            "state": "Terminated",
            "startTime": started,
            "exitCode": code,
            "finishTime": _time(finished),
            "detailStatus": "Completed" if code == 0 else "Error",
        }


class GroupRun:
    """The containers of a group from its start to its end.

    Args:
        launch: starts the process of a container.
        pause: waits between an end and a restart; true when all is over.
    """

    def __init__(
        self,
        properties: Mapping[str, Any],
        launch: Launch,
        *,
        now: Callable[[], datetime],
        pause: Callable[[], bool],
    ) -> None:
        self.containers = [Container(one) for one in properties["containers"]]
        self._policy = properties.get("restartPolicy", "Always")
        self._launch, self._now, self._pause = launch, now, pause
        self._lock = threading.RLock()
        self._ending = False
        self._moved: set[str] = set()
        self.moving = False
        """Whether it is being started or stopped just now."""

    @property
    def state(self) -> str:
        """Pending, Running, Stopped, or how it ended: Succeeded, Failed."""
        with self._lock:
            if self._ending:
                return "Stopped"
            processes = [one.process for one in self.containers]
            if any(one is None for one in processes):
                return "Pending"
            codes = [one.code for one in processes if one is not None]
            if any(code is None for code in codes):
                return "Running"
            return "Failed" if any(codes) else "Succeeded"

    @property
    def is_running(self) -> bool:
        """Whether any container runs."""
        return any(one.is_running for one in self.containers)

    def start(self) -> None:
        """Starts every container."""
        with self._lock:
            self._ending = False
            for container in self.containers:
                image = container.spec["properties"]["image"]
                container.note("Pulling", f'pulling image "{image}"', self._now())
                container.note("Pulled", f'Successfully pulled image "{image}"', self._now())
                self._begin(container)

    def stop(self, grace: float) -> None:
        """Ends every container; they are not restarted."""
        with self._lock:
            self._ending = True
            processes = [one.process for one in self.containers if one.process is not None]
        for process in processes:
            process.stop(grace)

    def move(self) -> None:
        """What the platform does for reasons of its own: ends every container, and starts it again
        whatever its restart policy says.
        """
        with self._lock:
            running = [one for one in self.containers if one.is_running]
            self._moved.update(one.name for one in running)
        for container in running:
            if container.process is not None:
                container.process.kill()

    def container(self, name: str) -> Container | None:
        """The container with this name."""
        return next((one for one in self.containers if one.name == name), None)

    def close(self) -> None:
        """Ends all and removes what is left; logs are gone then."""
        with self._lock:
            self._ending = True
            processes = [
                process
                for one in self.containers
                for process in (*one.former, one.process)
                if process is not None
            ]
        for process in processes:
            process.close()

    def _begin(self, container: Container) -> None:
        if container.process is not None:
            container.former.append(container.process)
        container.process = self._launch(
            container.spec, lambda process: self._ended(container, process)
        )
        container.note("Started", "Started container", self._now())

    def _ended(self, container: Container, process: Process) -> None:
        moved = container.name in self._moved
        again = moved or self._policy == "Always" or (self._policy == "OnFailure" and process.code)
        with self._lock:
            self._moved.discard(container.name)
            if self._ending:
                container.note("Killing", "Killing container", self._now())
        if not again or self._ending or self._pause():
            return
        with self._lock:
            if not self._ending:
                container.previous = container.state()
                container.restarts += 1
                self._begin(container)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
