"""A query that Numerai no longer understands is told as what it is, with the field; by a service
that validates as the real one does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.errors import ApiChangedError, Exit, RefusedError, TransientError, UnavailableError
from job.numerai.adapter import Numerai
from job.numerai.graphql import graphql_error
from job.numerai.transport import Transport
from job.retry import Retry
from job.sandbox import TINY, Sandbox
from job.sandbox.graph import SCHEMA
from tests.clock import FakeClock


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ('Cannot query field "openTime" on type "Round".', "field openTime of Round"),
        ("Cannot query field 'a' on type 'B'. Did you mean 'c'?", "field a of B"),
        ('Unknown argument "limit" on field "rounds" of type "RootQueryType".',
         "argument limit of field rounds"),
        ("Unknown argument 'limit' on field 'Query.rounds'.", "argument limit of field rounds"),
        ("Field 'rounds' argument 'kind' of type 'Int!' is required, but it was not provided.",
         "argument kind of field rounds"),
        ('In argument "kind": Expected type "Kind!", found null.', "argument kind"),
        ('Argument "status" has invalid value OPEN.', "argument status"),
        ('Field "models" of type "[Model]" must have a selection of subfields.', "field models"),
        ("Field 'models' must not have a selection since type 'Int' has no subfields.",
         "field models"),
        ("Variable '$round' of type 'Int' used in position expecting type 'ID'.", "argument round"),
        ("Unknown type 'ID'.", "type ID"),
        ("Syntax Error: Expected Name, found '}'.", "its language"),
    ],
)  # fmt: skip
def test_what_a_validator_says_names_the_place(message: str, place: str) -> None:
    error = graphql_error([{"message": message}])
    assert isinstance(error, ApiChangedError)
    assert error.what == f"Numerai's API changed: {place}"
    assert error.why == (f"Numerai answered: {message}",)
    assert "newer version" in error.hint
    assert error.exit_code is Exit.UNAVAILABLE


def test_all_places_are_named_each_once() -> None:
    rows = [{"message": f"Cannot query field '{name}' on type 'Model'."} for name in "aba"]
    assert graphql_error(rows).what == "Numerai's API changed: field a of Model, field b of Model"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Current round not open for submissions", RefusedError),
        ("Something went wrong, unknown field of duty", TransientError),
        ("model not found", RefusedError),
    ],
)
def test_other_errors_are_what_they_were(message: str, kind: type[Exception]) -> None:
    assert type(graphql_error([{"message": message}])) is kind


Without = Callable[..., Numerai]


@pytest.fixture
def without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, transport: Transport
) -> Any:
    """Gives the adapter to a service whose schema was changed."""
    boxes = []

    def make(old: str, new: str) -> Numerai:
        text = SCHEMA.read_text()
        assert old in text
        (tmp_path / "schema.graphql").write_text(text.replace(old, new))
        monkeypatch.setattr("job.sandbox.graph.SCHEMA", tmp_path / "schema.graphql")
        box = Sandbox(shape=TINY, now=clock.now)
        box.__enter__()
        boxes.append(box)
        return Numerai(
            url=box.api_url,
            token=(box.public_id, box.secret_key),
            transport=transport,
            retry=Retry(clock, patience=60.0),
        )

    yield make
    for box in boxes:
        box.__exit__(None, None, None)


def test_a_field_that_the_service_has_no_more_is_named_after_one_request(
    without: Without, clock: FakeClock
) -> None:
    numerai = without("closeStakingTime", "closeForStakes")
    with pytest.raises(UnavailableError) as caught:
        numerai.account_state(["classic"])
    assert caught.value.what == "Numerai's API changed: field closeStakingTime of Round"
    assert clock.sleeps == [], "waiting cannot mend it"
    assert numerai.api_requests == 1


def test_an_argument_that_the_service_has_no_more_is_named(without: Without) -> None:
    numerai = without("latestNRounds", "newest")
    with pytest.raises(ApiChangedError) as caught:
        numerai.account_state(["classic"])
    assert "argument latestNRounds of field latestSubmissions" in caught.value.what
