"""What the URLs may be, and what of them a log may show."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from job.errors import UsageError
from job.logs import Redactor
from job.notices.urls import EXTRA, parse_notify, parse_ping_url, secret_parts
from job.settings import Settings, notices_of

SWITCH = "https://hc-ping.com/3f7c1a52-0b6e-4c7d-9e64-2f1f6f0f5a11"
TOKEN = {"NUMERAI_PUBLIC_ID": "PUBLIC", "NUMERAI_SECRET_KEY": "SECRET"}


def fault(**env: str) -> str:
    with pytest.raises(UsageError) as caught:
        Settings.from_env({**TOKEN, **env})
    (found,) = caught.value.faults
    return found


@pytest.mark.parametrize("url", [SWITCH, "http://127.0.0.1:8000/ping/mine", f"{SWITCH}?create=1"])
def test_the_address_of_a_switch_is_taken_as_it_is(url: str) -> None:
    assert parse_ping_url(url).reveal() == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hc-ping.com/s3cret", "use https"),
        ("hc-ping.com/s3cret", "give a URL"),
        ("https://user:s3cret@example.org/", "without user or password"),
        ("https://example.org/s3cret word", "give a URL"),
        ("ftp://example.org/s3cret", "give a URL"),
        ("https://[s3cret/", "is no URL"),
        ("https://example.org:s3cret/", "is no URL"),
    ],
)
def test_no_other_address_is_and_it_is_not_quoted(url: str, why: str) -> None:
    told = fault(NUMERAI_PING_URL=url)
    assert told.startswith("NUMERAI_PING_URL: ")
    assert why in told
    assert "s3cret" not in told


@pytest.mark.parametrize("text", ["s3cret", "mailto://", "mailot://s3cret@example.org"])
def test_an_url_that_apprise_does_not_understand_is_a_fault_that_does_not_quote_it(
    text: str,
) -> None:
    told = fault(NUMERAI_NOTIFY=text)
    assert told.startswith("NUMERAI_NOTIFY: ")
    assert "https://appriseit.com" in told
    assert "s3cret" not in told


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "job.notices.services":
            raise ModuleNotFoundError("No module named 'apprise'", name="apprise")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match="numerai-job") as caught:
        parse_notify("json://127.0.0.1/s3cret")
    assert str(caught.value) == EXTRA
    assert fault(NUMERAI_NOTIFY="json://127.0.0.1/s3cret") == f"NUMERAI_NOTIFY: {EXTRA}"


def test_urls_can_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "notify").write_text("json://127.0.0.1/a\nmailto://drake:pw@example.org\n")
    (tmp_path / "switch").write_text(f"{SWITCH}\n")
    env = {
        "NUMERAI_NOTIFY_FILE": str(tmp_path / "notify"),
        "NUMERAI_PING_URL_FILE": str(tmp_path / "switch"),
    }
    notify, notify_on, ping_url = notices_of(env)
    assert notify.reveal().split() == ["json://127.0.0.1/a", "mailto://drake:pw@example.org"]
    assert (notify_on, ping_url.reveal()) == ("failure", SWITCH)
    assert Settings.from_env({**TOKEN, **env}).notify == notify


def test_what_is_wrong_itself_counts_as_unset_for_a_run_that_is_refused() -> None:
    env = {"NUMERAI_NOTIFY": "s3cret", "NUMERAI_NOTIFY_ON": "never", "NUMERAI_PING_URL": SWITCH}
    notify, notify_on, ping_url = notices_of(env)
    assert not notify
    assert (notify_on, ping_url.reveal()) == ("failure", SWITCH)


def test_no_rendering_of_the_settings_shows_them() -> None:
    env = {"NUMERAI_NOTIFY": "json://drake:pa55word@127.0.0.1/T0kenInAPath"}
    found = Settings.from_env({**TOKEN, **env, "NUMERAI_PING_URL": SWITCH})
    for text in (repr(found), str(found), f"{found.notify}{found.ping_url}"):
        assert "T0ken" not in text
        assert "pa55word" not in text
        assert "hc-ping" not in text


@pytest.mark.parametrize(
    ("urls", "hidden"),
    [
        (SWITCH, ["3f7c1a52-0b6e-4c7d-9e64-2f1f6f0f5a11"]),
        ("tgram://123456789:AbcDefGhIjk/12315544", ["AbcDefGhIjk", "123456789"]),
        ("mailto://drake:pond%20life@example.org", ["pond%20life", "pond life"]),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["TIiajkdnlazkcOXrIdevi7FQ"]),
        (
            "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
            ["4174216298", "JHMHI8qBe7bk2ZwO5U711o3dV_js"],
        ),
        ("json://a/b?token=sUp3rs3cret, ntfy://pw12@host/topic", ["sUp3rs3cret"]),
        ("json://user:pa:ss:word@host/x", ["pa:ss:word"]),
    ],
)
def test_passwords_and_tokens_are_hidden_in_every_form(urls: str, hidden: list[str]) -> None:
    redact = Redactor(secret_parts(urls))
    for secret in hidden:
        assert secret not in redact(f"https://host/{secret}/x said {secret}")
    assert redact(urls) == "<hidden>"


def test_words_that_a_log_needs_stay() -> None:
    redact = Redactor(
        secret_parts("mailto://drake:pw12@gmail.com?to=mallard, json://127.0.0.1/teal")
    )
    text = "mallard and teal of drake go to gmail.com by 127.0.0.1"
    assert redact(text) == text
