"""The template: what it holds and what it must not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.names import MODELS, RUNS, Names, arm_guid
from deploy.pieces import Kind
from deploy.template import Template, parameters, render
from deploy.template.rights import ACR_PULL, BLOB_CONTRIBUTOR, BLOB_READER, START_ACTIONS
from deploy.validation import template_faults
from tests.azure import template as arm
from tests.deploy.samples import (
    CHECK,
    DEPLOYER,
    FILE,
    TAG,
    evaluated,
    identity_of,
    rendered,
    secrets_of,
    settings,
    values,
)

ACR = {"registry": {"acr": "MyJobs"}, "image": "myjobs.azurecr.io/job:1"}


def rights(**changes: Any) -> set[tuple[str, str, str]]:
    """Who has which role on what, as a deployment with a registry gives them."""
    found = settings(**ACR, **changes)
    names = Names(found)
    who = {
        identity_of(names.identity): "job",
        identity_of(names.starter): "starter",
        DEPLOYER: "deployer",
    }
    given = set()
    for resource_id, body in evaluated(found).items():
        if "/roleAssignments/" in resource_id:
            properties = body["properties"]
            role = properties["roleDefinitionId"].rpartition("/")[2]
            scope = resource_id.partition("/providers/Microsoft.Authorization/")[0]
            given.add((who[properties["principalId"]], role, scope))
    return given


def test_rights_are_the_least_that_work() -> None:
    names = Names(settings(**ACR))
    models, runs = names.container(MODELS), names.container(RUNS)
    assert names.registry is not None
    assert rights() == {
        ("job", BLOB_READER, models),
        ("job", BLOB_CONTRIBUTOR, runs),
        ("job", ACR_PULL, names.registry),
        ("deployer", BLOB_CONTRIBUTOR, models),
        ("deployer", BLOB_CONTRIBUTOR, runs),
        ("starter", names.start_role.rpartition("/")[2], names.group),
    }


def test_checks_take_a_right_on_their_own_group_and_no_other() -> None:
    names = Names(settings())
    role = names.start_role.rpartition("/")[2]
    on_check, on_job = (("starter", role, i) for i in (names.check_group, names.group))
    assert rights(triggers=[*FILE["triggers"], CHECK]) == {*rights(), on_check}
    assert rights(triggers=[CHECK]) == {*rights(), on_check} - {on_job}


def test_the_workflows_role_starts_the_group_and_does_nothing_else() -> None:
    found = settings()
    role = evaluated(found)[Names(found).start_role]["properties"]
    assert role["permissions"] == [{"actions": list(START_ACTIONS), "notActions": []}]
    assert START_ACTIONS == (
        "Microsoft.ContainerInstance/containerGroups/read",
        "Microsoft.ContainerInstance/containerGroups/start/action",
    )
    assert role["assignableScopes"] == [Names(found).scope]


def test_the_group_runs_once_and_listens_to_nobody() -> None:
    found = settings(**ACR, settings={"NUMERAI_LATE": "submit"})
    names = Names(found)
    group = evaluated(found)[names.group]
    properties = group["properties"]
    assert (properties["osType"], properties["restartPolicy"]) == ("Linux", "Never")
    assert "ipAddress" not in properties
    assert list(group["identity"]["userAssignedIdentities"]) == [names.identity]
    assert properties["imageRegistryCredentials"] == [
        {"server": "myjobs.azurecr.io", "identity": names.identity}
    ]
    (container,) = properties["containers"]
    assert set(container["properties"]) == {"image", "resources", "environmentVariables"}
    assert container["properties"]["resources"] == {"requests": {"cpu": 2, "memoryInGB": 8}}
    variables = {v["name"]: v for v in container["properties"]["environmentVariables"]}
    plain = {name: v["value"] for name, v in variables.items() if "value" in v}
    client = plain.pop("AZURE_CLIENT_ID")
    assert client not in {identity_of(names.identity), ""}
    assert plain == {
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "NUMERAI_EXIT_ZERO": "true",
        "NUMERAI_LATE": "submit",
        "NUMERAI_MODELS_DIR": names.container_url(MODELS),
        "NUMERAI_RUNS_DIR": names.container_url(RUNS),
        "NUMERAI_WAIT": "15m",
    }
    assert {name for name, v in variables.items() if "secureValue" in v} == {
        "NUMERAI_PUBLIC_ID",
        "NUMERAI_SECRET_KEY",
    }


def test_a_public_image_is_pulled_without_credentials() -> None:
    group = evaluated(settings())[Names(settings()).group]
    assert "imageRegistryCredentials" not in group["properties"]


def test_the_account_is_closed() -> None:
    names = Names(settings())
    made = evaluated(settings())
    assert made[names.storage]["kind"] == "StorageV2"
    assert made[names.storage]["sku"] == {"name": "Standard_LRS"}
    assert (
        made[names.storage]["properties"].items()
        >= {
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
        }.items()
    )
    assert made[names.blobs]["properties"]["isVersioningEnabled"] is True
    (rule,) = made[names.lifecycle]["properties"]["policy"]["rules"]
    assert rule["definition"]["actions"] == {
        "version": {"delete": {"daysAfterCreationGreaterThan": 30}}
    }
    for name in (MODELS, RUNS):
        assert made[names.container(name)]["properties"] == {
            "publicAccess": "None",
            "metadata": {"numerai_job": "numerai-job"},
        }


def test_an_account_that_was_there_is_not_in_the_template() -> None:
    found = settings(storage={"account": "old0", "create": False})
    names = Names(found)
    assert not {names.storage, names.blobs, names.lifecycle} & set(evaluated(found))
    assert {names.container(MODELS), names.container(RUNS)} < set(evaluated(found))


def test_each_workflow_starts_one_group() -> None:
    found = settings(triggers=[*FILE["triggers"], CHECK])
    names = Names(found)
    workflows = {
        i.rpartition("/")[2]: body for i, body in evaluated(found).items() if "/workflows/" in i
    }
    assert {name: starts(body) for name, body in workflows.items()} == {
        "numerai-job-trigger-1": {names.group},
        "numerai-job-trigger-2": {names.group},
        "numerai-job-webhook": {names.group},
        "numerai-job-check-1": {names.check_group},
    }
    for body in workflows.values():
        assert list(body["identity"]["userAssignedIdentities"]) == [names.starter]


def starts(workflow: dict[str, Any]) -> set[str]:
    """The container groups that the actions of a workflow start, each in the one right way."""
    groups = set()
    for action in workflow["properties"]["definition"]["actions"].values():
        if action["type"] == "Wait":
            continue
        inputs = action["inputs"]
        begin, end = "https://management.azure.com", "/start?api-version=2023-05-01"
        assert inputs["uri"].startswith(begin)
        assert inputs["uri"].endswith(end)
        groups.add(inputs["uri"].removeprefix(begin).removesuffix(end))
        assert inputs["method"] == "POST"
        assert inputs["authentication"] == {
            "type": "ManagedServiceIdentity",
            "identity": Names(settings()).starter,
            "audience": "https://management.azure.com/",
        }
    return groups


def test_a_start_in_vain_is_tried_again_twice_and_no_more() -> None:
    found = settings()
    definition = evaluated(found)[Names(found).webhook]["properties"]["definition"]
    assert set(definition) == {"$schema", "contentVersion", "triggers", "actions"}
    in_vain = ["Failed", "TimedOut"]
    assert [(n, a["type"], a["runAfter"]) for n, a in definition["actions"].items()] == [
        ("start", "Http", {}),
        ("pause_1", "Wait", {"start": in_vain}),
        ("start_again_1", "Http", {"pause_1": ["Succeeded"]}),
        ("pause_2", "Wait", {"start_again_1": in_vain}),
        ("start_again_2", "Http", {"pause_2": ["Succeeded"]}),
    ]


def test_a_check_is_a_small_group_with_the_same_identity_and_settings() -> None:
    found = settings(**ACR, triggers=[*FILE["triggers"], CHECK], secrets=["SIGNALS_KEY"])
    names = Names(found)
    job, check = (evaluated(found)[i] for i in (names.group, names.check_group))
    (its,), (other,) = (group["properties"].pop("containers") for group in (check, job))
    assert its["properties"].pop("command") == ["python", "-m", "job", "check", "--notify"]
    assert its["properties"].pop("resources") == {"requests": {"cpu": 1, "memoryInGB": 1}}
    del other["properties"]["resources"]
    variables = its["properties"]["environmentVariables"]
    (webhook,) = [one for one in variables if one["name"] == "NUMERAI_OWN_WEBHOOK"]
    assert webhook["value"].startswith("https://prod-01.numerai-job-webhook.logic.azure.com")
    variables.remove(webhook)
    assert its == other
    assert check["properties"] == job["properties"]
    assert check["identity"] == job["identity"]
    tags = {"numerai-job": "numerai-job", "numerai-job-secrets": TAG}
    assert check["tags"].items() >= tags.items()
    assert check["tags"]["numerai-job-config"] != job["tags"]["numerai-job-config"]


def test_management_may_be_elsewhere() -> None:
    template = render(settings(), management_url="https://127.0.0.1:4/", audience="urn:x")
    assert "https://management.azure.com" not in template.text
    assert '"uri": "https://127.0.0.1:4/subscriptions/' in template.text
    assert '"audience": "urn:x"' in template.text


def test_a_template_for_anyone_names_the_same_rights() -> None:
    found = settings()
    anyones = arm.Template(render(found).document, values(found), scope=Names(found).scope)
    assert DEPLOYER not in render(found).text
    assert {one.id.text for one in anyones.planned} == {p.id for p in rendered(found).pieces}


def test_guids_are_those_that_azure_makes() -> None:
    # From the documentation of Bicep's guid(): uuid5 over the parts with hyphens between them.
    names = Names(settings())
    assert arm_guid("a", "b", "c") == "a98fa280-e03f-5afa-8d8e-92d0a9c201e8" == arm_guid("a-b-c")
    assert names.start_role == Names(settings(cpu=4)).start_role
    assert names.start_role != Names(settings(name="another")).start_role


def test_only_what_changes_can_be_deployed_alone() -> None:
    found = settings()
    names = Names(found)
    part = rendered(found).only([names.webhook.upper(), names.group])
    assert [resource["name"] for resource in part.document["resources"]] == [
        "numerai-job",
        "numerai-job-webhook",
    ]
    group, webhook = part.document["resources"]
    assert "dependsOn" not in group
    assert webhook["dependsOn"] == [names.group]
    assert template_faults(part.document, scope=names.scope) == []
    assert set(evaluated(found, part)) == {names.group, names.webhook}


def test_the_group_is_made_when_all_that_it_needs_is_there() -> None:
    found = settings(**ACR)
    names = Names(found)
    order = list(evaluated(found))
    at = order.index(names.group)
    earlier = set(order[:at])
    assert {names.identity, names.storage, names.container(MODELS)} < earlier
    assert sum("/roleAssignments/" in i for i in earlier) >= 3
    assert all(order.index(i) > at for i in order if "/workflows/" in i)


class TestParameters:
    def test_are_declared_secure_where_they_are_secrets(self) -> None:
        found = settings(secrets=["SIGNALS_KEY"])
        declared = rendered(found).document["parameters"]
        assert {n for n, p in declared.items() if p["type"] == "securestring"} == {
            "NUMERAI_PUBLIC_ID",
            "NUMERAI_SECRET_KEY",
            "SIGNALS_KEY",
        }
        assert set(values(found)) == set(declared)

    def test_all_secrets_must_be_given(self) -> None:
        found = settings(secrets=["SIGNALS_KEY"])
        secrets = secrets_of(found)
        del secrets["SIGNALS_KEY"]
        with pytest.raises(KeyError):
            parameters(
                found, deployer=DEPLOYER, deployer_type="User", secrets=secrets, secrets_tag=TAG
            )

    def test_a_person_is_asked_for_no_more_than_the_deployer_and_the_secrets(self) -> None:
        declared = rendered(settings()).document["parameters"]
        assert [n for n, p in declared.items() if "defaultValue" not in p] == [
            "deployerObjectId",
            "NUMERAI_PUBLIC_ID",
            "NUMERAI_SECRET_KEY",
        ]


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What the check without Azure says of a template with one thing changed."""
    found = settings(**ACR)
    document = copy.deepcopy(rendered(found).document)
    change({resource["type"].rpartition("/")[2]: resource for resource in document["resources"]})
    return template_faults(document, scope=Names(found).scope)


def _set(*path: Any, to: object) -> Callable[[dict[str, Any]], object]:
    def change(resources: dict[str, Any]) -> None:
        inner: Any = resources
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to

    return change


_GROUP = ("containerGroups", "properties")
_CONTAINER = (*_GROUP, "containers", 0, "properties")
_DEFINITION = ("workflows", "properties", "definition")


class TestTheCheckWithoutAzure:
    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (_set(*_GROUP, "restartPolicy", to="Always"), "would be started again"),
            (_set(*_GROUP, "ipAddress", to={"type": "Public", "ports": []}), "would listen"),
            (_set(*_CONTAINER, "ports", to=[{"port": 1}]), "would listen on a network"),
            (_set(*_CONTAINER, "resources", "requests", "cpu", to=0.5), "more or less than"),
            (
                _set(*_CONTAINER, "environmentVariables", 0, "secureValue", to="x"),
                "a variable without one value",
            ),
            (
                _set(*_CONTAINER, "environmentVariables", 1, "name", to="AZURE_CLIENT_ID"),
                "has a variable twice",
            ),
            (
                _set(
                    *_CONTAINER,
                    "environmentVariables",
                    0,
                    "value",
                    to="[parameters('NUMERAI_SECRET_KEY')]",
                ),
                "a secret is to be in a secureValue and nowhere else",
            ),
            (
                _set(
                    "containerGroups",
                    "tags",
                    "x",
                    to="[concat('a', parameters('NUMERAI_PUBLIC_ID'))]",
                ),
                "a secret is to be in a secureValue and nowhere else",
            ),
            (
                _set("containerGroups", "tags", "x", to="[parameters('nobody')]"),
                "no parameter nobody",
            ),
            (_set("containerGroups", "tags", "x", to="[env('HOME')]"), "the function env is not"),
            (_set("containerGroups", "tags", "x", to="y" * 257), "a tag longer than"),
            (_set("containerGroups", "name", to="Upper"), "does not take that name"),
            (_set("containerGroups", "apiVersion", to="2018-01-01"), "is written for 2023-05-01"),
            (_set("containerGroups", "type", to="Microsoft.Web/sites"), "is nothing that"),
            (_set("roleDefinitions", "tags", to={"a": "b"}), "has tags where there are none"),
            (
                _set("roleDefinitions", "properties", "permissions", 0, "actions", to=["*"]),
                "allows something else than to start",
            ),
            (
                _set("roleDefinitions", "properties", "permissions", 0, "dataActions", to=["*"]),
                "allows something with data",
            ),
            (
                _set("roleAssignments", "properties", "roleDefinitionId", to="/x/owner"),
                "gives the role owner, which is none of this deployment's",
            ),
            (
                _set("roleAssignments", "properties", "principalType", to=""),
                "what kind of principal",
            ),
            (
                _set("roleAssignments", "scope", to="/subscriptions/x"),
                "is on more than one resource",
            ),
            (_set("containers", "properties", "publicAccess", to="Blob"), "read by everybody"),
            (
                _set("storageAccounts", "properties", "allowSharedKeyAccess", to=True),
                "allowSharedKeyAccess is not false",
            ),
            (
                _set("storageAccounts", "properties", "minimumTlsVersion", to="TLS1_0"),
                "would talk without TLS 1.2",
            ),
            (_set("workflows", "dependsOn", to=["/a"]), "needs /a, which is not there"),
            (_set("workflows", "name", to="w" * 44), "does not take that name"),
            (_set(*_DEFINITION, "triggers", to={}), "triggers: "),
            (
                _set(*_CONTAINER, "command", to=["sh"]),
                "runs something else than the job or a check",
            ),
            (_set(*_DEFINITION, "actions", "start", "inputs", "method", to="GET"), "actions.start"),
            (_set(*_DEFINITION, "actions", "start", "operationOptions", to="x"), "actions.start"),
            (
                _set(*_DEFINITION, "actions", "start", "inputs", "url", to="x"),
                "actions.start.Http.inputs",
            ),
            (
                _set(*_DEFINITION, "actions", "start", "inputs", "uri", to="http://a/b"),
                "actions.start.Http.inputs.uri",
            ),
            (_set(*_DEFINITION, "trigers", to={}), "trigers: Extra inputs"),
            (_set(*_DEFINITION, "outputs", to={"a": 1}), "outputs: Extra inputs"),
            (
                _set(*_DEFINITION, "actions", "pause_1", "inputs", "interval", "unit", to="Hour"),
                "actions.pause_1.Wait.inputs.interval.unit",
            ),
            (
                _set(*_DEFINITION, "actions", "pause_1", "runAfter", to={"start": ["Succeeded"]}),
                "pause_1 is to follow a pause, or a start that failed",
            ),
            (
                _set(
                    *_DEFINITION, "actions", "start_again_1", "runAfter", "pause_1", to=["Failed"]
                ),
                "start_again_1 is to follow a pause",
            ),
            (
                _set(*_DEFINITION, "actions", "start_again_1", "runAfter", to={}),
                "start_again_1 does not come after pause_1 alone",
            ),
            (
                _set(*_DEFINITION, "actions", "start", "runAfter", to={"pause_2": ["Failed"]}),
                "start does not come after the trigger alone",
            ),
            (_set(*_DEFINITION, "actions", "start", "type", to="Until"), "actions.start: "),
        ],
    )
    def test_finds(self, change: Callable[[dict[str, Any]], object], fault: str) -> None:
        found = changed(change)
        assert any(fault in one for one in found), found

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("startTime", None),
            ("startTime", "2024-01-01T00:00:00Z"),
            ("startTime", "2999-01-01T00:00:00"),
            ("timeZone", "Eastern Standard Time"),
            ("frequency", "Day"),
            ("interval", 2),
            ("schedule", {"weekDays": ["Tue"], "hours": [12], "minutes": [5]}),
            ("schedule", {"weekDays": ["Tuesday"], "hours": ["12"], "minutes": [5]}),
            ("schedule", {"weekDays": ["Tuesday"], "hours": [24], "minutes": [5]}),
            ("schedule", {"weekDays": ["Tuesday"], "hours": [12], "minutes": []}),
            ("schedule", {"weekDays": ["Tuesday"], "hours": [12], "minuts": [5]}),
        ],
    )
    def test_finds_a_schedule_that_fires_at_the_wrong_time(self, key: str, value: object) -> None:
        found = settings(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
        document = copy.deepcopy(rendered(found).document)
        workflow = next(r for r in document["resources"] if r["type"].endswith("/workflows"))
        recurrence = workflow["properties"]["definition"]["triggers"]["schedule"]["recurrence"]
        recurrence[key] = value
        if value is None:
            del recurrence[key]
        (first, *_) = template_faults(document, scope=Names(found).scope)
        assert f"recurrence.{key}" in first or "startTime is not long past" in first

    def test_finds_names_given_twice_and_circles(self) -> None:
        found = settings()
        names = Names(found)
        document = copy.deepcopy(rendered(found).document)
        identity = next(r for r in document["resources"] if r["name"] == names.identity_name)
        identity["dependsOn"] = [names.group]
        assert any("lead in a circle" in fault for fault in _faults(document, names))
        del identity["dependsOn"]
        document["resources"].append(identity)
        assert any("is there twice" in fault for fault in _faults(document, names))

    def test_takes_what_fits_into_one_template(self) -> None:
        found = settings()
        document = copy.deepcopy(rendered(found).document)
        document["resources"][0]["tags"] = {"x": "y" * 5_000_000}
        document["parameters"] |= {f"p{n}": {"type": "string"} for n in range(300)}
        told = _faults(document, Names(found))
        assert "the template is larger than 4 MiB" in told
        assert "the template has more than 256 parameters" in told


def _faults(document: dict[str, Any], names: Names) -> list[str]:
    return template_faults(document, scope=names.scope)


def test_pieces_say_what_they_are_for() -> None:
    template: Template = rendered(settings(**ACR))
    assert json.loads(template.text) == template.document
    for piece in template.pieces:
        assert piece.words
        tagged = piece.kind in {Kind.IDENTITY, Kind.STORAGE, Kind.GROUP, Kind.WORKFLOW}
        assert (piece.config is not None) == tagged
        assert (piece.secrets is not None) == (piece.kind is Kind.GROUP)
