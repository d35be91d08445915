"""Downloads on real sockets: whatever breaks, the file that appears is whole and right."""

from __future__ import annotations

import io
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5, sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from job.data import check_dataset
from job.errors import Exit, NotReadyError, TransientError, UnavailableError
from job.fetch import WRONG_BYTES_TRIES, Fetched, WrongBytesError, fetch
from job.numerai.adapter import Numerai
from job.numerai.presigned import DatasetSource
from job.numerai.transport import Transport
from job.retry import Retry
from job.sandbox import ETags, Fault, Sandbox
from job.tournament import Body
from tests.clock import FakeClock
from tests.worlds import LIVE

Get = Callable[..., Fetched]
FEATURES = "v5.3/features.json"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "1400" / "live.parquet"


@pytest.fixture
def get(numerai: Numerai, clock: FakeClock, target: Path) -> Get:
    def get(filename: str = LIVE) -> Fetched:
        return fetch(
            numerai.dataset("classic", 1400, filename),
            target.with_name(Path(filename).name),
            retry=Retry(clock, 60.0),
            check=check_dataset,
            progress=lambda *_: None,
        )

    return get


@pytest.fixture
def break_off(box: Sandbox) -> Callable[[], Fault]:
    """The first read ends in the middle."""
    return lambda: box.faults.add(where="get", kind="truncate")


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.glob("*")) if target.parent.exists() else []


def check_whole(got: Fetched, target: Path, content: bytes) -> None:
    assert got == Fetched(target, sha256(content).hexdigest(), len(content))
    assert target.read_bytes() == content
    assert left(target) == [target.name]


def publish_checksums(box: Sandbox) -> None:
    """Live data whose pages carry checksums, so that wrong bytes in them do not decode."""
    sink = io.BytesIO()
    ids = pa.array([f"{n:040x}" for n in range(500)])
    # One column, so that the middle of the file is a page, and not the list of the columns.
    pq.write_table(pa.table({"id": ids}), sink, write_page_checksum=True, use_dictionary=False)
    box.objects.replace(LIVE, sink.getvalue())


def downloads(box: Sandbox) -> list[int | None]:
    return [request.status for request in box.requests if request.kind == "get"]


def test_a_file_is_fetched_with_one_read(get: Get, box: Sandbox, target: Path) -> None:
    check_whole(get(), target, box.objects.content(LIVE))
    assert downloads(box) == [200]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncate"},
        {"kind": "truncate", "content_length": False},
        {"kind": "reset"},
        {"kind": "lost_reply"},
        {"kind": "stall"},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 404},
        {"kind": "expired"},
        {"kind": "html"},
        {"kind": "wrong_bytes"},
        {"kind": "wrong_bytes", "etag": False},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
@pytest.mark.parametrize("filename", [LIVE, FEATURES])
def test_a_fault_twice_leaves_the_file_right(
    get: Get, box: Sandbox, target: Path, fault: dict[str, object], filename: str
) -> None:
    if filename == FEATURES and fault.get("etag") is False:
        pytest.skip("wrong bytes of JSON that is still JSON are known by a digest alone")
    publish_checksums(box)
    struck = box.faults.add(where="get", times=2, **fault)
    check_whole(get(filename), target.with_name(Path(filename).name), box.objects.content(filename))
    assert struck.hits == 2


@pytest.mark.parametrize("etags", list(ETags))
def test_a_broken_read_is_resumed_where_the_version_is_known(
    get: Get, box: Sandbox, target: Path, break_off: Callable[[], Fault], etags: ETags
) -> None:
    box.objects.etags = etags
    break_off()
    check_whole(get(), target, box.objects.content(LIVE))
    assert downloads(box) == ([200, 200] if etags is ETags.NONE else [200, 206])


def test_an_ignored_range_begins_again(
    get: Get, box: Sandbox, target: Path, break_off: Callable[[], Fault]
) -> None:
    break_off()
    box.faults.add(where="get", kind="ignore_range")
    check_whole(get(), target, box.objects.content(LIVE))
    assert downloads(box) == [200, 200]


def test_an_expired_address_is_replaced_and_the_read_goes_on(
    get: Get, box: Sandbox, target: Path, break_off: Callable[[], Fault], clock: FakeClock
) -> None:
    break_off()
    box.signer.expires = 30.0
    expiring = iter([30.0])
    box.on("get", lambda _: clock.move(next(expiring, 0.0)), when="during")
    check_whole(get(), target, box.objects.content(LIVE))
    assert sum("dataset" in request.operations for request in box.requests) >= 2
    assert downloads(box)[0] == 200
    assert 403 in downloads(box)
    assert downloads(box)[-1] == 206


def test_an_object_that_changes_in_the_middle_is_not_mixed(
    get: Get, box: Sandbox, target: Path, break_off: Callable[[], Fault]
) -> None:
    old = box.objects.content(LIVE)
    break_off()
    box.faults.add(where="get", kind="changed")
    got = get()
    assert box.objects.content(LIVE) != old
    check_whole(got, target, box.objects.content(LIVE))


@pytest.mark.parametrize("etags", list(ETags))
def test_wrong_bytes_are_known_by_digest_or_because_they_do_not_decode(
    get: Get, box: Sandbox, target: Path, etags: ETags
) -> None:
    publish_checksums(box)
    box.objects.etags = etags
    struck = box.faults.add(where="get", kind="wrong_bytes", times=2)
    check_whole(get(), target, box.objects.content(LIVE))
    assert struck.hits == 2


def test_bytes_that_are_always_wrong_end_after_three_tries(
    get: Get, box: Sandbox, target: Path
) -> None:
    box.faults.add(where="get", kind="wrong_bytes", times=None)
    with pytest.raises(UnavailableError, match="arrived wrong 3 times") as caught:
        get()
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert len(downloads(box)) == WRONG_BYTES_TRIES == 3
    assert left(target) == []


def test_an_unreadable_store_ends_with_the_patience(
    get: Get, box: Sandbox, target: Path, clock: FakeClock
) -> None:
    box.faults.add(where="get", kind="status", times=None)
    with pytest.raises(UnavailableError, match="could not be downloaded"):
        get()
    assert sum(clock.sleeps) <= 60.001
    assert left(target) == []


def test_a_failed_download_leaves_what_was_there(get: Get, box: Sandbox, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"verified before")
    box.faults.add(where="get", kind="wrong_bytes", times=None)
    with pytest.raises(UnavailableError):
        get()
    assert target.read_bytes() == b"verified before"
    assert left(target) == [target.name]
    box.faults.clear()
    check_whole(get(), target, box.objects.content(LIVE))


def test_what_a_killed_run_left_is_not_gone_on_from(get: Get, box: Sandbox, target: Path) -> None:
    target.parent.mkdir()
    target.with_name(f".{target.name}.part").write_bytes(b"left over")
    check_whole(get(), target, box.objects.content(LIVE))
    assert downloads(box) == [200]


def test_a_full_disk_is_unavailable_and_leaves_no_half(
    get: Get, box: Sandbox, target: Path
) -> None:
    half = len(box.objects.content(LIVE)) // 2
    with small_disk(half), pytest.raises(UnavailableError, match="cannot write") as caught:
        get()
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert "is there room" in caught.value.hint
    assert left(target) == []
    check_whole(get(), target, box.objects.content(LIVE))


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_folder_that_cannot_be_made_is_unavailable(get: Get, target: Path) -> None:
    target.parent.write_bytes(b"a file where the folder belongs")
    with pytest.raises(UnavailableError, match="cannot write"):
        get()


def test_a_file_that_is_not_there_yet_is_not_waited_for_here(
    get: Get, box: Sandbox, target: Path, clock: FakeClock
) -> None:
    box.objects.withhold(LIVE)
    with pytest.raises(NotReadyError):
        get()
    assert clock.sleeps == []
    assert left(target) == []


def test_progress_is_told_as_bytes_come(
    numerai: Numerai, clock: FakeClock, box: Sandbox, target: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    box.faults.add(where="get", kind="truncate")
    got = fetch(
        numerai.dataset("classic", 1400, LIVE),
        target,
        retry=Retry(clock, 60.0),
        check=lambda *_: None,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (got.size, got.size)
    assert numerai.bytes_downloaded == got.size


def test_a_range_that_begins_at_the_end_is_read_as_the_whole(
    box: Sandbox, numerai: Numerai, transport: Transport
) -> None:
    content = box.objects.content(LIVE)
    url = numerai._dataset_url("classic", 1400, LIVE)
    source = DatasetSource(LIVE, transport=transport, fresh_url=lambda: url)
    with source.open(offset=len(content), etag=None) as body:
        assert (body.start, b"".join(body.chunks)) == (0, content)
    assert downloads(box) == [416, 200]


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"ETag": '"0123456789abcdef0123456789ABCDEF"'}, True),
        ({"ETag": 'W/"0123456789abcdef0123456789abcdef"'}, True),
        ({"ETag": '"0123456789abcdef0123456789abcdef-2"'}, False),
        ({"ETag": '"0x8DC"'}, False),
        ({}, False),
        (
            {
                "ETag": '"0123456789abcdef0123456789abcdef"',
                "x-amz-server-side-encryption": "aws:kms",
            },
            False,
        ),
        (
            {
                "ETag": '"0123456789abcdef0123456789abcdef"',
                "x-amz-server-side-encryption": "AES256",
            },
            True,
        ),
        (
            {
                "ETag": '"0123456789abcdef0123456789abcdef"',
                "x-amz-server-side-encryption-customer-algorithm": "AES256",
            },
            False,
        ),
    ],
)
def test_an_etag_is_believed_to_be_an_md5_only_where_it_is_one(
    headers: dict[str, str], known: bool
) -> None:
    assert (answered(headers).md5 == "0123456789abcdef0123456789abcdef") is known


def answered(headers: dict[str, str], status: int = 200) -> Body:
    """What a source makes of an answer with these headers."""
    answer = requests.Response()
    answer.status_code = status
    answer.url = "https://store.invalid/live.parquet?signature=s3cret"
    answer.headers.update(headers)

    class Given(Transport):
        @contextmanager
        def get(self, url: str, headers: object) -> Iterator[requests.Response]:
            yield answer

    source = DatasetSource("live.parquet", transport=Given(), fresh_url=lambda: answer.url)
    with source.open(offset=0, etag=None) as body:
        return body


def test_a_part_that_does_not_say_which_it_is_is_not_used() -> None:
    with pytest.raises(TransientError, match="without saying which"):
        answered({"Content-Range": "bytes */100"}, status=206)


@dataclass
class Scripted:
    """A source whose reads end as told: after so many bytes, of a version, with or without tags."""

    versions: list[bytes]
    reads: list[tuple[int, int, bool, bool]]
    name: str = "live.parquet"
    opened: list[int] = field(default_factory=list)

    @contextmanager
    def open(self, *, offset: int, etag: str | None) -> Iterator[Body]:
        self.opened.append(offset)
        version, length, tagged, ranged = (
            self.reads.pop(0) if self.reads else (-1, 10**9, True, True)
        )
        content = self.versions[version % len(self.versions)]
        tag = f"v-{md5(content, usedforsecurity=False).hexdigest()}"
        start = offset if ranged and etag in {None, tag} else 0
        body = content[start : start + length]
        yield Body(start, len(content), tag if tagged else None, iter([body[:3], body[3:]]))


@given(
    versions=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3, unique=True),
    reads=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 40), st.booleans(), st.booleans()), max_size=8
    ),
)
def test_however_reads_break_no_mixture_of_versions_is_made(
    tmp_path_factory: pytest.TempPathFactory,
    versions: list[bytes],
    reads: list[tuple[int, int, bool, bool]],
) -> None:
    target = tmp_path_factory.mktemp("fetch") / "live.parquet"

    def check(path: Path, proven: bool) -> None:
        if path.read_bytes() not in versions:
            raise WrongBytesError("a mixture")

    source = Scripted(versions, list(reads))
    retry = Retry(FakeClock(), 3600.0)
    got = fetch(source, target, retry=retry, check=check, progress=lambda *_: None)
    assert target.read_bytes() in versions
    assert got.size == target.stat().st_size
    assert left(target) == ["live.parquet"]
