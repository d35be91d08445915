"""Checks before the round, from deploy.yaml to Azure and away again."""

from __future__ import annotations

from tests.deploy.place import Place
from tests.deploy.samples import CHECK

RUNS = [{"days": ["Tue"], "at": ["12:05"]}]


def checking(place: Place) -> set[str]:
    """What there is for checks."""
    return {one.rpartition("/")[2] for one in place.there() if "numerai-job-check" in one}


def test_they_come_and_go_with_their_trigger_and_leave_the_job_alone(place: Place) -> None:
    place.write(triggers=RUNS)
    assert place.run("apply").code == 0
    place.settled()
    job, was = place.cloud.run_of(place.names.group), place.there()
    place.write(triggers=[*RUNS, CHECK])
    planned = place.run("plan").out
    assert "\nStarts at once: a check (container group numerai-job-check), for Azure " in planned
    assert place.run("apply").code == 0
    place.cloud.wait_for_group(place.names.check_group)
    assert {"numerai-job-check", "numerai-job-check-1"} < checking(place)
    assert place.run("apply").out == "numerai-job: nothing to change\n"
    place.write(triggers=RUNS)
    removed = place.run("apply")
    assert (removed.code, removed.err) == (0, "")
    assert "deleted container group numerai-job-check" in removed.out
    assert place.there() == was
    assert place.cloud.run_of(place.names.group) is job
    assert place.run("apply").out == "numerai-job: nothing to change\n"


def test_destroy_takes_them_along(place: Place) -> None:
    place.write(triggers=[CHECK])
    place.run("apply")
    place.cloud.wait_for_group(place.names.check_group)
    assert checking(place)
    gone = place.run("destroy", "--yes")
    assert (gone.code, gone.err) == (0, "")
    assert checking(place) == set()
    kinds = {one.rpartition("/providers/")[2].partition("/")[0] for one in place.there()}
    assert kinds == {"microsoft.storage"}


def test_a_group_of_that_name_that_others_made_is_left_alone(place: Place) -> None:
    place.write(name="numerai-job-check", triggers=RUNS)
    place.run("apply")
    place.settled()
    was = place.there()
    place.write(name="numerai-job", triggers=[CHECK], storage={"account": "another0"})
    refused = place.run("apply")
    assert refused.code == 2
    told = "container group numerai-job-check: belongs to the deployment numerai-job-check"
    assert told in refused.err
    assert place.there() == was
