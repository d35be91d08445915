"""The lock of a place in Blob Storage: one holder at a time, dead ones overcome, a loss noticed."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from azure.storage.blob import BlobLeaseClient

from job.blob import Blob
from job.blob.lease import LeaseTimes, how_to_break
from job.blob_url import parse_blob_url
from job.clock import Clock
from job.errors import Exit, StoppedError, UnavailableError
from job.store import HOLDER, LOCK
from tests.azure.messages import CUT, Reply
from tests.azurite.fixtures import Container
from tests.azurite.proxy import Proxy, refusal
from tests.clock import NOON, FakeClock

ROOT = Path(__file__).parents[2]
QUICK = LeaseTimes(lasts=15, wait=75.0, retry=5.0, renewal=0.05)


@pytest.fixture
def locked(proxy: Proxy, container: Container, clock: FakeClock) -> Blob:
    """A store whose lock is renewed all the time."""
    environ = proxy.environ(container.connection_string)
    return Blob.open(proxy.url(container.url), environ=environ, clock=clock, lease=QUICK)


def leased_by_another(container: Container) -> BlobLeaseClient:
    """Someone else holds the lock."""
    blob = container.client.get_blob_client(LOCK)
    if not blob.exists():
        blob.upload_blob(b"")
    lease = BlobLeaseClient(blob)
    lease.acquire(lease_duration=15)
    return lease


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def renewals(proxy: Proxy) -> int:
    return sum(one.headers.get("x-ms-lease-action") == "renew" for one in proxy.requests)


def test_a_lock_is_taken_with_one_request_and_given_back(proxy: Proxy, locked: Blob) -> None:
    with locked.lock("morning"):
        pass
    proxy.requests.clear()
    with locked.lock("noon") as holder:
        assert holder is None
        assert proxy.requests[0].headers["x-ms-lease-action"] == "acquire"
        assert proxy.requests[1].path.endswith(HOLDER)
    assert proxy.requests[-1].headers["x-ms-lease-action"] == "release"


def test_a_lock_lasts_a_minute_and_is_renewed_well_before() -> None:
    times = LeaseTimes()
    assert times.lasts == 60
    assert times.wait == 75.0
    assert times.renewal * 3 < times.lasts


def test_a_lock_that_is_let_go_meanwhile_is_taken(
    container: Container, clock: FakeClock, locked: Blob, caplog: pytest.LogCaptureFixture
) -> None:
    other = leased_by_another(container)
    locked.write(HOLDER, b'{"pid": 1, "host": "old", "since": "dawn"}')
    clock.when(NOON + timedelta(seconds=20), other.release)
    with locked.lock("noon") as holder:
        assert holder is None
    assert 20 <= sum(clock.sleeps) <= 30
    assert caplog.text.count("process 1 on old, running since dawn holds the lock of") == 1


def test_a_holder_that_lives_is_told_of_after_the_wait(
    container: Container, clock: FakeClock, locked: Blob
) -> None:
    leased_by_another(container)
    with locked.lock("noon") as holder:
        assert holder is not None
        assert holder.text == "another run"
    assert sum(clock.sleeps) == pytest.approx(75.0)


@pytest.mark.parametrize(("duration", "endless"), [(15, False), (-1, True)])
def test_a_lease_without_end_is_told_from_one_that_lapses(
    container: Container, locked: Blob, duration: int, endless: bool
) -> None:
    blob = container.client.get_blob_client(LOCK)
    blob.upload_blob(b"")
    BlobLeaseClient(blob).acquire(lease_duration=duration)
    with locked.lock("noon") as holder:
        assert holder is not None
        assert holder.endless is endless
        assert "az storage blob lease break --auth-mode login" in holder.how_to_end
        assert f"-c {container.url.container} -b lock" in holder.how_to_end


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://ducks.blob.core.windows.net/runs", "--account-name ducks -c runs -b lock"),
        ("http://127.0.0.1:1/ducks/runs/a%20b", "--account-name ducks -c runs -b 'a b/lock'"),
    ],
)
def test_a_lock_is_broken_with_its_whole_name(url: str, names: str) -> None:
    assert how_to_break(parse_blob_url(url), LOCK).endswith(names)


def test_a_stop_ends_the_wait(container: Container, clock: FakeClock, locked: Blob) -> None:
    leased_by_another(container)
    reason = StoppedError("terminated by a signal", Exit.TERMINATED)
    clock.when(NOON + timedelta(seconds=20), lambda: clock.stop(reason))
    with pytest.raises(StoppedError), locked.lock("noon"):
        pytest.fail("it is held by another")
    assert sum(clock.sleeps) <= 25


@pytest.mark.parametrize("trouble", ["lost reply", "cut", "503"])
def test_trouble_while_it_is_taken_does_not_lock_out_who_takes_it(
    proxy: Proxy, locked: Blob, trouble: str
) -> None:
    with locked.lock("morning"):
        pass
    ways: dict[str, Reply | Callable[..., Reply]] = {
        "lost reply": proxy.lose_reply,
        "cut": CUT,
        "503": refusal(503, "ServerBusy"),
    }
    proxy.on(ways[trouble], method="PUT", comp="lease", times=2)
    with locked.lock("noon") as holder:
        assert holder is None


def test_a_run_that_is_stopped_gives_its_lock_back(
    container: Container, locked: Blob, clock: FakeClock
) -> None:
    clock.when(NOON, lambda: clock.stop(StoppedError("terminated", Exit.TERMINATED)))
    with pytest.raises(StoppedError), locked.lock("noon"):
        clock.sleep(1.0)
    leased_by_another(container).release()


def test_a_lock_is_renewed_while_the_run_is_stopping(
    proxy: Proxy, locked: Blob, clock: FakeClock
) -> None:
    with locked.lock("noon"):
        clock.stop(StoppedError("terminated by a signal", Exit.TERMINATED))
        before = renewals(proxy)
        wait_until(lambda: renewals(proxy) > before + 2)


def test_a_renewal_that_fails_is_tried_again(proxy: Proxy, locked: Blob, clock: FakeClock) -> None:
    with locked.lock("noon"):
        for trouble in (CUT, refusal(503, "ServerBusy"), proxy.lose_reply):
            enough = renewals(proxy) + 5
            proxy.on(trouble, method="PUT", comp="lease", times=3)
            wait_until(partial(lambda than: renewals(proxy) > than, enough))
        locked.check_lock()
        assert clock.stopping is None


def test_a_lock_that_was_taken_away_stops_the_run_and_stays_with_who_has_it(
    container: Container, locked: Blob, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with locked.lock("noon"):
        BlobLeaseClient(container.client.get_blob_client(LOCK)).break_lease(0)
        other = leased_by_another(container)
        wait_until(lambda: clock.stopping)
        assert clock.stopping is not None
        assert clock.stopping.exit_code is Exit.UNAVAILABLE
        with pytest.raises(StoppedError, match="another run may have begun") as caught:
            locked.check_lock()
        assert caught.value.exit_code is Exit.UNAVAILABLE
    other.renew()
    other.release()
    assert [one.levelname for one in caplog.records if "is lost" in one.message] == ["ERROR"]


def test_who_signs_for_a_lock_that_nobody_may_take_says_why(
    proxy: Proxy, locked: Blob, clock: FakeClock
) -> None:
    proxy.on(refusal(403, "AuthorizationFailure"), method="PUT", comp="lease")
    with pytest.raises(UnavailableError, match="cannot take the lock in"), locked.lock("noon"):
        pytest.fail("it may not be taken")


@pytest.mark.slow
def test_a_lock_that_cannot_be_renewed_is_lost_when_it_has_lapsed(
    proxy: Proxy, container: Container, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    times = LeaseTimes(lasts=15, renewal=1.0)
    store = Blob.open(
        proxy.url(container.url),
        environ=proxy.environ(container.connection_string),
        clock=clock,
        lease=times,
    )
    with store.lock("noon"):
        store.check_lock()
        proxy.on(refusal(503, "ServerBusy"), method="PUT", comp="lease")
        with pytest.raises(StoppedError) as caught:
            clock.sleep(120.0)
        assert caught.value.exit_code is Exit.UNAVAILABLE
        with pytest.raises(StoppedError):
            store.check_lock()
    assert "was not renewed for" in caplog.text
    proxy.calm()
    with Blob.open(container.url, environ=container.environ, clock=FakeClock()).lock("x") as after:
        assert after is None


CONTENDER = """
import os, sys
from job.blob import Blob
from job.blob.lease import LeaseTimes
from job.blob_url import parse_blob_url
from job.clock import Clock
times = LeaseTimes(lasts=15, wait=150, retry=0.2, renewal=2)
store = Blob.open(parse_blob_url(sys.argv[1]), environ=os.environ, clock=Clock(), lease=times)
print("ready", flush=True)
input()
with store.lock("noon") as holder:
    assert holder is None, holder
    print("holds", flush=True)
    input()
    store.check_lock()
    print("lets go", flush=True)
"""


class Contender:
    """A process that wants the lock; what it says goes to `said`, with itself."""

    def __init__(self, container: Container, said: queue.Queue[tuple[Contender, str]]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(container.url)],
            env={**os.environ, **container.environ},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said = said
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def go_on(self) -> None:
        """Lets it do what it waits to do."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Kills it, if need be."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put((self, line.strip()))


Contest = tuple[list[Contender], queue.Queue[tuple[Contender, str]]]


@pytest.fixture
def contest(container: Container) -> Iterator[Contest]:
    """Six processes that are about to take the lock, and what they say."""
    said: queue.Queue[tuple[Contender, str]] = queue.Queue()
    with ExitStack() as stack:
        all_six = []
        for _ in range(6):
            all_six.append(Contender(container, said))
            stack.callback(all_six[-1].end)
        yield all_six, said


@pytest.mark.slow
def test_six_processes_have_the_lock_one_after_the_other_and_a_killed_one_is_overcome(
    contest: Contest,
) -> None:
    everyone, said = contest
    for _ in everyone:
        assert said.get(timeout=60)[1] == "ready"
    for one in everyone:
        one.go_on()
    first, word = said.get(timeout=60)
    assert word == "holds"
    first.process.kill()
    first.process.wait()
    killed_at = time.monotonic()
    holder, word = said.get(timeout=60)
    assert word == "holds"
    assert time.monotonic() - killed_at > 5.0  # its lease had to lapse
    for turn in range(5):
        assert said.empty()  # nobody else has it
        holder.go_on()
        assert said.get(timeout=60) == (holder, "lets go")
        if turn < 4:
            holder, word = said.get(timeout=60)
            assert word == "holds"
    for one in everyone:
        assert one is first or one.process.wait(60) == 0
