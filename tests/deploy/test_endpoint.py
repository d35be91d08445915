"""Where Azure is, and what its libraries' errors come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from deploy.endpoint import Endpoint
from deploy.refusals import asking, lines_of, retry_after
from job.errors import TransientError, UnavailableError, UsageError


def test_it_is_the_public_cloud_unless_told_otherwise() -> None:
    endpoint = Endpoint.from_env({})
    assert endpoint.url == "https://management.azure.com"
    assert endpoint.scope == "https://management.azure.com/.default"
    assert endpoint.audience == "https://management.azure.com/"
    assert (endpoint.ca, endpoint.poll_seconds) == (None, 5.0)


def test_it_can_be_another_one() -> None:
    endpoint = Endpoint.from_env(
        {
            "AZURE_RESOURCE_MANAGER_URL": "https://management.usgovcloudapi.net/",
            "AZURE_RESOURCE_MANAGER_SCOPE": "https://management.core.usgovcloudapi.net/.default",
            "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
            "AZURE_RESOURCE_MANAGER_POLL": "0.5",
        }
    )
    assert endpoint == Endpoint(
        url="https://management.usgovcloudapi.net",
        scope="https://management.core.usgovcloudapi.net/.default",
        ca=Path("/etc/ca.pem"),
        poll_seconds=0.5,
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1", "management", "https://me:hush@example.org"])
@pytest.mark.parametrize("poll", ["0", "-1", "nan", "x", "61"])
def test_what_is_wrong_is_said_at_once(url: str, poll: str) -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint.from_env({"AZURE_RESOURCE_MANAGER_URL": url, "AZURE_RESOURCE_MANAGER_POLL": poll})
    assert len(caught.value.faults) == 2
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("-3", 0.0)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_as_a_date() -> None:
    then = datetime.now(UTC) + timedelta(seconds=60)
    assert retry_after({"Retry-After": format_datetime(then, usegmt=True)}) == pytest.approx(
        60.0, abs=10.0
    )


def test_details_of_an_error_come_out_once_each() -> None:
    inner = {"code": "Inner", "message": "this\nis why"}
    error = {"code": "Outer", "message": "no", "details": [inner, inner, {"message": "more"}]}
    assert lines_of(error) == ["Outer: no", "Inner: this is why", "more"]
    assert lines_of(None) == []


def test_a_sign_in_that_fails_names_the_way_to_sign_in() -> None:
    expected = pytest.raises(UnavailableError, match="cannot sign in to Azure to do it")
    with expected as caught, asking("do it"):
        raise ClientAuthenticationError("no credential")
    assert "az login" in str(caught.value)


def test_a_connection_that_fails_may_be_tried_again() -> None:
    expected = pytest.raises(TransientError, match="Azure could not be reached to do it")
    with expected, asking("do it"):
        raise ServiceRequestError("refused")
