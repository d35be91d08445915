"""Whatever a valid deploy.yaml asks for, the template is one that Azure's specifications take, and
no secret is in anything that people or Azure's logs could read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile

from deploy.cost import cost_of
from deploy.names import Names
from deploy.plan import Action, decide, nothing_to_change, to_deploy
from deploy.plan_text import plan_text
from deploy.settings import DeploySettings
from deploy.template.expressions import OWN_PARAMETERS
from deploy.template.part import API_VERSIONS
from deploy.validation import template_faults
from deploy.windows import documented_windows, window_warnings
from tests.azure.specs import SPECS, Specs
from tests.clock import NOON
from tests.deploy.samples import HUSH, any_settings, deployed, evaluated, rendered, values

TYPED = Specs()
"""The SDK's models and schemas of the tests' own, and Azure's published ones where they are."""


@given(any_settings())
def test_the_specifications_take_every_resource(found: DeploySettings) -> None:
    types = {resource["type"] for resource in rendered(found).document["resources"]}
    for resource_id, body in evaluated(found).items():
        (type_,) = (
            one for one in types if _type_of(resource_id) == one.lower()
        )  # by whole type, not by prefix
        TYPED.check(type_, body)


def _type_of(resource_id: str) -> str:
    namespace, *rest = resource_id.rpartition("/providers/")[2].lower().split("/")
    return "/".join((namespace, *rest[::2]))


def test_the_published_specifications_are_among_them() -> None:
    if not SPECS.is_dir():
        pytest.skip(f"there is no {SPECS}")
    assert TYPED.published == {
        "microsoft.authorization/roleassignments",
        "microsoft.containerinstance/containergroups",
        "microsoft.logic/workflows",
        "microsoft.managedidentity/userassignedidentities",
    }


@given(any_settings())
def test_the_check_without_azure_finds_nothing(found: DeploySettings) -> None:
    assert template_faults(rendered(found).document, scope=Names(found).scope) == []


@given(any_settings())
def test_case_does_not_have_to_tell_parameters_apart(found: DeploySettings) -> None:
    names = [*rendered(found).document["parameters"]]
    assert {*OWN_PARAMETERS, *found.all_secrets} == set(names)
    assert len({name.lower() for name in names}) == len(names)


@given(any_settings())
def test_every_piece_is_a_resource_and_every_resource_a_piece(found: DeploySettings) -> None:
    template = rendered(found)
    assert [piece.id.lower() for piece in template.pieces] == [
        i.lower() for i in template.resources
    ]
    assert {i.lower() for i in evaluated(found)} == {i.lower() for i in template.resources}
    for piece, resource in zip(template.pieces, template.document["resources"], strict=True):
        assert resource["apiVersion"] == piece.api_version == API_VERSIONS[piece.kind]


@given(any_settings())
def test_what_was_rendered_and_deployed_is_kept(found: DeploySettings) -> None:
    steps = decide(rendered(found).pieces, deployed(found))
    assert nothing_to_change(steps), [step.sentence for step in steps]
    assert not any(step.starts for step in steps)
    assert rendered(found).only(to_deploy(steps)).document["resources"] == []


@given(any_settings(), any_settings())
def test_what_is_planned_is_what_is_deployed(one: DeploySettings, other: DeploySettings) -> None:
    place = {"subscription": one.subscription, "resource_group": one.resource_group}
    after = replace(other, **place, location=one.location, name=one.name)
    template, there = rendered(after), deployed(one)
    steps = decide(template.pieces, there, there.values())
    sent = template.only(to_deploy(steps)).document["resources"]
    changing = [s for s in steps if s.action not in {Action.KEEP, Action.DELETE}]
    assert len(sent) == len(changing)
    groups = {r["name"] for r in sent if r["type"].endswith("/containerGroups")}
    assert {step.name for step in steps if step.starts} == groups
    deleted = {s.id.lower() for s in steps if s.action is Action.DELETE}
    assert not deleted & {piece.id.lower() for piece in template.pieces}


@given(any_settings())
@profile(suppress_health_check=[HealthCheck.too_slow])
def test_no_secret_is_in_what_people_read(found: DeploySettings) -> None:
    template = rendered(found)
    steps = decide(template.pieces, {})
    windows = documented_windows(NOON)
    text = plan_text(found, steps, cost=cost_of(found), warnings=window_warnings(found, windows))
    for shown in (template.text, text, repr(found), repr(template), repr(steps)):
        assert HUSH not in shown
    assert HUSH in json.dumps(values(found))


@given(any_settings())
def test_a_secret_arrives_in_a_secure_value_and_nowhere_else(found: DeploySettings) -> None:
    bodies = evaluated(found)
    groups = [body for i, body in bodies.items() if "/containerGroups/" in i and "/role" not in i]
    assert len(groups) == 1 + bool(found.checks)
    for group in groups:
        (container,) = group["properties"]["containers"]
        variables = container["properties"]["environmentVariables"]
        secure = {v["name"]: v.pop("secureValue") for v in variables if "secureValue" in v}
        assert secure == {name: f"{HUSH}{name.lower()}" for name in found.all_secrets}
    assert HUSH not in json.dumps(bodies)


@given(any_settings())
def test_the_job_gets_its_variables_as_they_were_written(found: DeploySettings) -> None:
    (container,) = evaluated(found)[Names(found).group]["properties"]["containers"]
    got = {v["name"]: v.get("value") for v in container["properties"]["environmentVariables"]}
    assert dict(found.job).items() <= got.items()


def test_the_folder_of_the_specifications_is_not_needed(tmp_path: Path) -> None:
    assert Specs(tmp_path / "nothing").published == set()
