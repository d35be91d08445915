"""What the job may rely on of Numerai, asked of the fake and of the adapter on the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import (
    Exit,
    NotReadyError,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    TokenError,
    UnavailableError,
)
from job.round_state import Fresh, Lacking, current_round, find_upload, freshness, upload_name
from job.tournament import NUMBERS, Receipt, Round, Slot, Ticket
from tests.clock import NOON, FakeClock
from tests.worlds import BAD_CSV, BoxWorld, FakeWorld, World, written

Upload = Callable[..., tuple[Ticket, Receipt]]


@pytest.fixture(params=NUMBERS)
def tournament(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["fake", "adapter"])
def world(request: pytest.FixtureRequest, clock: FakeClock, tournament: str) -> World:
    if request.param == "fake":
        world: World = FakeWorld(clock, tournament)
    else:
        get = request.getfixturevalue
        world = BoxWorld(clock, get("box"), get("transport"), tournament)
    world.add_model("mallard")
    return world


@pytest.fixture
def upload(world: World, tmp_path: Path) -> Upload:
    def upload(csv: bytes | None = None) -> tuple[Ticket, Receipt]:
        ticket = ticket_of(world)
        world.numerai.put(ticket, written(tmp_path, world.good_csv() if csv is None else csv))
        return ticket, world.numerai.create(ticket)

    return upload


def ticket_of(world: World) -> Ticket:
    number = round_of(world).number
    return world.numerai.upload_ticket(world.slot("mallard"), upload_name("mallard", number))


def round_of(world: World) -> Round:
    found = current_round(world.numerai.open_rounds(world.tournament), world.clock.now())
    assert found is not None
    return found


def state_of(world: World) -> Fresh | Lacking:
    return freshness(world.slot("mallard"), round_of(world))


def read(world: World, *, offset: int = 0, etag: str | None = None) -> tuple[int, str, bytes]:
    source = world.numerai.dataset(world.tournament, world.first_round, world.live)
    with source.open(offset=offset, etag=etag) as body:
        assert body.etag is not None
        return body.start, body.etag, b"".join(body.chunks)


def test_the_history_has_former_rounds_with_their_times(world: World, upload: Upload) -> None:
    upload()
    first = round_of(world)
    world.clock.move(86_400.0)
    second = world.turn()
    history = world.numerai.account_history([world.tournament], last=5)
    rounds = {round_.number: round_ for round_ in history.rounds[world.tournament]}
    assert rounds[first.number].close_staking_time == first.close_staking_time
    assert second in rounds
    slot = history.slot(tournament=world.tournament, name="mallard")
    assert slot is not None
    row = next(row for row in slot.recent if row.round_number == first.number)
    assert (row.status, row.timestamp) == ("on-time", NOON)


def test_one_question_tells_the_models_and_the_open_rounds(world: World) -> None:
    before = world.numerai.api_requests
    state = world.numerai.account_state([world.tournament])
    assert world.numerai.api_requests == before + 1
    for name in NUMBERS:
        found = state.slot(tournament=name, name="MALLARD")
        assert (found is not None) == (name == world.tournament)
    assert [round_.number for round_ in state.rounds[world.tournament]] == [world.first_round]
    assert state.rounds[world.tournament] == world.numerai.open_rounds(world.tournament)


def test_a_round_is_on_time_for_an_hour_and_open_for_a_day(world: World) -> None:
    round_ = round_of(world)
    assert round_.is_on_time(world.clock.now())
    world.clock.move(3600.0)
    assert not round_.is_on_time(world.clock.now())
    assert round_of(world) == round_


def test_a_model_lacks_its_submission_until_one_is_made(world: World, upload: Upload) -> None:
    assert isinstance(state_of(world), Lacking)
    ticket, receipt = upload()
    fresh = state_of(world)
    assert isinstance(fresh, Fresh)
    assert not fresh.late
    assert fresh.submission.id == receipt.submission_id
    assert fresh.submission.filename == ticket.filename
    assert receipt.round_number == world.first_round


def test_a_submission_is_found_by_the_name_on_its_ticket(world: World, upload: Upload) -> None:
    other = ticket_of(world)
    ticket, receipt = upload()
    assert ticket.filename != other.filename
    found = find_upload(world.slot("mallard"), ticket.filename)
    assert found is not None
    assert found.id == receipt.submission_id
    assert find_upload(world.slot("mallard"), other.filename) is None


def test_a_ticket_keeps_the_name_that_the_file_was_given(world: World) -> None:
    ticket = ticket_of(world)
    assert ticket.filename.startswith(f"mallard_{world.first_round}-")
    assert ticket.filename.endswith(".csv")


def test_a_ticket_tells_the_rounds_that_are_open_just_then(world: World) -> None:
    assert [round_.number for round_ in ticket_of(world).rounds] == [world.first_round]
    world.clock.move(60.0)
    turned = world.turn()
    assert [round_.number for round_ in ticket_of(world).rounds] == [turned]


def test_a_receipt_names_the_round_that_took_the_file(world: World, tmp_path: Path) -> None:
    ticket = ticket_of(world)
    world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    world.clock.move(60.0)
    turned = world.turn()
    assert world.numerai.create(ticket).round_number == turned == world.first_round + 1
    assert state_of(world) == Lacking(
        f"its submission was made from the data of round {world.first_round}"
    )


def test_a_refused_file_shows_as_failed_with_the_reason(world: World, upload: Upload) -> None:
    ticket, _ = upload(BAD_CSV)
    found = find_upload(world.slot("mallard"), ticket.filename)
    assert found is not None
    assert found.status == "failed"
    assert found.error
    assert isinstance(state_of(world), Lacking)


def test_the_latest_valid_submission_of_a_round_counts(world: World, upload: Upload) -> None:
    _, first = upload()
    upload(BAD_CSV)
    fresh = state_of(world)
    assert isinstance(fresh, Fresh)
    assert fresh.submission.id == first.submission_id
    _, last = upload()
    fresh = state_of(world)
    assert isinstance(fresh, Fresh)
    assert fresh.submission.id == last.submission_id


def test_a_late_submission_is_late_and_the_next_round_lacks_it(
    world: World, upload: Upload
) -> None:
    world.clock.move(2 * 3600.0)
    upload()
    fresh = state_of(world)
    assert isinstance(fresh, Fresh)
    assert fresh.late
    world.clock.move(20 * 3600.0)
    world.turn()
    assert world.slot("mallard").recent[0].status == "queued"
    assert state_of(world) == Lacking("only a late submission of the round before, carried over")


def test_a_submission_may_take_a_moment_to_show(world: World, upload: Upload) -> None:
    world.settle_after(30.0)
    ticket, _ = upload()
    assert find_upload(world.slot("mallard"), ticket.filename) is None
    world.clock.move(31.0)
    assert find_upload(world.slot("mallard"), ticket.filename) is not None


def test_what_was_submitted_can_be_read_again(world: World, upload: Upload) -> None:
    _, receipt = upload()
    upload(BAD_CSV)
    before = world.numerai.api_requests, world.numerai.bytes_downloaded
    csv = world.numerai.submitted_csv(receipt.submission_id)
    assert csv == world.good_csv()
    after = world.numerai.api_requests, world.numerai.bytes_downloaded
    assert after == (before[0] + 1, before[1] + len(csv))


def test_a_submission_that_is_not_known_cannot_be_read(world: World) -> None:
    with pytest.raises(RefusedError):
        world.numerai.submitted_csv("no-such-submission")


def test_a_token_that_may_not_read_submissions_is_refused_just_that(
    world: World, upload: Upload
) -> None:
    _, receipt = upload()
    world.forbid_reading()
    with pytest.raises(RefusedError):
        world.numerai.submitted_csv(receipt.submission_id)
    assert isinstance(world.slot("mallard"), Slot)


@pytest.mark.parametrize("datestamp", [None, 20261030])
def test_the_day_of_lagged_data_is_told(
    world: World, tmp_path: Path, datestamp: int | None
) -> None:
    ticket = ticket_of(world)
    world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    world.numerai.create(ticket, data_datestamp=datestamp)
    assert world.datestamps() == [datestamp]


def test_a_model_of_the_same_name_elsewhere_is_another(world: World, upload: Upload) -> None:
    upload()
    others = [name for name in NUMBERS if name != world.tournament]
    mine, world.tournament = world.tournament, others[0]
    world.add_model("mallard")
    assert world.slot("mallard").latest is None
    world.tournament = mine
    assert world.slot("mallard").latest is not None


@pytest.mark.parametrize("done", [True, False], ids=["carried out", "not carried out"])
def test_a_lost_reply_says_that_nothing_is_known(world: World, tmp_path: Path, done: bool) -> None:
    ticket = ticket_of(world)
    world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    world.lose_reply(done=done)
    with pytest.raises(ReplyLostError):
        world.numerai.create(ticket)
    assert (find_upload(world.slot("mallard"), ticket.filename) is not None) is done
    assert len(world.made()) == int(done)


@pytest.mark.parametrize("kind", ["hosted", "archived"])
def test_a_model_that_takes_no_uploads_is_refused_a_ticket(world: World, kind: str) -> None:
    world.add_model("goldeneye", **{kind: True})
    slot = world.slot("goldeneye")
    assert (slot.hosted is not None, slot.archived) == (kind == "hosted", kind == "archived")
    with pytest.raises(RefusedError) as caught:
        world.numerai.upload_ticket(slot, "goldeneye_1400.csv")
    assert caught.value.exit_code is Exit.MODELS_FAILED


def test_a_file_that_was_not_stored_cannot_be_registered(world: World) -> None:
    with pytest.raises(RefusedError, match="not found"):
        world.numerai.create(ticket_of(world))
    assert world.made() == []


def test_a_definite_no_is_the_models_failure(world: World, tmp_path: Path) -> None:
    ticket = ticket_of(world)
    world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    world.refuse_create()
    with pytest.raises(RefusedError, match="you are too late") as caught:
        world.numerai.create(ticket)
    assert caught.value.exit_code is Exit.MODELS_FAILED


def test_a_file_that_the_store_refuses_is_not_stored(world: World, tmp_path: Path) -> None:
    ticket = ticket_of(world)
    world.refuse_put()
    with pytest.raises(UnavailableError, match="403"):
        world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    with pytest.raises(RefusedError):
        world.numerai.create(ticket)


def test_between_rounds_none_is_open_and_nothing_is_taken(world: World, tmp_path: Path) -> None:
    ticket = ticket_of(world)
    world.numerai.put(ticket, written(tmp_path, world.good_csv()))
    world.clock.move(60.0)
    world.close()
    assert world.numerai.open_rounds(world.tournament) == ()
    assert world.numerai.account_state([world.tournament]).rounds[world.tournament] == ()
    with pytest.raises(RoundTurnedError):
        world.numerai.create(ticket)
    assert world.made() == []


def test_a_dataset_is_read_whole_or_from_where_the_reader_stopped(world: World) -> None:
    content = world.content()
    start, etag, whole = read(world)
    assert (start, whole) == (0, content)
    assert read(world, offset=4, etag=etag) == (4, etag, content[4:])


def test_a_dataset_that_has_changed_comes_whole(world: World) -> None:
    assert read(world, offset=4, etag="0" * 32)[::2] == (0, world.content())


def test_a_dataset_that_is_not_published_is_not_ready(world: World) -> None:
    assert world.live in world.numerai.datasets(world.tournament, world.first_round)
    world.withhold()
    assert world.live not in world.numerai.datasets(world.tournament, None)
    with pytest.raises(NotReadyError, match="live"):
        read(world)


def test_requests_and_bytes_are_counted(world: World) -> None:
    _, _, content = read(world)
    assert world.numerai.bytes_downloaded == len(content)
    before = world.numerai.api_requests
    world.numerai.open_rounds(world.tournament)
    assert world.numerai.api_requests == before + 1


def test_a_token_tells_what_it_may_do(world: World) -> None:
    info = world.numerai.token_info()
    assert info.account == "sandbox"
    assert "upload_submission" in info.scopes


def test_a_refused_token_is_no_models_fault(world: World) -> None:
    slot = world.slot("mallard")
    world.refuse_token()
    for ask in (
        lambda: world.numerai.account_state([world.tournament]),
        world.numerai.token_info,
        lambda: world.numerai.upload_ticket(slot, "mallard_1400.csv"),
        lambda: world.numerai.submitted_csv("s-1"),
    ):
        with pytest.raises(TokenError) as caught:
            ask()
        assert caught.value.exit_code is Exit.UNAVAILABLE


def test_a_state_that_cannot_be_read_is_unknown(world: World) -> None:
    world.hide_state()
    with pytest.raises(UnavailableError) as caught:
        world.slot("mallard")
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert not isinstance(caught.value, (RefusedError, TokenError))
    assert isinstance(world.slot("mallard"), Slot)
