"""Every query that the job sends is one that the service's schema allows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import graphql
import pytest

from job.numerai.adapter import Numerai
from job.numerai.transport import Answer, Transport
from job.sandbox.graph import SCHEMA
from job.tournament import NUMBERS
from tests.worlds import BoxWorld, written

ROOT_FIELDS = {
    "account",
    "rounds",
    "apiTokenInfo",
    "listDatasets",
    "dataset",
    "submissionUploadAuth",
    "submissionUploadSignalsAuth",
    "submissionDownloadAuth",
    "createSubmission",
    "createSignalsSubmission",
    "setSubmissionWebhook",
}


@pytest.fixture
def sent(
    numerai: Numerai,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> list[str]:
    """The text of every query that a use of the whole adapter sends."""
    texts: list[str] = []
    post = Transport.post_json

    def noted(
        self: Transport, url: str, body: Mapping[str, Any], headers: Mapping[str, str], **more: Any
    ) -> Answer:
        texts.append(body["query"])
        return post(self, url, body, headers, **more)

    monkeypatch.setattr(Transport, "post_json", noted)
    state = numerai.account_state(sorted(NUMBERS))
    numerai.account_history(sorted(NUMBERS), last=92)
    for tournament in NUMBERS:
        numerai.open_rounds(tournament)
        numerai.recent_rounds(tournament, limit=10)
        numerai.datasets(tournament, None)
    numerai.token_info()
    with numerai.dataset("classic", 1400, "v5.3/features.json").open(offset=0, etag=None):
        pass
    get = request.getfixturevalue
    for tournament in NUMBERS:
        slot = next(slot for slot in state.slots if slot.tournament == tournament)
        numerai.set_webhook(slot, None)
        world = BoxWorld(get("clock"), get("box"), get("transport"), tournament)
        ticket = numerai.upload_ticket(slot, "p.csv")
        numerai.put(ticket, written(tmp_path, world.good_csv()))
        receipt = numerai.create(ticket, data_datestamp=20261102)
        numerai.submitted_csv(receipt.submission_id)
    return texts


def root_fields(text: str) -> set[str]:
    (operation,) = graphql.parse(text).definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    fields = operation.selection_set.selections
    return {field.name.value for field in fields if isinstance(field, graphql.FieldNode)}


def faults(text: str, schema: str) -> list[str]:
    found = graphql.validate(graphql.build_schema(schema), graphql.parse(text))
    return [error.message for error in found]


def test_every_query_is_seen_here(sent: list[str]) -> None:
    assert set().union(*map(root_fields, sent)) == ROOT_FIELDS


def test_every_query_validates_against_the_services_schema(sent: list[str], shared: Path) -> None:
    schema = (shared / "numerai-api.graphql").read_text(encoding="utf-8")
    for text in sent:
        assert faults(text, schema) == []


def test_every_query_validates_against_the_sandboxs_schema(sent: list[str]) -> None:
    for text in sent:
        assert faults(text, SCHEMA.read_text(encoding="utf-8")) == []


def test_the_sandboxs_schema_says_nothing_that_the_services_does_not(shared: Path) -> None:
    service = graphql.build_schema((shared / "numerai-api.graphql").read_text(encoding="utf-8"))
    sandbox = graphql.build_schema(SCHEMA.read_text(encoding="utf-8"))
    for name, type_ in sandbox.type_map.items():
        if not isinstance(type_, graphql.GraphQLObjectType) or name.startswith("__"):
            continue
        known = service.type_map[name]
        assert isinstance(known, graphql.GraphQLObjectType)
        for field in type_.fields:
            assert str(type_.fields[field].type) == str(known.fields[field].type), (name, field)


def test_the_published_types_are_all_that_the_job_may_ask_for(sent: list[str]) -> None:
    for text in sent:
        assert "firstEffectiveDate" not in text


def test_the_account_and_all_rounds_are_one_query(sent: list[str]) -> None:
    for text in sent[:2]:  # the state, and the history
        assert root_fields(text) == {"account", "rounds"}
        assert text.count("rounds(") == len(NUMBERS)


def test_no_query_asks_for_a_models_whole_history(sent: list[str]) -> None:
    for text in sent:
        assert " submissions" not in text
        assert "signalsSubmissions" not in text
