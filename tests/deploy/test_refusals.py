"""A right that is missing is named, in whichever of its wordings Azure says so."""

from __future__ import annotations

import pytest

from tests.deploy.place import Place

ACTION = "Microsoft.ContainerInstance/containerGroups/read"
SCOPE = "/subscriptions/s/resourceGroups/numerai"


@pytest.mark.parametrize(
    ("action", "said", "role"),
    [
        (
            ACTION,
            "does not have authorization to perform action '{}' over scope '{}' or the scope is "
            "invalid.",
            "Contributor",
        ),
        (ACTION, "does not have permission to perform action '{}' at scope '{}'.", "Contributor"),
        (
            "Microsoft.Resources/subscriptions/resourcegroups/write",
            "does not have permission to perform action '{}' at scope '{}'.",
            "Contributor on the subscription",
        ),
    ],
)
def test_the_right_its_scope_and_a_role_are_named(
    place: Place, action: str, said: str, role: str
) -> None:
    message = f"The client 'c' with object id 'c' {said.format(action, SCOPE)}"
    code = "AuthorizationFailed"
    place.cloud.faults.add(
        where="containerGroups.get", kind="status", status=403, code=code, message=message
    )
    ran = place.run("status")
    assert ran.code == 4, ran.text
    assert f"the right to {action} on {SCOPE} is missing" in ran.err
    assert f"have the role {role} given to you; " in ran.err
