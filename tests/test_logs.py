"""No secret and no signature leaves through the log, a traceback, or an error's text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from job.logs import HIDDEN, JsonFormatter, Redactor, TextFormatter, start_log

SECRET = "SECRETSECRETSECRETSECRET"
PUBLIC = "PUBLICPUBLIC"
SIGNED = "https://store.invalid/live.parquet?X-Amz-Date=2026&X-Amz-Signature=abcdef0123"


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("job")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture(params=["text", "json"])
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lines(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_secrets_are_hidden_wherever_they_stand(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(format=style, level="info", secrets=[SECRET, PUBLIC])
    log = logging.getLogger("job.test")
    log.info("token %s", f"Token {PUBLIC}${SECRET}")
    log.info(f"in the text {SECRET}")
    log.warning("as a value %r", {"key": SECRET})
    text = lines(capsys)
    assert SECRET not in text
    assert PUBLIC not in text
    assert text.count(HIDDEN) >= 4


def test_tracebacks_hold_no_secret_and_no_signature(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(format=style, level="info", secrets=[SECRET])
    try:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as error:
            raise requests.ConnectionError(
                f"HTTPConnectionPool(host='store.invalid', port=443): Max retries exceeded with "
                f"url: /live.parquet?X-Amz-Signature=abcdef0123 (Caused by {SIGNED})"
            ) from error
    except requests.ConnectionError:
        logging.getLogger("job.test").exception("unforeseen error")
    text = lines(capsys)
    assert "Traceback" in text
    assert "store.invalid" in text
    assert "Caused by" in text
    for hidden in (SECRET, "abcdef0123", "X-Amz"):
        assert hidden not in text


def test_other_libraries_warnings_are_redacted_and_their_chatter_is_not_shown(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start_log(format=style, level="debug", secrets=[SECRET])
    other = logging.getLogger("urllib3.connectionpool")
    other.debug("GET %s", SIGNED)
    other.info("chatter")
    other.warning("retrying %s", SIGNED)
    logging.getLogger("job.test").debug("shown")
    text = lines(capsys)
    assert "chatter" not in text
    assert "retrying https://store.invalid/live.parquet?<hidden>" in text
    assert "shown" in text
    assert "abcdef0123" not in text


def test_a_json_line_is_json_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    start_log(format="json", level="info", secrets=[])
    logging.getLogger("job.test").error('two\nlines and "quotes"')
    (line,) = lines(capsys).splitlines()
    entry = json.loads(line)
    assert entry["message"] == 'two\nlines and "quotes"'
    assert (entry["level"], entry["logger"]) == ("error", "job.test")
    assert entry["at"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SIGNED, "https://store.invalid/live.parquet?<hidden>"),
        (f"PUT {SIGNED}: 403", "PUT https://store.invalid/live.parquet?<hidden> 403"),
        ("/a/b?sig=x&se=y z", "/a/b?<hidden> z"),
        ("https://host?sig=x", "https://host?<hidden>"),
        ("is a = b? yes / no", "is a = b? yes / no"),
        ("https://numer.ai/account", "https://numer.ai/account"),
        ("why? https://numer.ai", "why? https://numer.ai"),
    ],
)
def test_urls_lose_their_query_and_nothing_else(text: str, wanted: str) -> None:
    assert Redactor([])(text) == wanted


@given(
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    secret=st.from_regex(r"[A-Z0-9]{8,64}", fullmatch=True),
)
def test_no_surroundings_let_a_secret_through(before: str, after: str, secret: str) -> None:
    redact = Redactor([secret])
    for formatter in (TextFormatter(redact), JsonFormatter(redact)):
        record = logging.LogRecord("job", logging.INFO, "", 0, before + secret + after, (), None)
        shown = formatter.format(record)
        assert secret not in shown or secret in formatter.format(
            logging.LogRecord("job", logging.INFO, "", 0, before + after, (), None)
        )


def test_a_secret_within_another_is_hidden_whole() -> None:
    assert Redactor(["ABCD", "ABCDEFGH"])("ABCDEFGH") == HIDDEN


def test_an_empty_or_tiny_secret_does_not_hide_everything() -> None:
    assert Redactor(["", "a"])("a banana") == "a banana"


def test_a_secret_of_several_lines_is_hidden_however_it_is_printed() -> None:
    secret = "-----BEGIN KEY-----\ntop/secret+line\n-----END KEY-----"
    redact = Redactor([secret])
    for text in (secret, repr(secret), json.dumps(secret), "the line: top/secret+line"):
        assert "secret+line" not in redact(text)
