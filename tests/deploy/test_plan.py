"""What a plan makes of what it finds: each step, its sentence, and what starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from deploy.cost import cost_of
from deploy.found import found_of, kind_of
from deploy.names import MODELS, RUNS, Names
from deploy.pieces import Found, Kind
from deploy.plan import Action, Step, decide, nothing_to_change, to_delete, to_deploy
from deploy.plan_text import plan_text
from deploy.settings import DeploySettings
from deploy.template import render
from job.errors import UnavailableError, UsageError
from tests.deploy.samples import (
    CHECK,
    DEPLOYER,
    FILE,
    TAG,
    deployed,
    evaluated,
    rendered,
    settings,
)

ACR = {"registry": {"acr": "myjobs"}, "image": "myjobs.azurecr.io/job:1"}


def changed(
    after: DeploySettings, there: Mapping[str, Found], former: tuple[Found, ...] = ()
) -> list[Step]:
    """The steps that do something."""
    steps = decide(rendered(after).pieces, there, former)
    return [step for step in steps if step.action is not Action.KEEP]


def one(steps: list[Step]) -> Step:
    (step,) = steps
    return step


def edited(there: Mapping[str, Found], resource_id: str, **changes: Any) -> dict[str, Found]:
    """What there is, with another look at one resource."""
    key = resource_id.lower()
    return {**there, key: replace(there[key], **changes)}


def without(there: Mapping[str, Found], *ids: str) -> dict[str, Found]:
    gone = {resource_id.lower() for resource_id in ids}
    return {key: thing for key, thing in there.items() if key not in gone}


class TestNothingThere:
    def test_everything_is_created_and_the_job_starts(self) -> None:
        steps = changed(settings(**ACR), {})
        assert {step.action for step in steps} == {Action.CREATE}
        assert [step.name for step in steps if step.starts] == ["numerai-job"]
        assert [step.kind for step in steps].count(Kind.ASSIGNMENT) == 6
        assert [step.kind for step in steps].count(Kind.WORKFLOW) == 3

    def test_an_account_of_ones_own_gets_containers_and_nothing_else(self) -> None:
        steps = changed(settings(storage={"account": "old0", "create": False}), {})
        assert {Kind.STORAGE, Kind.BLOBS, Kind.LIFECYCLE} & {step.kind for step in steps} == set()
        assert [s.name for s in steps if s.kind is Kind.CONTAINER] == [MODELS, RUNS]

    def test_without_triggers_there_is_nobody_to_start_it(self) -> None:
        steps = changed(settings(triggers=[]), {})
        assert {Kind.WORKFLOW, Kind.ROLE} & {step.kind for step in steps} == set()
        assert [s.name for s in steps if s.kind is Kind.IDENTITY] == ["numerai-job-identity"]


class TestTheContainerGroup:
    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"cpu": 4}, "vCPU 2 becomes 4"),
            ({"memory": 16, "cpu": 4}, "vCPU 2 becomes 4 and memory in GB 8 becomes 16"),
        ],
    )
    def test_is_deleted_and_created_for_what_azure_does_not_change(
        self, changes: dict[str, Any], why: str
    ) -> None:
        steps = changed(settings(**changes), deployed(settings()))
        group = steps[0]
        assert (group.action, group.starts) == (Action.REPLACE, True)
        assert group.sentence == (
            f"replace container group numerai-job: {why}: Azure cannot change that in place, so it "
            "is deleted and created; the job starts at once"
        )
        # A role assignment goes with what it is on.
        assert [(s.action, s.name) for s in steps[1:]] == [
            (Action.CREATE, "the workflows start the job")
        ]
        assert [step.id for step in to_delete(steps)] == [group.id]
        assert to_deploy(steps) == (group.id, steps[1].id)

    @pytest.mark.parametrize(("fact", "seen"), [("restart policy", "Always"), ("OS", "Windows")])
    def test_is_replaced_where_others_changed_it(self, fact: str, seen: str) -> None:
        found = settings()
        there, group = deployed(found), Names(found).group
        facts = {**there[group.lower()].facts, fact: seen}
        step = changed(found, edited(there, group, facts=facts))[0]
        assert (step.action, step.kind) == (Action.REPLACE, Kind.GROUP)
        assert f"{fact} {seen} becomes" in step.sentence

    @pytest.mark.parametrize(
        "changes",
        [
            {"image": "ghcr.io/someone/numerai-job:2"},
            {"settings": {"NUMERAI_LATE": "submit"}},
            {"secrets": ["SIGNALS_KEY"]},
        ],
    )
    def test_is_changed_in_place_for_the_rest(self, changes: dict[str, Any]) -> None:
        step = one(changed(settings(**changes), deployed(settings())))
        assert (step.action, step.kind, step.starts) == (Action.CHANGE, Kind.GROUP, True)
        assert "it was made from another configuration" in step.sentence

    def test_is_changed_when_a_secret_is_another_one(self) -> None:
        found = settings()
        there = edited(deployed(found), Names(found).group, secrets="f" * 32)
        step = one(changed(found, there))
        assert (step.action, step.starts) == (Action.CHANGE, True)
        assert "the secrets are others" in step.sentence

    def test_is_sent_again_where_azure_did_not_bring_it_about(self) -> None:
        found = settings()
        step = one(changed(found, edited(deployed(found), Names(found).group, failed=True)))
        assert (step.action, step.starts) == (Action.CHANGE, True)
        assert "Azure could not bring it about the last time" in step.sentence

    def test_is_kept_where_nobody_knows_the_secrets(self) -> None:
        found = settings()
        steps = decide(render(found, deployer=DEPLOYER).pieces, deployed(found))
        assert nothing_to_change(steps)

    def test_tells_of_the_run_that_a_change_breaks_off(self) -> None:
        found = settings()
        there = edited(deployed(found), Names(found).group, running=True)
        assert changed(found, there) == []
        step = one(changed(settings(settings={"NUMERAI_LATE": "submit"}), there))
        assert step.sentence.endswith("and the run that is under way is broken off")


class TestSchedules:
    def test_a_new_one_starts_nothing(self) -> None:
        more = [*FILE["triggers"], {"days": ["Sun"], "at": ["9:00"]}]
        step = one(changed(settings(triggers=more), deployed(settings())))
        assert (step.action, step.name, step.starts) == (
            Action.CREATE,
            "numerai-job-trigger-3",
            False,
        )

    def test_another_time_changes_the_workflow_alone(self) -> None:
        triggers = [{"days": ["Tue"], "at": ["12:10"], "wait": "15m"}, {"webhook": True}]
        before = settings(triggers=[{**triggers[0], "at": ["12:05"]}, triggers[1]])
        step = one(changed(settings(triggers=triggers), deployed(before)))
        assert (step.action, step.name) == (Action.CHANGE, "numerai-job-trigger-1")

    def test_one_that_was_switched_off_is_switched_on(self) -> None:
        found = settings()
        there = deployed(found)
        its = Names(found).webhook
        facts = {**there[its.lower()].facts, "state": "Disabled"}
        step = one(changed(found, edited(there, its, facts=facts)))
        assert (step.action, step.starts) == (Action.CHANGE, False)
        assert "state Disabled becomes Enabled" in step.sentence

    def test_what_is_not_asked_for_any_more_is_deleted_in_order(self) -> None:
        before = settings()
        there = deployed(before)
        steps = changed(settings(triggers=[]), there, tuple(there.values()))
        assert [(s.action, s.kind) for s in steps] == [
            (Action.CHANGE, Kind.GROUP),  # its wait is another one
            (Action.DELETE, Kind.WORKFLOW),
            (Action.DELETE, Kind.WORKFLOW),
            (Action.DELETE, Kind.WORKFLOW),
            (Action.DELETE, Kind.ASSIGNMENT),
            (Action.DELETE, Kind.ROLE),
            (Action.DELETE, Kind.IDENTITY),
        ]
        assert all("deploy.yaml does not ask for it" in s.sentence for s in steps[1:])

    def test_what_may_be_left_is_named(self) -> None:
        every = [*FILE["triggers"], CHECK]
        with_all = {piece.id for piece in rendered(settings(triggers=every)).pieces}
        for triggers in ([], FILE["triggers"], [CHECK], every):
            template = rendered(settings(triggers=triggers))
            ids = {piece.id for piece in template.pieces}
            schedules = {i for i in with_all if "-trigger-" in i or "-check-" in i}
            assert {piece.id for piece in template.unused} == with_all - ids - schedules

    def test_the_storage_account_is_never_deleted(self) -> None:
        there = deployed(settings())
        after = settings(storage={"account": "another0"})
        steps = changed(after, there, tuple(there.values()))
        assert Action.DELETE not in {
            s.action for s in steps if s.kind in {Kind.STORAGE, Kind.CONTAINER, Kind.BLOBS}
        }


class TestChecks:
    def test_have_a_container_group_that_starts_with_a_check(self) -> None:
        more = settings(triggers=[*FILE["triggers"], CHECK])
        steps = changed(more, deployed(settings()))
        assert [(s.action, s.kind, s.name) for s in steps] == [
            (Action.CREATE, Kind.GROUP, "numerai-job-check"),
            (Action.CREATE, Kind.ASSIGNMENT, "the workflows start the checks"),
            (Action.CREATE, Kind.WORKFLOW, "numerai-job-check-1"),
        ]
        assert steps[0].starts
        assert steps[0].sentence.endswith("; a check starts at once")
        text = plan_text(more, steps, cost=cost_of(more))
        assert "Starts at once: a check (container group numerai-job-check), for Azure" in text

    def test_go_with_the_last_trigger_that_asks_for_them(self) -> None:
        there = deployed(settings(triggers=[*FILE["triggers"], CHECK]))
        steps = changed(settings(), there, tuple(there.values()))
        assert [(s.action, s.kind, s.name) for s in steps] == [
            (Action.DELETE, Kind.WORKFLOW, "numerai-job-check-1"),
            (Action.DELETE, Kind.ASSIGNMENT, steps[1].name),
            (Action.DELETE, Kind.GROUP, "numerai-job-check"),
        ]
        assert steps[1].id.startswith(Names(settings()).check_group)
        assert not any(step.starts for step in steps)

    def test_are_made_anew_without_touching_the_job(self) -> None:
        found = settings(triggers=[*FILE["triggers"], CHECK])
        there, group = deployed(found), Names(found).check_group
        facts = {**there[group.lower()].facts, "restart policy": "Always"}
        steps = changed(found, edited(there, group, facts=facts))
        assert [(s.action, s.name) for s in steps] == [
            (Action.REPLACE, "numerai-job-check"),
            (Action.CREATE, "the workflows start the checks"),
        ]

    def test_get_the_secrets_that_the_job_gets(self) -> None:
        found = settings(triggers=[*FILE["triggers"], CHECK])
        names, there = Names(found), deployed(found)
        for group in (names.group, names.check_group):
            there = edited(there, group, secrets="f" * 32)
        steps = changed(found, there)
        assert [(s.name, s.starts) for s in steps] == [
            ("numerai-job", True),
            ("numerai-job-check", True),
        ]
        assert all("the secrets are others" in step.sentence for step in steps)

    def test_leave_the_job_alone_where_nothing_else_starts_it(self) -> None:
        steps = changed(settings(triggers=[CHECK]), {})
        rights = [s for s in steps if s.piece is not None and s.piece.principal is not None]
        starter = Names(settings()).starter
        assert [s.name for s in rights if s.piece and s.piece.principal == starter] == [
            "the workflows start the checks"
        ]


class TestIdentities:
    def test_a_right_that_a_former_identity_left_behind_is_replaced(self) -> None:
        found = settings()
        names, there = Names(found), deployed(found)
        steps = changed(found, without(there, names.identity))
        assert [(s.action, s.name) for s in steps] == [
            (Action.CREATE, "numerai-job-identity"),
            (Action.REPLACE, "numerai-job"),
            (Action.REPLACE, "the job reads models"),
            (Action.REPLACE, "the job writes runs"),
            (Action.CREATE, "the workflows start the job"),
        ]
        assert steps[1].sentence.endswith("its identity is made anew; the job starts at once")

    def test_workflows_are_given_a_starter_that_is_made_anew(self) -> None:
        found = settings()
        steps = changed(found, without(deployed(found), Names(found).starter))
        assert {(s.action, s.kind) for s in steps} == {
            (Action.CREATE, Kind.IDENTITY),
            (Action.REPLACE, Kind.ASSIGNMENT),
            (Action.CHANGE, Kind.WORKFLOW),
        }

    def test_an_assignment_for_another_principal_is_replaced(self) -> None:
        found = settings()
        there = deployed(found)
        its = next(p for p in rendered(found).pieces if p.name == "the job reads models")
        step = one(changed(found, edited(there, its.id, principal_id="someone-else")))
        assert step.action is Action.REPLACE
        assert "an identity that is there no longer" in step.sentence

    def test_an_assignment_of_another_role_is_replaced(self) -> None:
        found = settings()
        its = next(p for p in rendered(found).pieces if p.name == "the job reads models")
        step = one(changed(found, edited(deployed(found), its.id, facts={"role": "owner"})))
        assert (step.action, step.sentence) == (
            Action.REPLACE,
            "replace role assignment: the job reads models: it gives another role",
        )

    def test_a_role_that_allows_more_is_changed_back(self) -> None:
        found = settings()
        names = Names(found)
        facts = {"actions": "Microsoft.ContainerInstance/*"}
        step = one(changed(found, edited(deployed(found), names.start_role, facts=facts)))
        assert (step.action, step.kind) == (Action.CHANGE, Kind.ROLE)

    def test_who_deploys_next_gets_rights_of_their_own(self) -> None:
        found = settings()
        other = "aaaaaaaa-0000-0000-0000-000000000000"
        pieces = render(found, deployer=other, secrets_tag=TAG).pieces
        steps = [s for s in decide(pieces, deployed(found)) if s.action is not Action.KEEP]
        assert [(s.action, s.kind) for s in steps] == [(Action.CREATE, Kind.ASSIGNMENT)] * 2

    def test_rights_have_one_name_however_the_ids_are_spelt(self) -> None:
        # The same right under a second name is refused: 409 RoleAssignmentExists.
        spelt = settings(resource_group="Numerai", registry={"acr": "MyJobs"}, image=ACR["image"])
        steps = decide(rendered(spelt).pieces, deployed(settings(**ACR)))
        kinds = {step.kind for step in steps if step.action is Action.KEEP}
        assert {Kind.ASSIGNMENT, Kind.ROLE} <= kinds
        assert {step.action for step in steps} == {Action.KEEP, Action.CHANGE}


class TestInTheWay:
    def test_what_others_made_is_left_alone(self) -> None:
        found = settings()
        names, there = Names(found), deployed(found)
        for resource_id in (names.storage, names.group):
            there = edited(there, resource_id, owner=None)
        with pytest.raises(UsageError, match="nothing was changed") as caught:
            changed(found, there)
        assert caught.value.faults == (
            "storage account numeraimodels0: was not made by this tool; set `storage: {create: "
            "false}` to use it as it is, or take another name",
            "container group numerai-job: was not made by this tool; take another `name`",
        )

    def test_what_another_deployment_made_is_left_alone(self) -> None:
        shared = deployed(settings(name="first"))
        with pytest.raises(UsageError) as caught:
            changed(settings(name="second"), shared)
        assert caught.value.faults == (
            "storage account numeraimodels0: belongs to the deployment first, which has its models "
            "and records in it; take another account, or `destroy` that deployment and set "
            "`storage: {create: false}`, if this one is to take its place",
        )

    def test_the_containers_of_another_deployment_are_left_alone(self) -> None:
        shared = settings(name="first", storage={"account": "old0", "create": False})
        with pytest.raises(UsageError) as caught:
            changed(replace(shared, name="second"), deployed(shared))
        assert [fault.partition(", ")[0] for fault in caught.value.faults] == [
            f"blob container {name}: belongs to the deployment first" for name in (MODELS, RUNS)
        ]

    def test_a_name_that_ends_like_the_group_of_the_checks_is_told(self) -> None:
        there = deployed(settings(triggers=[CHECK]))
        with pytest.raises(UsageError) as caught:
            changed(settings(name="numerai-job-check", storage={"account": "other0"}), there)
        assert caught.value.faults == (
            "container group numerai-job-check: belongs to the deployment numerai-job; take "
            "another `name`",
        )

    def test_an_account_of_ones_own_needs_no_tag(self) -> None:
        found = settings(storage={"account": "numeraimodels0", "create": False})
        there = edited(deployed(settings()), Names(found).storage, owner=None)
        assert changed(found, there) == []

    def test_what_holds_something_is_not_moved(self) -> None:
        with pytest.raises(UsageError) as caught:
            changed(settings(location="westeurope"), deployed(settings()))
        assert caught.value.faults == (
            "identity numerai-job-identity: is in swedencentral and cannot be moved; set "
            "`location: swedencentral`",
            "identity numerai-job-starter: is in swedencentral and cannot be moved; set "
            "`location: swedencentral`",
            "storage account numeraimodels0: is in swedencentral and cannot be moved; set "
            "`location: swedencentral`",
        )

    def test_a_group_elsewhere_is_made_anew(self) -> None:
        found = settings()
        there, group = deployed(found), Names(found).group
        facts = {**there[group.lower()].facts, "region": "westeurope"}
        step = changed(found, edited(there, group, facts=facts))[0]
        assert (step.action, step.kind) == (Action.REPLACE, Kind.GROUP)


class TestWhatAzureAnswers:
    @pytest.mark.parametrize("action", [None, "baseBlob", "version"])
    def test_former_versions_that_are_kept_for_ever_are_seen(self, action: str | None) -> None:
        found = settings()
        policy = Names(found).lifecycle
        actions = {action: {"delete": {"daysAfterCreationGreaterThan": 30}}}
        rule = {"enabled": action != "version", "definition": {"actions": actions}}
        body = {"properties": {"policy": {"rules": [rule] if action else []}}}
        there = {**deployed(found), policy.lower(): found_of(policy, body)}
        step = one(changed(found, there))
        assert (step.action, step.kind) == (Action.CHANGE, Kind.LIFECYCLE)
        assert "former versions kept becomes deleted after 30 days" in step.sentence

    def test_shared_keys_that_nobody_switched_off_are_seen(self) -> None:
        found = settings()
        names = Names(found)
        body = evaluated(found)[names.storage]
        del body["properties"]["allowSharedKeyAccess"]
        there = {**deployed(found), names.storage.lower(): found_of(names.storage, body)}
        step = one(changed(found, there))
        assert (step.action, step.kind) == (Action.CHANGE, Kind.STORAGE)
        assert "shared keys on becomes off" in step.sentence

    def test_is_compared_without_regard_to_case_and_spelling(self) -> None:
        found = settings()
        there = {}
        for resource_id, body in evaluated(found).items():
            if "location" in body:
                body["location"] = "Sweden Central"
            shouted = resource_id.upper()
            shown = found_of(resource_id, body)
            there[shouted] = replace(
                shown, id=shouted, principal_id=deployed(found)[resource_id.lower()].principal_id
            )
        assert changed(found, there) == []

    def test_a_running_group_is_seen_running(self) -> None:
        names = Names(settings())
        body = evaluated(settings())[names.group]
        for state, running in (("Running", True), ("Succeeded", False), ("Stopped", False)):
            body["properties"]["instanceView"] = {"state": state}
            assert found_of(names.group, body).running is running

    @pytest.mark.parametrize(
        ("state", "failed"), [("Failed", True), ("Canceled", True), ("Succeeded", False)]
    )
    def test_what_was_not_brought_about_is_seen(self, state: str, failed: bool) -> None:
        names = Names(settings())
        body = evaluated(settings())[names.group]
        assert not found_of(names.group, body).failed
        body["properties"]["provisioningState"] = state
        assert found_of(names.group, body).failed is failed

    @pytest.mark.parametrize("body", [{}, {"location": "x", "properties": {"containers": []}}])
    def test_an_answer_with_a_hole_is_not_understood(self, body: dict[str, Any]) -> None:
        with pytest.raises(UnavailableError, match="cannot understand what Azure answered"):
            found_of(Names(settings()).group, body)

    def test_other_resources_are_no_part_of_a_deployment(self) -> None:
        assert kind_of("/subscriptions/x/providers/Microsoft.Web/sites/a") is None
        with pytest.raises(UnavailableError, match="nothing that a deployment consists of"):
            found_of("/subscriptions/x/providers/Microsoft.Web/sites/a", {})


class TestText:
    def test_says_what_is_done_what_starts_what_it_costs_and_what_to_mind(self) -> None:
        found = settings(image="ghcr.io/a/b:1", cpu=4)
        steps = decide(rendered(found).pieces, deployed(settings()))
        text = plan_text(found, steps, cost=cost_of(found), warnings=["mind that"])
        lines = text.splitlines()
        assert lines[0] == "numerai-job in resource group numerai, swedencentral"
        assert "1 to create, 1 to delete and create and 15 as it is to be." in lines
        assert any(line.startswith("  ! replace container group numerai-job: ") for line in lines)
        assert (
            "Starts at once: the job (container group numerai-job), for Azure starts what it "
            "creates or changes." in lines
        )
        assert any("a run that submits" in line and line.endswith("$0.042") for line in lines)
        assert lines[-1] == "  - mind that"

    def test_says_when_there_is_nothing_to_change(self) -> None:
        found = settings()
        steps = decide(rendered(found).pieces, deployed(found))
        text = plan_text(found, steps, cost=cost_of(found))
        assert "Nothing to change: all 17 resources are as they are to be." in text
        assert "Nothing starts at once." in text
        assert "Warnings" not in text

    def test_says_when_nobody_was_asked(self) -> None:
        found = settings()
        text = plan_text(found, decide(render(found).pieces, {}), cost=cost_of(found), looked=False)
        assert "Nobody is signed in to Azure" in text
