"""GraphQL: the schema is kept, and bent only where the service bends it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from job.sandbox import Sandbox

from .client import Client


def test_snake_case_fields_answer_under_the_name_as_written(client: Client) -> None:
    data = client.ask("{ account { api_tokens: apiTokens { public_id } } }")
    assert data["account"]["api_tokens"][0]["public_id"] == client.box.public_id


def test_snake_case_root_fields_and_arguments_are_taken(client: Client) -> None:
    model = client.box.models[0].id
    query = """query($m: ID) {
      submission_upload_auth(filename: "a.csv", tournament: 8, model_id: $m) { country_code } }"""
    assert client.ask(query, m=model)["submission_upload_auth"]["country_code"] == "US"


def test_an_alias_is_kept_when_the_field_is_written_in_snake_case(client: Client) -> None:
    assert client.ask("{ mine: api_token_info { name } }") == {"mine": {"name": "sandbox"}}


@pytest.mark.parametrize("declared", ["ID", "ID!", "String", "String!"])
def test_a_variable_declared_string_is_taken_for_an_id(client: Client, declared: str) -> None:
    query = f"query($m: {declared}) {{ model(modelId: $m) {{ name }} }}"
    assert client.ask(query, m=client.box.models[0].id)["model"]["name"] == "anas_platyrhynchos"


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("{ account { nickname } }", "nickname"),
        ("{ accountProfile { id } }", "accountProfile"),
        ("{ account { models } }", "subfields"),
        ("{ rounds(tournament: 8, size: 3) { number } }", "size"),
        ('{ rounds(tournament: "8") { number } }', "Int"),
        ("query($t: String) { rounds(tournament: $t) { number } }", "'Int'"),
        ("query($t: ID) { dataset(filename: $t) }", "'String!'"),
        ("query($t: Int) { submissionUploadAuth(filename: $n, tournament: 8) { url } }", "$n"),
        ("{ dataset }", "filename"),
        ("{ rounds(status: ENDED) { number } }", "RoundStatus"),
        ("{ account { id }", "Syntax Error"),
        ("mutation { createSubmission(tournament: 8) { id } }", "filename"),
    ],
)
def test_an_invalid_query_is_refused_with_http_200(
    client: Client, query: str, complaint: str
) -> None:
    assert complaint in client.refusal(query)


def test_a_variable_that_is_needed_may_not_be_null(client: Client) -> None:
    query = "query($t: Int!) { rounds(tournament: $t) { number } }"
    assert "'$t'" in client.refusal(query, t=None)


@pytest.mark.parametrize("query", ["{ account { id } }", "{ apiTokenInfo { name } }"])
def test_private_fields_need_a_token(client: Client, query: str) -> None:
    assert client.refusal(query, signed=False) == "Your session is invalid or has expired."


def test_a_wrong_token_is_no_token(client: Client) -> None:
    wrong = replace(client, token=f"{client.box.public_id}$WRONG")
    answer = wrong.post("{ account { id } rounds(tournament: 8, number: 0) { number } }").json()
    assert answer["data"] == {"account": None, "rounds": [{"number": 1400}]}
    assert answer["errors"][0]["path"] == ["account"]


def test_rounds_and_datasets_need_no_token(client: Client) -> None:
    query = '{ rounds { number } listDatasets dataset(filename: "v5.3/live.parquet") }'
    assert "errors" not in client.post(query, signed=False).json()


def test_a_token_without_the_scope_is_refused(client: Client) -> None:
    client.box.scopes = ["read_user_info"]
    query = '{ submissionUploadAuth(filename: "a.csv", tournament: 8) { url } }'
    assert "upload_submission" in client.refusal(query)
    assert client.ask("{ apiTokenInfo { scopes } }")["apiTokenInfo"]["scopes"] == ["read_user_info"]


def test_several_root_fields_are_one_request(client: Client) -> None:
    rounds = "a: rounds(tournament: 8) { number } b: rounds(tournament: 12) { number }"
    client.ask("{ account { id } " + rounds + " }")
    (request,) = client.box.requests
    assert request.operations == ("account", "rounds", "rounds")


def test_a_hosted_model_shows_its_pickle_and_others_do_not(client: Client) -> None:
    client.box.add_model("cairina_moschata", hosted=True, webhook="https://example.invalid/hook")
    query = "{ account { models { name computeEnabled computePickleUpload { filename } } } }"
    models = {m["name"]: m for m in client.ask(query)["account"]["models"]}
    assert models["cairina_moschata"]["computePickleUpload"]["filename"] == "cairina_moschata.pkl"
    assert models["cairina_moschata"]["computeEnabled"]
    assert models["anas_platyrhynchos"]["computePickleUpload"] is None


def test_an_account_shows_its_own_models_only(client: Client) -> None:
    other = client.box.add_account("other")
    client.box.add_model("mareca_strepera", account=other)
    theirs = replace(client, token=f"{other.public_id}${other.secret_key}")
    assert theirs.ask("{ account { username models { name } } }")["account"] == {
        "username": "other",
        "models": [{"name": "mareca_strepera"}],
    }


def test_a_webhook_that_is_set_shows_in_the_account(client: Client) -> None:
    query = """mutation($m: String!, $w: String) {
      setSubmissionWebhook(modelId: $m, newSubmissionWebhook: $w) }"""
    hook = "https://example.invalid/start"
    assert client.ask(query, m=client.box.models[0].id, w=hook) == {"setSubmissionWebhook": "true"}
    assert client.box.model("anas_platyrhynchos").webhook == hook


def test_ids_are_the_same_in_every_sandbox(box: Sandbox) -> None:
    assert [m.id for m in Sandbox().models] == [m.id for m in box.models]


def test_other_paths_and_bodies_are_refused(box: Sandbox) -> None:
    assert requests.get(box.api_url, timeout=5).status_code == 404
    assert requests.post(f"{box.api_url}/graphql", json={}, timeout=5).status_code == 404
    assert requests.post(box.api_url, data=b"not json", timeout=5).status_code == 400
    assert requests.post(box.api_url, json={"variables": {}}, timeout=5).status_code == 400
