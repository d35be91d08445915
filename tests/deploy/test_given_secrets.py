"""Secrets come from the environment, from files, or are asked for; never are they shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.secrets import all_secrets, secrets_in
from deploy.settings import DeploySettings
from deploy.webhook import numerai_of
from job.clock import Clock
from job.errors import UsageError
from tests.deploy import samples


@pytest.fixture
def settings() -> DeploySettings:
    return samples.settings(secrets=["A_KEY"])


def test_from_the_environment_and_from_files(settings: DeploySettings, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("public\n")
    found = secrets_in(
        settings,
        {"NUMERAI_PUBLIC_ID_FILE": str(tmp_path / "id"), "A_KEY": "of my data", "OTHER": "x"},
    )
    assert {name: secret.reveal() for name, secret in found.items()} == {
        "NUMERAI_PUBLIC_ID": "public",
        "A_KEY": "of my data",
    }


def test_all_that_is_wrong_is_said_and_nothing_is_shown(
    settings: DeploySettings, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        secrets_in(
            settings,
            {
                "NUMERAI_PUBLIC_ID": "hush hush",
                "NUMERAI_SECRET_KEY": "hush",
                "NUMERAI_SECRET_KEY_FILE": "x",
                "A_KEY_FILE": str(tmp_path / "none"),
            },
        )
    text = "\n".join(caught.value.lines())
    assert all(name in text for name in ("PUBLIC_ID: holds spaces", "SECRET_KEY_FILE", "A_KEY"))
    assert "hush" not in text


URLS = ["NUMERAI_NOTIFY", "NUMERAI_PING_URL"]


def test_whom_to_tell_and_what_to_ping_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "notify").write_text("json://drake:hush@127.0.0.1:1/ ntfys://hush-topic\n")
    found = secrets_in(
        samples.settings(secrets=URLS),
        {
            "NUMERAI_NOTIFY_FILE": str(tmp_path / "notify"),
            "NUMERAI_PING_URL": "https://hc-ping.com/hush",
        },
    )
    assert [found[name].reveal() for name in URLS] == [
        "json://drake:hush@127.0.0.1:1/ ntfys://hush-topic",
        "https://hc-ping.com/hush",
    ]


@pytest.mark.parametrize("there", [True, False], ids=["with Apprise", "without"])
def test_urls_that_nobody_could_be_told_by_are_refused_before_the_job_does(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if not there:
        monkeypatch.delitem(sys.modules, "job.notices.services", raising=False)
        monkeypatch.setitem(sys.modules, "apprise", None)
    asked = samples.settings(secrets=URLS)
    with pytest.raises(UsageError) as caught:
        secrets_in(asked, {"NUMERAI_NOTIFY": "hush", "NUMERAI_PING_URL": "http://a.example/hush"})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == URLS
    assert "hush" not in "\n".join(caught.value.lines())
    unheard_of = {"NUMERAI_NOTIFY": "pigeon://hush"}
    if there:
        with pytest.raises(UsageError, match="not all there"):
            secrets_in(asked, unheard_of)
    else:
        assert secrets_in(asked, unheard_of)["NUMERAI_NOTIFY"].reveal() == "pigeon://hush"


def test_numerai_is_asked_without_what_only_the_container_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "job.notices.services", raising=False)
    monkeypatch.setitem(sys.modules, "apprise", None)
    env = {"NUMERAI_PUBLIC_ID": "public", "NUMERAI_SECRET_KEY": "hush", "NUMERAI_NOTIFY": "a://b"}
    asked = samples.settings(secrets=["NUMERAI_NOTIFY"])
    assert numerai_of(asked, secrets_in(asked, env), Clock(), env).api_requests == 0


def test_without_a_terminal_all_that_lack_are_named(settings: DeploySettings) -> None:
    with pytest.raises(UsageError) as caught:
        all_secrets(settings, {"NUMERAI_PUBLIC_ID": "public"})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "NUMERAI_SECRET_KEY",
        "A_KEY",
    ]


def test_on_a_terminal_they_are_asked_for(
    settings: DeploySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return " typed "

    found = all_secrets(settings, {"NUMERAI_PUBLIC_ID": "public"}, ask=ask)
    assert list(found) == ["NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "A_KEY"]
    assert found["A_KEY"].reveal() == "typed"
    assert [prompt.split()[0] for prompt in asked] == ["NUMERAI_SECRET_KEY", "A_KEY"]


@pytest.mark.parametrize("typed", ["", "   ", "hush hush"])
def test_what_is_typed_wrong_is_not_shown(
    settings: DeploySettings, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with pytest.raises(UsageError) as caught:
        all_secrets(settings, {}, ask=lambda _: typed)
    assert "hush" not in "\n".join(caught.value.lines())
