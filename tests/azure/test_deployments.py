"""Templates are validated, foretold and carried out as Resource Manager does it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.azure import roles
from tests.azure.bodies import (
    ASSIGNMENTS,
    GROUP,
    IDENTITY,
    JOB,
    ROLES,
    SCOPE,
    deployment,
    group_resource,
    identity_resource,
    says,
    template,
)
from tests.azure.cloud import SUBSCRIPTION, Cloud
from tests.azure.errors import Json
from tests.azure.sdk import Sdk

_GUIDS = UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_SHOW = says("import os; print(os.environ['GIVEN'])")


def _deploy(sdk: Sdk, document: Json, **parameters: object) -> Any:
    body = deployment(document, **parameters)
    return sdk.deployments.deployments.begin_create_or_update(GROUP, "first", body).result()


def _operations(sdk: Sdk) -> list[tuple[str, str]]:
    found = sdk.deployments.deployment_operations.list(GROUP, "first")
    return [
        (str(one.properties.target_resource.resource_name), str(one.properties.provisioning_state))
        for one in found
    ]


def _with_variable(value: str, **more: str) -> Json:
    group = group_resource(_SHOW)
    container = group["properties"]["containers"][0]["properties"]
    container["environmentVariables"] = [{"name": "GIVEN", "value": value, **more}]
    return group


def test_resources_are_made_in_the_order_of_their_dependencies(cloud: Cloud, sdk: Sdk) -> None:
    group = _with_variable(f"[reference('{IDENTITY}', '2023-01-31').clientId]")
    last = identity_resource("last", dependsOn=[JOB])
    made = _deploy(sdk, template(last, group, identity_resource()))
    assert made.properties.provisioning_state == "Succeeded"
    assert cloud.ids == [IDENTITY, JOB, IDENTITY.replace("starter", "last")]
    assert _operations(sdk) == [(name, "Succeeded") for name in ("starter", "job", "last")]
    assert [one.id for one in made.properties.output_resources] == cloud.ids
    cloud.wait_for_group(JOB)
    client_id = cloud.show(IDENTITY)["properties"]["clientId"]
    assert sdk.containers.containers.list_logs(GROUP, "job", "job").content == f"{client_id}\n"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("[concat('a', 'b', parameters('text'))]", "abT"),
        ("[variables('made')]", "made of T"),
        ("[resourceId('Microsoft.X/ys/zs', 'y', 'z')]", f"{SCOPE}/providers/Microsoft.X/ys/y/zs/z"),
        (
            "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')]",
            f"/subscriptions/{SUBSCRIPTION}{ROLES}r",
        ),
        ("[guid('a', 'b')]", str(uuid5(_GUIDS, "a-b"))),
        ("[parameters('thing').deep[0].Name]", "found"),
        ("[concat('it''s ', 'quoted')]", "it's quoted"),
        ("[[not an expression]", "[not an expression]"),
        ("[no end", "[no end"),
    ],
)
def test_expressions_come_to_what_they_mean(
    cloud: Cloud, sdk: Sdk, expression: str, result: str
) -> None:
    document = template(
        identity_resource(tags={"found": expression}),
        parameters={"text": {"type": "string"}, "thing": {"type": "object"}},
        variables={"made": "[concat('made of ', parameters('text'))]"},
    )
    _deploy(sdk, document, text="T", thing={"deep": [{"name": "found"}]})
    assert cloud.show(IDENTITY)["tags"]["found"] == result


_LOOP = [
    identity_resource("a", dependsOn=[IDENTITY.replace("starter", "b")]),
    identity_resource("b", dependsOn=[IDENTITY.replace("starter", "a")]),
]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (template(identity_resource(tags={"a": "[newGuid()]"})), "'newGuid' is not valid"),
        (template(identity_resource(tags={"a": "[concat('a']"})), "Unable to parse"),
        (
            template(identity_resource(tags={"a": "[parameters('b')]"})),
            "'b' is not found",
        ),
        (template(identity_resource(dependsOn=[JOB])), "is not defined in the template"),
        (template(*_LOOP), "Circular dependency"),
        (template(identity_resource(), identity_resource()), "defined multiple times"),
        (template(identity_resource("a/b")), "incorrect segment lengths"),
        (template(parameters={"a": {"type": "string"}}), "'a' at line '1' and column '1' is not"),
        (
            template(parameters={name: {"type": "string", "defaultValue": ""} for name in "aA"}),
            "'A, a'",
        ),
        ({"resources": []}, "schema"),
    ],
)
def test_a_template_that_cannot_be_deployed_is_refused_before_anything_is_done(
    cloud: Cloud, sdk: Sdk, document: Json, why: str
) -> None:
    for begin in (
        sdk.deployments.deployments.begin_create_or_update,
        sdk.deployments.deployments.begin_what_if,
    ):
        with pytest.raises(HttpResponseError, match=why) as refused:
            begin(GROUP, "first", deployment(document)).result()
        assert refused.value.error is not None
        assert refused.value.error.code == "InvalidTemplate"
    assert cloud.ids == []


def test_parameters_are_those_that_the_template_has_and_of_their_types(sdk: Sdk) -> None:
    document = template(parameters={"size": {"type": "int", "allowedValues": [1, 2]}})
    for given, why in (
        ({"size": 1, "color": "red"}, "The template parameters 'color'"),
        ({"size": "1"}, "Expected a value of type 'int'"),
        ({"size": 3}, "allowed value"),
        ({"size": 1, "Size": 2}, "'Size, size'"),
    ):
        with pytest.raises(HttpResponseError, match=why):
            _deploy(sdk, document, **given)
    for name in ("size", "SIZE"):
        assert _deploy(sdk, document, **{name: 2}).properties.provisioning_state == "Succeeded"


def test_case_does_not_tell_parameters_apart(sdk: Sdk, cloud: Cloud) -> None:
    document = template(
        identity_resource(tags={"a": "[parameters('TEXT')]"}),
        parameters={"Text": {"type": "string"}},
    )
    _deploy(sdk, document, text="given")
    (made,) = cloud.ids
    assert cloud.show(made)["tags"] == {"a": "given"}


def test_secure_parameters_reach_the_container_and_nothing_that_is_shown(
    cloud: Cloud, sdk: Sdk
) -> None:
    group = group_resource(_SHOW)
    container = group["properties"]["containers"][0]["properties"]
    variable = {"name": "GIVEN", "secureValue": "[parameters('secret')]"}
    container["environmentVariables"] = [variable]
    document = template(
        group,
        parameters={"secret": {"type": "securestring"}},
        outputs={
            "told": {"type": "string", "value": "[resourceId('Microsoft.X/ys', 'y')]"},
            "untold": {"type": "securestring", "value": "[parameters('secret')]"},
        },
    )
    made = _deploy(sdk, document, secret="hush")
    cloud.wait_for_group(JOB)
    process = cloud.run_of(JOB).containers[0].process
    assert process is not None
    assert process.output() == "hush\n"
    assert made.properties.parameters == {"secret": {"type": "SecureString"}}
    assert list(made.properties.outputs) == ["told"]
    path = f"{SCOPE}/providers/Microsoft.Resources/deployments/first"
    for shown in (sdk.get(path), sdk.get(JOB), sdk.get(f"{SCOPE}/deployments/first/operations")):
        assert "hush" not in json.dumps(shown)
    foretold = sdk.deployments.deployments.begin_what_if(
        GROUP, "first", deployment(document, secret="hush")
    ).result()
    assert "hush" not in json.dumps(foretold.as_dict())


def test_a_deployment_that_fails_says_where_and_keeps_what_it_had_made(
    cloud: Cloud, sdk: Sdk
) -> None:
    fault = cloud.faults.add(
        where="containerGroups.put", kind="status", status=409, code="RegionFull", message="no room"
    )
    document = template(identity_resource(), group_resource(_SHOW, dependsOn=[IDENTITY]))
    with pytest.raises(HttpResponseError, match="no room") as failed:
        _deploy(sdk, document)
    assert failed.value.error is not None
    assert failed.value.error.code == "DeploymentFailed"
    assert cloud.ids == [IDENTITY]
    assert _operations(sdk) == [("starter", "Succeeded"), ("job", "Failed")]
    shown = sdk.deployments.deployments.get(GROUP, "first").properties
    assert shown.provisioning_state == "Failed"
    assert shown.error.details[0].code == "RegionFull"
    assert fault.hits == 1
    assert _deploy(sdk, document).properties.provisioning_state == "Succeeded"
    assert cloud.ids == [IDENTITY, JOB]


def test_one_deployment_of_a_name_at_a_time(cloud: Cloud, sdk: Sdk) -> None:
    cloud.faults.add(where="deployments.put", kind="stuck")
    document = deployment(template(identity_resource()))
    sdk.deployments.deployments.begin_create_or_update(GROUP, "first", document, polling=False)
    assert (
        sdk.deployments.deployments.get(GROUP, "first").properties.provisioning_state == "Running"
    )
    with pytest.raises(HttpResponseError, match="still active") as refused:
        _deploy(sdk, template(identity_resource()))
    assert refused.value.error is not None
    assert refused.value.error.code == "DeploymentActive"
    assert cloud.ids == []


def test_validate_finds_what_is_wrong_and_does_nothing(cloud: Cloud, sdk: Sdk) -> None:
    good = deployment(template(identity_resource()))
    found = sdk.deployments.deployments.begin_validate(GROUP, "first", good).result()
    assert found.error is None
    bad = deployment(template(group_resource(_SHOW, kind="mistaken")))
    with pytest.raises(HttpResponseError, match="'kind'"):
        sdk.deployments.deployments.begin_validate(GROUP, "first", bad).result()
    assert cloud.ids == []
    with pytest.raises(ResourceNotFoundError):
        sdk.deployments.deployments.get(GROUP, "first")


def test_a_deployment_needs_every_right_that_its_resources_need(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    contributor = cloud.add_principal("contributor", role=roles.CONTRIBUTOR)
    assign = {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": "11111111-2222-4333-8444-555555555555",
        "scope": IDENTITY,
        "properties": {
            "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}{ROLES}{roles.READER}",
            "principalId": f"[reference('{IDENTITY}', '2023-01-31').principalId]",
            "principalType": "ServicePrincipal",
        },
    }
    with Sdk(cloud, monkeypatch, cloud.sign_in(contributor)) as sdk:
        with pytest.raises(HttpResponseError, match="roleAssignments/write") as refused:
            _deploy(sdk, template(identity_resource(), assign))
        assert refused.value.status_code == 403
        assert cloud.ids == []
    with Sdk(cloud, monkeypatch) as sdk:
        _deploy(sdk, template(assign, identity_resource()))
    assert cloud.ids == [IDENTITY, f"{IDENTITY}{ASSIGNMENTS}{assign['name']}"]


def test_what_if_tells_creation_change_and_rest(cloud: Cloud, sdk: Sdk) -> None:
    def foretold(document: Json) -> dict[str, Any]:
        begun = sdk.deployments.deployments.begin_what_if(GROUP, "w", deployment(document))
        return {str(one.resource_id): one for one in begun.result().changes or ()}

    group = _with_variable(f"[reference('{IDENTITY}', '2023-01-31').clientId]")
    document = template(identity_resource(), group)
    assert [one.change_type for one in foretold(document).values()] == ["Create", "Create"]
    assert cloud.ids == []
    _deploy(sdk, document)
    assert [one.change_type for one in foretold(document).values()] == ["NoChange", "NoChange"]
    changed = foretold(template(_with_variable("other")))
    assert changed[IDENTITY].change_type == "Ignore"
    assert changed[JOB].change_type == "Modify"
    assert [one.path for one in changed[JOB].delta] == ["properties.containers"]
    assert changed[JOB].before["properties"]["osType"] == "Linux"


def test_a_deployment_keeps_its_tags(sdk: Sdk) -> None:
    body = {**deployment(template()), "tags": {"applied-by": "me"}}
    sdk.deployments.deployments.begin_create_or_update(GROUP, "first", body).result()
    assert sdk.deployments.deployments.get(GROUP, "first").tags == {"applied-by": "me"}
