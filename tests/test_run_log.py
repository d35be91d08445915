"""The log beside the record: as it grows, bounded, and never a reason to fail."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from job import run_log
from job.errors import UnavailableError
from job.logs import HIDDEN, start_log
from job.run_log import HEAD_BYTES, LONGEST_LINE, TAIL_BYTES, LogWriter, RunLog
from job.store import Folder
from tests.e2e.driver import wait_for

LONG = 30.0


@pytest.fixture
def lines() -> Iterator[RunLog]:
    """A log; the logging of the others is put back at the end."""
    root, ours = logging.getLogger(), logging.getLogger("job")
    before = root.handlers[:], root.level, ours.level
    yield RunLog()
    root.handlers[:], _ = before[0], root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer looks at the log all the time."""
    monkeypatch.setattr(run_log, "EVERY_SECONDS", 0.01)


def begin(lines: RunLog) -> None:
    start_log(format="text", level="info", secrets=["p4ssw0rd"], also=[lines])


def text_of(lines: RunLog) -> str:
    return lines.snapshot()[1].decode()


def test_it_is_what_stderr_gets(lines: RunLog, capsys: pytest.CaptureFixture[str]) -> None:
    begin(lines)
    log = logging.getLogger("job.test")
    log.info("the key is %s", "p4ssw0rd")
    log.debug("too fine")
    logging.getLogger("other").info("not ours")
    try:
        raise ValueError("p4ssw0rd again")
    except ValueError:
        log.exception("unforeseen error")
    text = text_of(lines)
    assert text == capsys.readouterr().err
    assert text.count(HIDDEN) == 3
    assert "p4ssw0rd" not in text
    assert "Traceback" in text


def test_a_line_that_cannot_be_formatted_harms_nobody(
    lines: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    begin(lines)
    logging.getLogger("job.test").info("%d", "no number")
    logging.getLogger("job.test").info("the next")
    assert text_of(lines).endswith("the next\n")


def test_of_very_many_lines_the_first_and_the_last_are_kept() -> None:
    lines = RunLog()
    for number in range(100_000):
        lines.add(f"line {number:06} {'.' * 60}")
    count, data = lines.snapshot()
    assert count == 100_000
    assert len(data) < HEAD_BYTES + TAIL_BYTES + 200
    found = data.decode().splitlines()
    (gap,) = [line for line in found if "left out" in line]
    assert found[0].startswith("line 000000")
    assert found[-1].startswith("line 099999")
    assert gap == f"... {100_000 - (len(found) - 1):,} entries are left out here"
    place = found.index(gap)
    numbers = [int(line.split()[1]) for line in found if line != gap]
    assert numbers[:place] == list(range(place))
    assert numbers[place:] == list(range(numbers[place], 100_000))


def test_one_line_without_end_does_not_push_the_others_out() -> None:
    lines = RunLog()
    lines.add("before")
    lines.add("x" * (5 * LONGEST_LINE))
    lines.add("behind")
    found = text_of(lines).splitlines()
    assert (found[0], found[-1]) == ("before", "behind")
    assert len(text_of(lines)) < 2 * LONGEST_LINE
    assert "the rest of this is left out" in found[1]


@pytest.mark.usefixtures("soon")
def test_it_is_there_while_the_run_goes_on(tmp_path: Path) -> None:
    lines, store = RunLog(), Folder(tmp_path)
    writer = LogWriter(lines, store, "a.log")
    writer.start()
    lines.add("one")
    wait_for(lambda: store.read("a.log") == b"one\n", "the first line is there")
    lines.add("two")
    wait_for(lambda: store.read("a.log") == b"one\ntwo\n", "the second is")
    lines.add("the error")
    writer.finish(LONG)
    assert store.read("a.log") == b"one\ntwo\nthe error\n"


def test_its_last_lines_are_written_at_the_end(tmp_path: Path) -> None:
    lines, store = RunLog(), Folder(tmp_path)
    writer = LogWriter(lines, store, "a.log")
    writer.start()
    lines.add("one")
    writer.finish(LONG)
    assert store.read("a.log") == b"one\n"


@pytest.mark.usefixtures("soon")
def test_it_is_written_only_when_it_has_grown(tmp_path: Path) -> None:
    written: list[bytes] = []

    class Counting(Folder):
        def write(self, name: str, data: bytes) -> None:
            written.append(data)

    lines = RunLog()
    writer = LogWriter(lines, Counting(tmp_path), "a.log")
    writer.start()
    lines.add("one")
    wait_for(lambda: written, "it is written")
    threading.Event().wait(0.05)
    writer.finish(LONG)
    assert written == [b"one\n"]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("error", [UnavailableError("the store is away"), RuntimeError("a bug")])
def test_a_store_that_takes_nothing_is_told_of_once_and_asked_again(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    class Away(Folder):
        def write(self, name: str, data: bytes) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise error
            super().write(name, data)

    lines, store = RunLog(), Away(tmp_path)
    writer = LogWriter(lines, store, "a.log")
    writer.start()
    lines.add("one")
    wait_for(lambda: store.read("a.log") == b"one\n", "the third try")
    writer.finish(LONG)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "could not be put beside the record" in warnings[0].getMessage()


def test_a_store_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    hangs, go, through = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Folder):
        def write(self, name: str, data: bytes) -> None:
            hangs.set()
            if go.wait(LONG):
                through.set()

    lines = RunLog()
    lines.add("one")
    writer = LogWriter(lines, Hanging(tmp_path), "a.log")
    writer.start()
    assert hangs.wait(LONG)
    writer.finish(0.05)
    (hanging,) = [thread for thread in threading.enumerate() if thread.name == "run-log"]
    assert hanging.daemon  # it does not keep the process from ending either
    assert not through.is_set()
    go.set()
    writer.finish(LONG)
    assert through.is_set()
    assert not hanging.is_alive()
