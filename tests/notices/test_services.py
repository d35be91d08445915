"""Messages through Apprise, to a real mail server and a real HTTP server."""

from __future__ import annotations

import pytest

from job.errors import UnavailableError
from job.logs import start_log
from job.notices.message import Message
from job.notices.services import Service, open_services
from tests.clock import FakeClock
from tests.receivers import HALF, PASSWORD, SECRETS, TOKEN, Mailbox, Receiver, closed_port

BAD_NEWS = Message(
    "Numerai round 1400: 1 of 2 models missed", "teal missed: <too> late & so", "failure"
)


def service(url: str, clock: FakeClock) -> Service:
    (found,) = open_services(url, clock=clock)
    return found


def test_a_mail_has_title_and_text_as_they_are(mailbox: Mailbox, clock: FakeClock) -> None:
    service(mailbox.notify_url, clock).deliver(BAD_NEWS)
    (mail,) = mailbox.mails
    assert mail["Subject"] == BAD_NEWS.title
    body = mail.get_body(preferencelist=("plain",))
    assert body is not None
    assert BAD_NEWS.body in body.get_content()
    assert mailbox.envelopes == [("job@example.org", ["drake@example.org"])]
    assert clock.sleeps == []


def test_an_http_receiver_gets_title_text_and_kind(receiver: Receiver, clock: FakeClock) -> None:
    service(receiver.notify_url, clock).deliver(BAD_NEWS)
    service(receiver.notify_url, clock).deliver(Message("well", "", "success"))
    bad, good = receiver.messages
    assert (bad["title"], bad["message"], bad["type"]) == (BAD_NEWS.title, BAD_NEWS.body, "failure")
    assert (good["title"], good["type"]) == ("well", "success")


def test_an_url_names_one_receiver_each(receiver: Receiver, mailbox: Mailbox) -> None:
    both = f"{receiver.notify_url}, {mailbox.notify_url} {receiver.notify_url}"
    assert [one.shown for one in open_services(both)] == ["json (1)", "mailto", "json (3)"]
    assert [one.shown for one in open_services(f"{mailbox.notify_url}\n{receiver.notify_url}")] == [
        "mailto",
        "json",
    ]


def test_a_message_that_is_not_taken_is_tried_once_more(
    receiver: Receiver, clock: FakeClock
) -> None:
    receiver.status = 500
    with pytest.raises(UnavailableError, match="not taken") as caught:
        service(receiver.notify_url, clock).deliver(BAD_NEWS)
    assert len(receiver.messages) == 2
    assert clock.sleeps == [1.0]
    assert "500" in str(caught.value)


def test_a_second_try_that_works_is_enough(mailbox: Mailbox, clock: FakeClock) -> None:
    mailbox.verdict = "451 try again"
    clock.when(clock.now(), lambda: setattr(mailbox, "verdict", "250 taken"))
    service(mailbox.notify_url, clock).deliver(BAD_NEWS)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("fault", ["refused", "status", "half", "login"])
def test_what_goes_wrong_says_why_and_no_secret(
    receiver: Receiver,
    mailbox: Mailbox,
    clock: FakeClock,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_log(format="text", level="debug", secrets=[])
    url = receiver.notify_url
    if fault == "refused":
        url = url.replace(str(receiver.port), str(closed_port()))
    elif fault == "login":
        url = mailbox.notify_url.replace(PASSWORD, "another-pa55word")
    elif fault == "half":
        receiver.behaviour = HALF
        url += "?rto=0.2"
    else:
        receiver.status = 403
        receiver.body = TOKEN.encode()
    with pytest.raises(UnavailableError) as caught:
        service(url, clock).deliver(BAD_NEWS)
    assert len(caught.value.lines()) == 2, "no reason is given"
    for secret in (*SECRETS, "another-pa55word", url):
        assert secret not in str(caught.value)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ("mailot://drake:s3cret@example.org", "the URL (mailto://?)"),
        ("json://127.0.0.1/a, mailto://", "URL 2 of 2 (mailto://?)"),
        ("s3cret://word", "the URL;"),
    ],
)
def test_what_apprise_does_not_understand_is_told_without_being_quoted(
    urls: str, told: str
) -> None:
    with pytest.raises(ValueError, match="Apprise does not understand") as caught:
        open_services(urls)
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)
