"""Who hears of a run: messages and pings of the real program, to real receivers."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from job.sandbox import TINY, Sandbox
from job.sandbox.graph import SCHEMA
from tests.receivers import (
    HANG,
    SECRETS,
    Mailbox,
    Receiver,
    closed_port,
    http_receiver,
    mail_server,
)

from .animals import good, slow
from .driver import Ended, Home, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as running:
        yield running


def told(receiver: Receiver, **more: str | None) -> dict[str, Any]:
    """The variables with which a run tells and pings this receiver."""
    return {"NUMERAI_NOTIFY": receiver.notify_url, "NUMERAI_PING_URL": receiver.ping_url, **more}


def make_late(home: Home) -> None:
    home.box.rounds.set(close_staking_time=datetime.now(UTC) - timedelta(seconds=30))


def notices(ended: Ended) -> list[tuple[str, str, bool]]:
    assert ended.record is not None
    return sorted((one["to"], one["about"], one["sent"]) for one in ended.record["notices"])


def test_a_mail_tells_of_a_model_that_failed(home: Home, mailbox: Mailbox) -> None:
    home.add("teal", good())
    home.add("gone")
    ended = home.run(NUMERAI_NOTIFY=mailbox.notify_url)
    assert ended.code == 3, ended.err
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Numerai round 1400: 1 of 2 models not submitted"
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    text = body.get_content()
    assert "gone failed: there is no file gone.pkl" in text or "gone.pkl" in text
    assert "min left, on time until" in text
    assert "Next: python -m job check --deep" in text
    assert notices(ended) == [("mailto", "outcome", True)]


def test_a_run_that_does_its_work_is_silent_and_so_is_one_with_nothing_to_do(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    assert home.run(**told(receiver)).code == 0
    assert home.run(**told(receiver)).code == 0
    assert receiver.messages == []
    assert receiver.pings == ["/start", "", "/start", ""]
    assert "classic round 1400: 1 submitted" in receiver.ping_texts[1]
    assert "nothing to do" in receiver.ping_texts[3]


def test_who_wants_to_hear_always_does(home: Home, receiver: Receiver) -> None:
    home.add("teal", good())
    for _ in range(2):
        assert home.run(**told(receiver, NUMERAI_NOTIFY_ON="always")).code == 0
    assert receiver.titles == [
        "Numerai round 1400: 1 submitted",
        "Numerai round 1400: 1 already submitted",
    ]
    assert [message["type"] for message in receiver.messages] == ["success"] * 2


def test_between_rounds_there_is_silence(home: Home, receiver: Receiver) -> None:
    home.add("teal", good())
    home.box.rounds.close()
    assert home.run(**told(receiver)).code == 0
    assert receiver.messages == []
    assert receiver.pings == ["/start", ""]


def test_change_tells_of_the_first_failure_and_of_the_first_recovery(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal")
    env = told(receiver, NUMERAI_NOTIFY_ON="change")
    assert [home.run(**env).code for _ in range(2)] == [3, 3]
    assert receiver.titles == ["Numerai round 1400: 1 of 1 models not submitted"]
    home.entries.clear()
    home.add("teal", good(), at_numerai=False)
    assert [home.run(**env).code for _ in range(2)] == [0, 0]
    assert receiver.titles[1:] == ["Numerai round 1400: all is well again"]


def test_failure_tells_of_each_run_that_fails_and_of_a_miss_once(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal")
    assert [home.run(**told(receiver)).code for _ in range(2)] == [3, 3]
    assert len(receiver.titles) == 2
    make_late(home)
    assert [home.run(**told(receiver)).code for _ in range(2)] == [5, 5]
    assert receiver.titles[2:] == ["Numerai round 1400: 1 of 1 models missed"]
    assert receiver.pings[-1] == "/5"


@pytest.mark.parametrize(
    ("code", "title"),
    [(4, "Numerai: no usable answer from"), (6, "Numerai round 1400: no classic round opened")],
)
def test_numerai_that_is_away_and_a_wait_in_vain_are_told(
    home: Home, receiver: Receiver, code: int, title: str
) -> None:
    home.add("teal", good())
    if code == 4:
        home.box.faults.add(where="account", kind="status", times=None)
    make_late(home)
    env = told(receiver, NUMERAI_WAIT="0.5s" if code == 6 else "0", NUMERAI_RETRY_PATIENCE="0")
    ended = home.run(**env)
    assert ended.code == code, ended.err
    assert receiver.titles[0].startswith(title)
    assert receiver.pings == ["/start", f"/{code}"]


@pytest.mark.parametrize("mode", ["failure", "change", "always"])
def test_a_round_in_which_nothing_ran_is_told_by_the_next_run_once(
    home: Home, receiver: Receiver, mode: str
) -> None:
    home.add("teal", good())
    home.add("mallard", good())
    env = told(receiver, NUMERAI_NOTIFY_ON=mode)
    first = home.run(**env)
    before = len(receiver.messages)
    for _ in range(4):
        home.box.rounds.turn()
    ended = home.run(**env)
    assert ended.code == 0, ended.err
    (message,) = receiver.messages[before:]
    assert message["title"] == "Numerai round 1404: 2 of 2 models missed rounds 1402, 1403"
    lines = message["message"].splitlines()
    assert "teal missed rounds 1402, 1403: no run submitted them" in lines
    assert "teal: nor is one known to have in 1401" in lines, "so far does the answer not reach"
    assert lines[-2:] == ["submitted: teal, mallard", "Next: python -m job history"]
    assert receiver.pings[-1] == "", "the run itself did what it was to do"
    assert first.record is not None
    assert ended.record is not None
    assert ended.record["api_requests"] == first.record["api_requests"]
    before = len(receiver.messages)
    assert home.run(**env).code == 0
    assert receiver.titles[before:] == ["Numerai round 1404: 2 already submitted"] * (
        mode == "always"
    )


def test_a_missed_round_that_nobody_could_be_told_of_is_told_by_a_later_run(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    assert home.run(**told(receiver)).code == 0
    for _ in range(2):
        home.box.rounds.turn()
    assert home.run().code == 0, "it names nobody"
    receiver.status = 500
    assert home.run(**told(receiver)).code == 0
    home.box.rounds.turn()
    home.run_killed("get", match="live.parquet", when="during", **told(receiver))
    receiver.status, before = 200, len(receiver.messages)
    assert home.run(**told(receiver)).code == 0
    assert receiver.titles[before + 1 :] == ["Numerai round 1403: 1 of 1 models missed round 1401"]
    assert home.run(**told(receiver)).code == 0
    assert len(receiver.messages) == before + 2


def test_a_round_that_opened_while_a_run_waited_in_vain_for_another_is_told(
    home: Home, receiver: Receiver
) -> None:
    """Runs between the rounds are no runs of a round."""
    home.add("teal", good())
    assert home.run(**told(receiver)).code == 0
    home.box.rounds.turn()
    home.box.rounds.close()
    assert home.run(**told(receiver)).code == 0
    assert receiver.messages == []
    home.box.rounds.turn()
    assert home.run(**told(receiver)).code == 0
    assert receiver.titles == ["Numerai round 1402: 1 of 1 models missed round 1401"]


@pytest.mark.parametrize("why", ["submitted elsewhere", "disabled", "new", "no records", "failed"])
def test_no_round_is_told_as_missed_of_which_that_is_not_known(
    home: Home, receiver: Receiver, why: str
) -> None:
    entry = home.add("teal", None if why == "failed" else good())
    if why == "new":
        entry["enabled"] = False
        home.write_manifest()
    home.run(**told(receiver))
    home.box.rounds.turn()
    if why == "submitted elsewhere":
        assert home.run(NUMERAI_RUNS_DIR=str(home.root / "elsewhere")).code == 0
    elif why == "disabled":
        home.entries[:] = [{**entry, "enabled": False}]
        home.write_manifest()
        assert home.run(**told(receiver)).code == 0
    elif why == "no records":
        for path in home.records():
            path.unlink()
    elif why == "failed":
        assert home.run(**told(receiver)).code == 3
    home.box.rounds.turn()
    home.entries.clear()
    home.add("teal", good(), at_numerai=False)
    told_before = receiver.titles
    assert home.run(**told(receiver)).code == 0
    assert receiver.titles == told_before


def test_an_error_that_nobody_foresaw_is_told(home: Home, receiver: Receiver) -> None:
    """Here: no more memory, as far as the run survives it."""
    home.add("teal", good())
    folder = home.root / "memory"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("""
import sys, types
def submit(*args, **kwargs):
    raise MemoryError("no more")
sys.modules["job.assembly"] = types.ModuleType("job.assembly")
sys.modules["job.assembly"].submit = submit
""")
    path = os.pathsep.join([str(folder), home.environ()["PYTHONPATH"]])
    ended = home.run(**told(receiver, PYTHONPATH=path))
    assert ended.code == 1, ended.err
    assert receiver.titles == ["Numerai round 1400: unforeseen MemoryError"]
    assert "not done: teal" in receiver.messages[0]["message"]
    assert receiver.pings == ["/start", "/fail"]


@pytest.mark.parametrize("what", ["settings", "manifest", "flags"])
def test_a_run_that_is_refused_is_told(home: Home, receiver: Receiver, what: str) -> None:
    home.add("teal", good())
    args, env = [], told(receiver)
    if what == "settings":
        env["NUMERAI_WORKERS"] = "many"
    elif what == "manifest":
        (home.models / "models_manifest.yaml").write_text("version: 1\nmodels: [{name: teal}]\n")
    else:
        args = ["--onyl", "teal"]
    ended = home.run(*args, **env)
    assert ended.code == 2, ended.err
    place = {"settings": "NUMERAI_WORKERS", "manifest": "artifact", "flags": "--onyl"}[what]
    assert place in receiver.messages[0]["message"]
    assert receiver.pings == ["/2"]
    assert place in receiver.ping_texts[0]
    assert notices(ended) == [("json", "outcome", True), ("ping", "end", True)]
    assert home.run(*args, **env, NUMERAI_NOTIFY_ON="change").code == 2
    assert len(receiver.messages) == 1


def test_a_run_whose_notify_is_wrong_is_refused_and_pings(home: Home, receiver: Receiver) -> None:
    home.add("teal", good())
    ended = home.run(**told(receiver, NUMERAI_NOTIFY="mailot://drake:s3cret@example.org"))
    assert ended.code == 2
    assert "NUMERAI_NOTIFY: Apprise does not understand" in ended.err
    assert "s3cret" not in ended.err
    assert receiver.pings == ["/2"]
    assert home.box.requests == []


def test_a_place_for_records_that_cannot_be_used_is_told(home: Home, receiver: Receiver) -> None:
    home.add("teal", good())
    (home.root / "file").write_text("no folder")
    ended = home.run(**told(receiver, NUMERAI_RUNS_DIR=str(home.root / "file")))
    assert ended.code == 4, ended.err
    assert "cannot use" in receiver.titles[0]
    assert receiver.pings == ["/4"]


@pytest.mark.parametrize("how", ["SIGTERM", "time-out"])
def test_a_run_that_is_cut_off_is_told(home: Home, receiver: Receiver, how: str) -> None:
    home.add("teal", slow(60, str(home.root / "beacon")))
    more = {"NUMERAI_RUN_TIMEOUT": "12s"} if how == "time-out" else {}
    run = home.start(**told(receiver, **more))
    if how == "SIGTERM":
        wait_for((home.root / "beacon").exists, "the model begins")
        run.signal(signal.SIGTERM)
    ended = run.end()
    assert ended.code == (143 if how == "SIGTERM" else 4), ended.err
    words = {"SIGTERM": "terminated by a signal", "time-out": "the run did not end within 12 s"}
    assert receiver.titles == [f"Numerai round 1400: {words[how]}"]
    assert "not done: teal" in receiver.messages[0]["message"]
    assert "min left" in receiver.messages[0]["message"]
    assert receiver.pings == ["/start", "/fail"]


def test_a_killed_run_is_told_of_by_the_next_one_and_by_no_other(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    home.run_killed("get", match="live.parquet", when="during", **told(receiver))
    assert receiver.messages == []
    (dead,) = home.records()
    assert home.run(**told(receiver)).code == 0
    (message,) = receiver.messages
    assert "was killed" in message["title"]
    assert "It left undone: teal" in message["message"]
    record = json.loads(dead.read_bytes())
    assert (record["outcome"], record["ended_at"]) == ("running", None)
    assert datetime.fromisoformat(record["reported_at"])
    assert home.run(**told(receiver)).code == 0
    assert len(receiver.messages) == 1
    assert receiver.pings == ["/start", "/start", "", "/start", ""]


def test_runs_that_die_one_after_the_other_are_each_told_of(home: Home, receiver: Receiver) -> None:
    """As they do when memory is short every time: none of them comes to its end."""
    home.add("teal", good())
    home.box.rounds.close()
    for kills in range(2):
        _run_until(home, receiver, kills)
    home.box.rounds.turn()
    assert home.run(**told(receiver)).code == 0
    assert len(receiver.messages) == 2


def test_a_run_killed_before_it_has_a_round_forgets_nothing(home: Home, receiver: Receiver) -> None:
    env = told(receiver, NUMERAI_NOTIFY_ON="change")
    home.add("teal")
    assert home.run(**env).code == 3
    home.box.rounds.close()
    run = home.start(**env, NUMERAI_WAIT="60s")
    wait_for(run.record, "the run has a record")
    run.kill()
    record = run.end().record
    assert record is not None
    assert (record["outcome"], record["failing"]) == ("running", ["classic/teal 1400 failing"])
    home.box.rounds.turn()
    home.entries.clear()
    home.add("teal", good(), at_numerai=False)
    assert home.run(**env).code == 0
    assert "Numerai round 1401: all is well again" in receiver.titles[1:]


UNHEARD: dict[str, tuple[list[str], dict[str, str | None]]] = {
    "a dry run": (["--dry-run"], {}),
    "a run by hand": ([], {"NUMERAI_NOTIFY": None, "NUMERAI_PING_URL": None}),
    "a run that pings only": ([], {"NUMERAI_NOTIFY": None}),
}


@pytest.mark.parametrize("what", UNHEARD)
def test_a_run_that_tells_nobody_hides_no_death_and_forgets_no_failure(
    home: Home, receiver: Receiver, what: str
) -> None:
    args, changes = UNHEARD[what]
    env = told(receiver, NUMERAI_NOTIFY_ON="change")
    home.add("gone")
    assert home.run(**env).code == 3
    home.add("teal", good())
    home.run_killed("get", match="live.parquet", when="during", **env)
    assert home.run(*args, **env | changes).code == 3
    assert len(receiver.messages) == 1
    assert home.run(**env).code == 3
    (killed,) = receiver.titles[1:]
    assert "was killed" in killed
    home.entries[0] = {**home.entries[0], "enabled": False}
    home.write_manifest()
    assert home.run(**env).code == 0
    assert receiver.titles[2:] == ["Numerai round 1400: all is well again"]


def _run_until(home: Home, receiver: Receiver, deaths: int) -> None:
    """A run that waits for its round, and is killed once so many deaths were told of."""
    run = home.start(**told(receiver), NUMERAI_WAIT="60s")
    wait_for(run.record, "the run has a record")
    wait_for(
        lambda: sum("reported_at" in path.read_text() for path in home.records()) == deaths,
        "that it was told is written down",
    )
    assert len(receiver.messages) == deaths
    run.kill()
    run.end()


def test_a_death_that_nobody_could_be_told_of_is_told_by_a_later_run(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    home.run_killed("get", match="live.parquet", when="during", **told(receiver))
    receiver.status = 500
    ended = home.run(**told(receiver))
    assert ended.code == 0
    assert any(about.startswith("killed run") and not ok for _, about, ok in notices(ended))
    receiver.status, before = 200, len(receiver.messages)
    assert home.run(**told(receiver)).code == 0
    assert [("was killed" in title) for title in receiver.titles[before:]] == [True]


@pytest.mark.parametrize("fault", ["refused", "500", HANG])
def test_receivers_that_do_not_take_it_change_nothing_but_the_record(
    home: Home, receiver: Receiver, fault: str
) -> None:
    home.add("teal", good())
    home.add("gone")
    env = told(receiver)
    if fault == "refused":
        port = str(closed_port())
        env = {name: url.replace(str(receiver.port), port) for name, url in env.items()}
    elif fault == "500":
        receiver.status = 500
    else:
        receiver.behaviour = fault
    ended = home.run(**env, within=45)
    assert ended.code == 3, ended.err
    assert ended.outcomes() == {"teal": "submitted", "gone": "failed"}
    assert notices(ended) == [
        ("json", "outcome", False), ("ping", "end", False), ("ping", "start", False),
    ]  # fmt: skip
    assert ended.record is not None
    assert all(one["error"] for one in ended.record["notices"])
    assert ended.record["failing"] == []
    assert "1 submitted, 1 failed" in ended.out
    assert "Traceback" not in ended.err
    check_clean(home, ended)


@pytest.mark.parametrize("end", ["SIGTERM", "time-out", "its own"])
def test_a_receiver_that_hangs_holds_no_run_beyond_its_time(
    home: Home, receiver: Receiver, end: str
) -> None:
    receiver.behaviour = HANG
    home.add("teal", slow(60, str(home.root / "beacon")) if end != "its own" else good())
    limit = {"time-out": "12s", "its own": "8s"}.get(end, "2h")
    run = home.start(**told(receiver, NUMERAI_RUN_TIMEOUT=limit, NUMERAI_NOTIFY_ON="always"))
    if end == "SIGTERM":
        wait_for((home.root / "beacon").exists, "the model begins")
        run.signal(signal.SIGTERM)
        run.process.wait(timeout=10.0)
    ended = run.end()
    assert ended.code == {"SIGTERM": 143, "time-out": 4, "its own": 0}[end], ended.err
    if end != "SIGTERM":
        assert ended.seconds < float(limit.removesuffix("s")) + 5.0  # the start is not counted
    assert ("json", "outcome", False) in notices(ended)


def test_a_signal_while_it_is_told_ends_the_run_with_the_code_that_it_has(
    home: Home, receiver: Receiver
) -> None:
    receiver.behaviour = HANG
    home.add("gone")
    run = home.start(**told(receiver))
    wait_for(lambda: receiver.messages, "the message is on its way")
    run.signal(signal.SIGTERM)
    ended = run.end(within=6.0)
    assert ended.code == 3, ended.err
    assert ended.record is not None
    assert ended.record["outcome"] == "models_failed"


def test_a_run_that_leaves_all_to_another_tells_nobody(home: Home, receiver: Receiver) -> None:
    home.add("teal", slow(60, str(home.root / "beacon")))
    first = home.start()
    wait_for((home.root / "beacon").exists, "the model begins")
    ended = home.run(**told(receiver, NUMERAI_NOTIFY_ON="always"))
    assert ended.code == 0
    assert receiver.calls == []
    first.kill()
    first.end()


def test_a_dry_run_tells_nobody_and_one_for_some_models_does_not_ping(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    home.add("gone")
    assert home.run("--dry-run", **told(receiver, NUMERAI_NOTIFY_ON="always")).code == 3
    assert receiver.calls == []
    assert home.run("--only", "gone", **told(receiver)).code == 3
    assert (len(receiver.messages), receiver.pings) == (1, [])


def test_exit_zero_changes_nothing_of_what_is_told(home: Home, receiver: Receiver) -> None:
    home.add("gone")
    assert home.run(**told(receiver, NUMERAI_EXIT_ZERO="true")).code == 0
    assert len(receiver.messages) == 1
    assert receiver.pings == ["/start", "/3"]


def test_the_record_on_stdout_is_the_one_that_is_left(home: Home, receiver: Receiver) -> None:
    home.add("gone")
    ended = home.run("--json", **told(receiver))
    assert json.loads(ended.out) == ended.record
    assert len(notices(ended)) == 3


@pytest.mark.parametrize("mode", ["failure", "change", "always"])
def test_a_check_in_the_morning_tells_of_its_faults(
    home: Home, receiver: Receiver, mode: str
) -> None:
    home.add("teal", good())
    home.add("gone")
    env = told(receiver, NUMERAI_NOTIFY_ON=mode)
    assert home.run("check", **env).code == 3
    assert receiver.calls == []
    ended = home.run("check", "--notify", **env)
    assert ended.code == 3
    assert receiver.titles == ["Numerai check: 1 fault before the round"]
    assert "gone: there is no file gone.pkl" in receiver.messages[0]["message"]
    assert "Next: python -m job check" in receiver.messages[0]["message"]
    assert "faults: 1" in ended.out
    assert home.records() == []
    assert receiver.pings == [], "it must not pass for a run"


def test_a_check_that_finds_nothing_is_silent_unless_all_is_to_be_told(
    home: Home, receiver: Receiver
) -> None:
    home.add("teal", good())
    assert home.run("check", "--notify", **told(receiver)).code == 0
    assert receiver.calls == []
    env = told(receiver, NUMERAI_NOTIFY_ON="always")
    assert home.run("check", "--notify", **env).code == 0
    assert receiver.titles == ["Numerai check: no faults"]
    ended = home.run("check", "--notify")
    assert ended.code == 0
    assert "warning  --notify: NUMERAI_NOTIFY names nobody to tell" in ended.out


@pytest.mark.parametrize("what", ["token", "settings", "manifest"])
def test_a_check_tells_of_a_revoked_key_and_of_what_keeps_it_from_checking(
    home: Home, receiver: Receiver, what: str
) -> None:
    home.add("teal", good())
    env = told(receiver)
    if what == "token":
        env["NUMERAI_SECRET_KEY"] = "revoked"
    elif what == "settings":
        env |= {"NUMERAI_WORKERS": "many", "NUMERAI_SECRET_KEY": None}
    else:
        (home.models / "models_manifest.yaml").unlink()
    ended = home.run("check", "--notify", **env)
    assert ended.code == (4 if what == "token" else 2), ended.out
    (message,) = receiver.messages
    words = {"token": "API token", "settings": "NUMERAI_WORKERS", "manifest": "NUMERAI_MANIFEST"}
    assert words[what] in message["message"]


@pytest.mark.parametrize("what", ["artifact", "token", "settings"])
def test_a_check_that_must_not_be_started_again_ends_with_0_and_tells_once(
    home: Home, receiver: Receiver, what: str
) -> None:
    home.add("gone" if what == "artifact" else "teal", None if what == "artifact" else good())
    env = told(receiver, NUMERAI_EXIT_ZERO="true")
    if what == "token":
        env["NUMERAI_SECRET_KEY"] = "revoked"
    elif what == "settings":
        env |= {"NUMERAI_WORKERS": "many"}
    for flags in ([], ["--notify"]):
        ended = home.run("check", *flags, **env)
        assert ended.code == 0
        assert re.search("^faults: [1-9]", ended.out, flags=re.MULTILINE)
    assert len(receiver.messages) == 1


@pytest.mark.parametrize(("exit_zero", "code"), [("false", 143), ("true", 0)])
def test_a_check_that_is_cut_off_tells_it_and_is_not_started_again_either(
    home: Home, receiver: Receiver, exit_zero: str, code: int
) -> None:
    home.add("teal", good())
    fault = home.box.faults.add(where="account", kind="slow", seconds=60.0, times=None)
    check = home.start("check", "--notify", **told(receiver, NUMERAI_EXIT_ZERO=exit_zero))
    wait_for(lambda: fault.hits, "Numerai is asked")
    check.signal(signal.SIGTERM)
    assert check.end().code == code
    assert receiver.titles == ["Numerai: terminated by a signal"]


def test_a_check_whose_message_is_not_taken_is_a_check_all_the_same(
    home: Home, receiver: Receiver
) -> None:
    home.add("gone")
    receiver.status = 500
    ended = home.run("check", "--notify", **told(receiver))
    assert ended.code == 3
    assert "faults: 1" in ended.out
    assert "the message was not taken" in ended.err
    check_clean(home, ended)


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_a_query_that_numerai_no_longer_understands_is_told_with_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, command: str
) -> None:
    changed = tmp_path / "schema.graphql"
    changed.write_text(SCHEMA.read_text().replace("latestSubmissionV2", "latestSubmissionV3"))
    monkeypatch.setattr("job.sandbox.graph.SCHEMA", changed)
    with Sandbox(shape=TINY, models=[]) as box:
        home = Home(box, tmp_path)
        home.add("teal", good())
        flags = ["--notify"] if command == "check" else []
        ended = home.run(command, *flags, **told(receiver))
    assert ended.code == 4, ended.err
    words = "Numerai's API changed: field latestSubmissionV2 of"
    assert words in (ended.out if command == "check" else ended.err)
    assert "look for a newer version" in f"{ended.out}{ended.err}"
    assert "Traceback" not in ended.err
    if command != "status":
        (message,) = receiver.messages
        assert words in f"{message['title']} {message['message']}"


def test_nobody_is_told_where_nobody_is_named(home: Home) -> None:
    home.add("gone")
    ended = home.run()
    assert ended.code == 3
    assert notices(ended) == []


def check_clean(home: Home, ended: Ended) -> None:
    """No secret of the URLs is in what the run printed or wrote."""
    texts = {"stdout": ended.out, "stderr": ended.err}
    for path in home.data.rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_bytes().decode(errors="replace")
    for place, text in texts.items():
        for secret in SECRETS:
            assert secret not in text, f"{secret} is in {place}"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_of_an_url_is_printed_written_or_handed_to_a_model(
    home: Home, receiver: Receiver, mailbox: Mailbox, form: str
) -> None:
    def telling(live_features: Any) -> Any:
        import os

        raise RuntimeError(f"seen: {sorted(os.environ)} {sorted(os.environ.values())}")

    home.add("teal", telling)
    home.box.faults.add(
        where="account", kind="graphql_error", message=f"{receiver.ping_url} {mailbox.notify_url}"
    )
    receiver.status = 403
    urls = f"{receiver.notify_url}, {mailbox.notify_url.replace('drake:', 'teal:')}"
    env = told(receiver, NUMERAI_NOTIFY=urls, NUMERAI_LOG_LEVEL="debug", NUMERAI_LOG_FORMAT=form)
    for _ in range(2):
        ended = home.run("--json", **env, within=45)
        assert ended.code in {3, 4}, ended.err
        assert len([one for one in notices(ended) if not one[2]]) == 4
        check_clean(home, ended)
        assert "NUMERAI_" not in json.dumps(ended.model("teal")["reason"])
