"""The API token and the queries of presigned URLs appear nowhere: not in what a run prints, writes,
hands to models or shows of itself to others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from job.sandbox import TINY, Sandbox

from .animals import good, spy
from .driver import Ended, Home, without_capabilities

pytestmark = pytest.mark.slow

PUBLIC = "PUBLIC$'{0}%s\\n"
SECRET = 'Zx9"\\q${HOME}%d&=?/:;'
SIGNED = re.compile(r"[?&](X-Amz-)?(Signature|Expires|sig|signature|expires|token)=", re.IGNORECASE)


@pytest.fixture(scope="module", params=["variables", "files"])
def spied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[
    tuple[Home, Ended]
]:  # fmt: skip
    """A run of a model that looks for secrets, among faults that quote URLs and the token."""
    with Sandbox(shape=TINY, models=[]) as box:
        box.roster.accounts[0] = replace(box.accounts[0], public_id=PUBLIC, secret_key=SECRET)
        home = Home(box, tmp_path_factory.mktemp("spied"))
        home.prefix = without_capabilities()
        for name in ("teal", "mallard", "gadwall"):
            home.add(name, good())
        home.add("spy", spy(str(home.root / "seen")))
        faults = box.faults
        faults.add(where="get", kind="expired", match="live.parquet")
        faults.add(where="put", kind="status", match="teal", times=None, body=SECRET.encode())
        faults.add(
            where="createSubmission", kind="graphql_error", match="gadwall", times=None,
            message=f"no such token: {PUBLIC}${SECRET}",
        )  # fmt: skip
        ended = home.run(NUMERAI_LOG_LEVEL="debug", **_token(home, request.param))
        yield home, ended
        home.stop()


def _token(home: Home, form: str) -> dict[str, str | None]:
    if form == "variables":
        return {"NUMERAI_RETRY_PATIENCE": "1s"}
    names: dict[str, str | None] = {"NUMERAI_RETRY_PATIENCE": "1s"}
    for name, text in (("NUMERAI_PUBLIC_ID", PUBLIC), ("NUMERAI_SECRET_KEY", SECRET)):
        path = home.root / name
        path.write_text(f"{text}\n")
        names |= {name: None, f"{name}_FILE": str(path)}
    return names


def spellings(secret: str) -> list[str]:
    """The secret as text, in JSON, in Python's repr."""
    return [secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]]


def check_clean(text: str, where: str) -> None:
    for secret in (PUBLIC, SECRET):
        for spelling in spellings(secret):
            assert spelling not in text, f"a secret is in {where}"
    assert not SIGNED.search(text), f"a presigned query is in {where}"


def test_the_run_met_what_was_prepared(spied: tuple[Home, Ended]) -> None:
    home, ended = spied
    assert ended.code == 4, ended.err
    assert ended.outcomes()["mallard"] == "submitted", ended.err
    assert (home.root / "seen").exists()
    assert ended.outcomes()["spy"] == "failed"
    assert "<hidden>" in ended.model("gadwall")["reason"]


def test_no_secret_is_printed(spied: tuple[Home, Ended]) -> None:
    _, ended = spied
    check_clean(ended.out, "stdout")
    check_clean(ended.err, "stderr")


def test_no_secret_is_written(spied: tuple[Home, Ended]) -> None:
    home, _ = spied
    written = [path for path in home.data.rglob("*") if path.is_file()]
    assert written
    for path in written:
        check_clean(path.read_bytes().decode(errors="replace"), str(path))


def test_no_secret_reaches_a_model_s_environment_or_a_command_line(
    spied: tuple[Home, Ended],
) -> None:
    home, _ = spied
    seen = json.loads((home.root / "seen").read_text())
    assert [name for name in seen["environ"] if name.startswith("NUMERAI")] == []
    check_clean(json.dumps(seen["environ"], ensure_ascii=False), "the model's environment")
    for command in seen["commands"]:
        check_clean(command, "a command line")


def test_a_model_cannot_read_the_job_s_environment_where_it_is_not_root(
    spied: tuple[Home, Ended],
) -> None:
    """The kernel lets root with all its capabilities read it all the same: README says so."""
    home, _ = spied
    seen = json.loads((home.root / "seen").read_text())
    assert seen["parent"].startswith("refused: Permission denied")


def test_an_error_that_ends_the_run_shows_no_secret(home: Home) -> None:
    home.box.roster.accounts[0] = replace(home.box.accounts[0], secret_key=SECRET)
    home.add("teal", good())
    home.box.faults.add(
        where="account", kind="graphql_error", times=None, message=f"bad credentials {SECRET}"
    )
    ended = home.run()
    assert ended.code == 4
    check_clean(ended.err, "stderr")
    check_clean(Path(home.records()[-1]).read_text(), "the record")
    assert "<hidden>" in ended.err


def test_a_token_that_cannot_be_one_is_not_quoted(home: Home) -> None:
    home.add("teal", good())
    ended = home.run(NUMERAI_SECRET_KEY="two words\tand more", NUMERAI_WORKERS="many")
    assert ended.code == 2
    assert "NUMERAI_SECRET_KEY" in ended.err
    assert "two words" not in ended.err
    assert "two words" not in str(ended.record)
