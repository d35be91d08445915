"""`plan` says what `apply` does, `apply` does it once, and both tell no secret."""

from __future__ import annotations

import json
import subprocess
from argparse import Namespace
from typing import Any

import pytest

from deploy.deployments import ActiveError
from deploy.session import begin
from job.secret import Secret
from tests.azure.cloud import Cloud
from tests.deploy.place import Place
from tests.e2e.driver import wait_for

WRITING = {"PUT", "PATCH", "DELETE"}


def writes(cloud: Cloud) -> list[str]:
    """The operations that changed something, or were to."""
    return [asked.operation for asked in cloud.requests if asked.method in WRITING]


def deployments(cloud: Cloud) -> int:
    """How many were to be begun."""
    return [asked.operation for asked in cloud.requests].count("deployments.put")


def hooks(place: Place) -> dict[str, str]:
    """The models that have a webhook."""
    return {one.name: one.webhook for one in place.box.models if one.webhook}


def test_it_makes_what_was_planned(place: Place) -> None:
    planned = place.run("plan")
    assert planned.code == 0
    assert writes(place.cloud) == []
    applied = place.run("apply")
    assert (applied.code, applied.err) == (0, "")
    named = [line.split(" (")[0] for line in planned.out.splitlines() if line.startswith("  + ")]
    assert named
    for line in named:
        assert f"  done: {line.removeprefix('  + create ').replace(': ', ' ')}" in applied.out
    assert len(place.there()) == len(named)
    assert f"{len(named)} made" in applied.out


def test_azure_is_asked_what_it_foresees_as_soon_as_there_is_a_resource_group(
    place: Place,
) -> None:
    def asked() -> int:
        return [one.operation for one in place.cloud.requests].count("deployments.whatIf")

    first = place.run("plan")
    assert first.code == 0
    assert "Azure was not asked what it foresees: it foresees nothing without the" in first.out
    assert ("Azure itself foresees" in first.out, asked()) == (False, 0)
    place.cloud.add_group("numerai", "swedencentral")
    second = place.run("plan")
    assert second.code == 0
    assert "is not there yet" not in second.out
    assert "Azure was not asked" not in second.out
    assert "Azure itself foresees:" in second.out
    assert "\n  create storage account numeraimodels0\n" in second.out
    assert asked() == 1


def test_done_again_there_is_nothing_to_change(place: Place) -> None:
    place.run("apply")
    place.settled()
    before, was = place.there(), len(writes(place.cloud))
    again = place.run("apply")
    assert (again.code, again.out) == (0, "numerai-job: nothing to change\n")
    assert place.there() == before
    assert len(writes(place.cloud)) == was
    assert place.cloud.run_of(place.names.group).state == "Succeeded"
    assert "Nothing to change: all" in place.run("plan").out


def test_the_container_group_starts_when_it_is_made(place: Place) -> None:
    assert "\nStarts at once: " in place.run("plan").out
    place.run("apply")
    place.settled()
    assert "hello from the container" in place.run("logs").out


def test_what_cannot_be_changed_in_place_is_made_anew(place: Place) -> None:
    place.run("apply")
    place.settled()
    place.write(cpu=4)
    planned = place.run("plan")
    assert "vCPU 2 becomes 4: Azure cannot change that in place" in planned.out
    applied = place.run("apply")
    assert applied.code == 0
    assert "deleted container group numerai-job" in applied.out
    container = place.cloud.show(place.names.group)["properties"]["containers"][0]
    assert container["properties"]["resources"]["requests"]["cpu"] == 4
    place.settled()
    assert "nothing to change" in place.run("apply").out


def test_only_what_differs_is_deployed(place: Place) -> None:
    place.run("apply")
    place.settled()
    place.write(triggers=[{"days": ["Tue"], "at": ["12:35"]}, {"webhook": True}])
    runs = place.cloud.run_of(place.names.group)
    applied = place.run("apply")
    assert "deploying 1 resource\n" in applied.out
    assert "done: workflow numerai-job-trigger-1" in applied.out
    assert place.cloud.run_of(place.names.group) is runs  # a PUT would have started it


def test_a_trigger_that_is_given_up_is_deleted_with_all_that_it_had(place: Place) -> None:
    place.run("apply")
    place.settled()
    assert list(hooks(place)) == ["mallard"]
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    applied = place.run("apply")
    assert "deleted workflow numerai-job-webhook" in applied.out
    assert "Numerai does not call any more for mallard" in applied.out
    assert hooks(place) == {}
    assert place.names.webhook.lower() not in place.there()
    assert "nothing to change" in place.run("apply").out


def test_numerais_webhook_goes_before_the_workflow_that_it_leads_to(place: Place) -> None:
    place.run("apply")
    place.settled()
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    place.cloud.faults.add(where="workflows.delete", kind="forbidden")
    assert place.run("apply").code == 4  # cut short
    assert hooks(place) == {}
    assert place.names.webhook.lower() in place.there()
    assert place.run("apply").code == 0
    assert place.names.webhook.lower() not in place.there()


def test_a_workflow_stays_while_numerai_cannot_be_told(place: Place) -> None:
    place.run("apply")
    place.settled()
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    told = place.box.faults.add(
        where="setSubmissionWebhook", kind="graphql_error", message="not now", times=None
    )
    assert place.run("apply").code != 0
    assert told.hits
    assert place.names.webhook.lower() in place.there()
    place.box.faults.clear()
    assert "Numerai does not call any more for mallard" in place.run("apply").out
    assert hooks(place) == {}


def test_where_no_model_is_free_for_the_webhook_nothing_is_made(place: Place) -> None:
    place.numerai.set_webhook(place.slot("mallard"), Secret("https://example.org/theirs?sig=z"))
    refused = place.run("apply")
    assert refused.code == 2, refused.text
    assert "there is no model for Numerai's webhook; nothing was changed" in refused.err
    assert "mallard has another one already" in refused.err
    assert writes(place.cloud) == []
    place.box.add_model("merganser")
    assert "Numerai calls when a round opens for merganser" in place.run("apply").out


def test_a_webhook_that_was_taken_away_is_set_again(place: Place) -> None:
    place.run("apply")
    place.settled()
    was = hooks(place)
    place.numerai.set_webhook(place.slot("mallard"), None)
    assert place.run("apply").out == "Numerai calls when a round opens for mallard\n"
    assert hooks(place) == was


def test_a_rotated_key_is_a_change(place: Place) -> None:
    place.write(secrets=["MY_KEY"])
    place.more["MY_KEY"] = "hush-hush-1"
    place.run("apply")
    place.settled()
    assert "nothing to change" in place.run("apply").out
    place.more["MY_KEY"] = "hush-hush-2"
    assert "the secrets are others" in place.run("plan").out
    assert place.run("apply").code == 0
    assert "nothing to change" in place.run("apply").out


@pytest.mark.parametrize("named_in", ["settings", "environment"])
def test_a_token_that_numerai_refuses_takes_no_other_ones_place(
    place: Place, named_in: str
) -> None:
    if named_in == "environment":
        place.more["NUMERAI_API_URL"] = place.box.api_url
        place.write(settings={"NUMERAI_WORKERS": 1})
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])  # else the webhook asks anyway
    place.run("apply")
    place.settled()
    before, was = place.cloud.show(place.names.group), len(writes(place.cloud))
    place.more["NUMERAI_SECRET_KEY"] = "Z" * 40
    refused = place.run("apply")
    assert refused.code == 4, refused.text
    assert "; nothing was changed" in refused.err
    assert "https://numer.ai/account" in refused.err
    assert place.cloud.show(place.names.group) == before
    assert len(writes(place.cloud)) == was
    place.more["NUMERAI_SECRET_KEY"] = place.box.secret_key
    assert "nothing to change" in place.run("apply").out


def test_a_first_apply_with_a_refused_token_makes_nothing(place: Place) -> None:
    place.more["NUMERAI_SECRET_KEY"] = "Z" * 40
    assert place.run("apply").code == 4
    assert writes(place.cloud) == []


def test_a_numerai_that_cannot_be_reached_is_a_warning(place: Place) -> None:
    place.more["NUMERAI_RETRY_PATIENCE"] = "0.1s"
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    fault = place.box.faults.add(where="account", kind="status", status=503, times=None)
    applied = place.run("apply")
    assert fault.hits
    assert applied.code == 0, applied.text
    assert "warning: the API token could not be tried" in applied.out
    assert place.names.group.lower() in place.there()


@pytest.mark.slow
@pytest.mark.parametrize("until", ["begun", "over"])
def test_of_two_first_applies_one_deploys_and_the_other_looks_again(
    place: Place, until: str
) -> None:
    others: list[subprocess.Popen[str]] = []
    place.cloud.faults.add(where="workflows.put", kind="slow", seconds=1.0)

    def come_between(_: object) -> None:
        """What is there has been looked at, and nothing is made yet."""
        if not others:
            others.append(place.start("apply"))
            if until == "over":
                others[0].communicate(timeout=60)
            wait_for(lambda: deployments(place.cloud), "the other one deploys", within=60)

    place.box.on("account", come_between)
    applied = place.run("apply")
    try:
        out, err = others[0].communicate(timeout=60)
    finally:
        others[0].kill()
    assert (others[0].returncode, applied.code) == (0, 0), out + err + applied.text
    assert "another `apply` came in between" in applied.out
    assert deployments(place.cloud) == 1
    assert list(hooks(place)) == ["mallard"]
    place.settled()
    assert "nothing to change" in place.run("apply").out


def test_a_deployment_that_others_have_under_way_is_not_written_over(place: Place) -> None:
    place.cloud.add_group("numerai")
    place.cloud.faults.add(where="deployments.put", kind="stuck")
    session = begin(Namespace(file=str(place.file)), place.environ())
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
        "deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    }
    url = f"{place.names.scope}/providers/Microsoft.Resources/deployments/numerai-job"
    properties = {"mode": "Incremental", "template": template}
    session.azure.arm.put(url, "2025-04-01", {"properties": properties})  # without a mark
    with pytest.raises(ActiveError, match="at the same time"):
        session.azure.deployments.deploy(template, {}, tell=str)
    assert deployments(place.cloud) == 2  # asked once, and not again


def test_a_plan_without_secrets_says_what_it_could_not_compare(place: Place) -> None:
    place.run("apply")
    place.settled()
    place.more["NUMERAI_SECRET_KEY"] = None
    planned = place.run("plan")
    assert planned.code == 0
    assert "were not compared" in planned.out
    assert "Nothing to change" in planned.out


def test_an_apply_without_secrets_is_refused_before_anything_is_asked(place: Place) -> None:
    place.more |= {"NUMERAI_SECRET_KEY": None, "NUMERAI_PUBLIC_ID": None}
    refused = place.run("apply")
    assert refused.code == 2
    assert "NUMERAI_PUBLIC_ID: not set" in refused.err
    assert "NUMERAI_SECRET_KEY: not set" in refused.err
    assert place.cloud.requests == []


def test_without_anyone_signed_in_the_plan_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        monkeypatch.delenv(name)
        place.more[name] = None
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    place.more["AZURE_TOKEN_CREDENTIALS"] = "EnvironmentCredential"
    planned = place.run("plan")
    assert planned.code == 0
    assert "Nobody is signed in to Azure" in planned.out
    assert "+ create container group numerai-job" in planned.out
    assert "Azure was not asked: nobody is signed in to Azure here" in planned.out
    assert place.cloud.requests == []


def test_without_rights_the_plan_is_the_one_of_nothing_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run("apply")
    place.settled()
    someone = place.cloud.add_principal("someone", "User")
    for name, value in place.cloud.sign_in(someone).items():
        monkeypatch.setenv(name, value)
        place.more[name] = value
    planned = place.run("plan")
    assert planned.code == 0, planned.text
    assert "Azure does not show what there is, so this takes it that nothing" in planned.out
    assert "Azure does not show what there is: you may not " in planned.out
    assert "Nobody is signed in" not in planned.out
    assert "+ create container group numerai-job" in planned.out


def test_the_plan_says_what_no_step_says(place: Place) -> None:
    group = "`apply` makes the resource group numerai, which is not there yet."
    gone = "`apply` takes Numerai's webhook away before its workflow."
    planned = place.run("plan").out
    assert group in planned
    assert gone not in planned
    place.run("apply")
    place.settled()
    place.write(triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    planned = place.run("plan").out
    assert group not in planned
    assert gone in planned


def test_the_template_is_written_and_can_be_deployed_as_it_is(place: Place) -> None:
    target = place.folder / "numerai.json"
    assert f"The template is in {target}." in place.run("plan", "--template", str(target)).out
    template: dict[str, Any] = json.loads(target.read_text())
    assert place.run("plan", "--template", "-").out == target.read_text()
    assert {"NUMERAI_SECRET_KEY", "deployerObjectId"} <= set(template["parameters"])
    assert place.box.secret_key not in target.read_text()


def test_the_schedule_is_held_against_the_rounds(place: Place) -> None:
    assert "the last ones at Numerai" in place.run("plan").out
    place.more["NUMERAI_SECRET_KEY"] = None
    place.write(triggers=[{"days": ["Sun"], "at": ["02:00"]}])
    planned = place.run("plan").out
    assert "as Numerai documents them" in planned
    assert "the round of Tuesday" in planned


def test_what_others_have_made_is_not_touched(place: Place) -> None:
    place.cloud.add_group("numerai")
    body = {"location": "swedencentral", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    place.cloud.add(place.names.storage, body)
    before = place.there()
    refused = place.run("apply")
    assert refused.code == 2
    assert "storage account numeraimodels0: was not made by this tool" in refused.err
    assert place.there() == before
    assert writes(place.cloud) == []


def test_no_secret_is_ever_shown(place: Place) -> None:
    texts = [place.run(*words).text for words in (["plan"], ["apply"], ["apply"], ["plan"])]
    signature = hooks(place)["mallard"].rpartition("sig=")[2]
    place.settled()
    texts += [place.run(*words).text for words in (["cost"], ["logs"], ["destroy", "--yes"])]
    for text in texts:
        assert text
        for secret in (place.box.secret_key, place.box.public_id, signature, "sig="):
            assert secret not in text


def test_without_deploy_yaml_the_next_step_is_said(place: Place) -> None:
    place.file.unlink()
    refused = place.run("plan")
    assert refused.code == 2
    assert "copy deploy/example.yaml to deploy.yaml" in refused.err
