"""Container groups run a local process, and tell of it as Container Instances does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.azure.bodies import GROUP, JOB, container_group, says
from tests.azure.cloud import Cloud
from tests.azure.processes import KEPT_BYTES, KEPT_LINES
from tests.azure.sdk import Sdk
from tests.e2e.driver import is_running, wait_for

_ONE = "import sys; print('one run', flush=True); sys.exit(int(sys.argv[1]))"
_SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
_FAMILY = """
import subprocess, sys, time
code = "import time; time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def _create(sdk: Sdk, command: list[str], **more: Any) -> Any:
    group = container_group(command, **more)
    return sdk.containers.container_groups.begin_create_or_update(GROUP, "job", group).result()


def _get(sdk: Sdk) -> Any:
    return sdk.containers.container_groups.get(GROUP, "job")


def _view(sdk: Sdk) -> Any:
    return _get(sdk).containers[0].instance_view


def _log(sdk: Sdk, **more: Any) -> str:
    content = sdk.containers.containers.list_logs(GROUP, "job", "job", **more).content
    assert content is not None
    return str(content)


def _wait_for_log(sdk: Sdk) -> str:
    return str(wait_for(lambda: _log(sdk), "the container prints"))


@pytest.mark.parametrize(
    ("code", "state", "detail"), [(0, "Succeeded", "Completed"), (3, "Failed", "Error")]
)
def test_creating_a_group_starts_it_and_keeps_how_it_ended(
    cloud: Cloud, sdk: Sdk, code: int, state: str, detail: str
) -> None:
    made = _create(sdk, [*says(_ONE), str(code)])
    assert made.provisioning_state == "Succeeded"
    assert cloud.wait_for_group(JOB) == state
    view = _view(sdk)
    assert _get(sdk).instance_view.state == state
    assert view.current_state.state == "Terminated"
    assert view.current_state.exit_code == code
    assert view.current_state.detail_status == detail
    assert view.current_state.start_time <= view.current_state.finish_time
    assert view.restart_count == 0
    assert view.previous_state is None
    assert [one.name for one in view.events] == ["Pulling", "Pulled", "Started"]
    assert _log(sdk) == "one run\n"


def test_the_container_has_the_groups_variables_and_the_platforms_and_no_others(
    cloud: Cloud, sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMERAI_FROM_THIS_MACHINE", "leaks")
    _create(
        sdk,
        says("import os; print(*(f'{k}={v}' for k, v in sorted(os.environ.items())), sep=chr(10))"),
        plain={"PLAIN": "to be seen"},
        secret={"HIDDEN": "not to be seen"},
    )
    cloud.wait_for_group(JOB)
    given = dict(line.split("=", 1) for line in _log(sdk).splitlines())
    assert given["PLAIN"] == "to be seen"
    assert given["HIDDEN"] == "not to be seen"
    assert given["REQUESTS_CA_BUNDLE"] == str(cloud.ca_bundle)
    assert Path(given["HOME"]) != Path(os.environ["HOME"])
    assert set(given) - {"LC_CTYPE"} == {
        "PLAIN",
        "HIDDEN",
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "HOSTNAME",
        "PYTHONPATH",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    }


def test_a_secure_value_never_comes_back(cloud: Cloud, sdk: Sdk) -> None:
    made = _create(sdk, says("pass"), plain={"PLAIN": "seen"}, secret={"HIDDEN": "unseen"})
    for group in (made, _get(sdk)):
        variables = {one.name: one for one in group.containers[0].environment_variables}
        assert variables["PLAIN"].value == "seen"
        assert variables["HIDDEN"].value is variables["HIDDEN"].secure_value is None
    assert "unseen" not in sdk.send("GET", JOB).text()
    assert "unseen" not in repr(cloud.requests)


def test_without_a_command_the_image_runs_the_job(cloud: Cloud, sdk: Sdk) -> None:
    group = container_group([])
    group.containers[0].command = None
    sdk.containers.container_groups.begin_create_or_update(GROUP, "job", group).result()
    cloud.wait_for_group(JOB)
    assert "NUMERAI_PUBLIC_ID" in _log(sdk), "the job says which settings it lacks"
    assert _view(sdk).current_state.exit_code == 2


def test_a_running_group_says_so_and_its_log_is_live(cloud: Cloud, sdk: Sdk) -> None:
    _create(sdk, says(_SLEEPS))
    assert _wait_for_log(sdk) == "up\n"
    assert _get(sdk).instance_view.state == "Running"
    state = _view(sdk).current_state
    assert (state.state, state.exit_code, state.finish_time) == ("Running", None, None)


def test_start_is_204_while_it_runs_and_runs_it_again_when_it_has_ended(
    cloud: Cloud, sdk: Sdk
) -> None:
    _create(sdk, says(_SLEEPS))
    first = cloud.run_of(JOB)
    assert sdk.send("POST", f"{JOB}/start").status_code == 204
    assert cloud.run_of(JOB) is first
    sdk.containers.container_groups.stop(GROUP, "job")
    assert _get(sdk).instance_view.state == "Stopped"
    sdk.containers.container_groups.begin_start(GROUP, "job").result()
    assert cloud.run_of(JOB) is not first
    assert _get(sdk).instance_view.state == "Running"


def test_while_a_group_is_being_started_it_refuses_to_be_touched(tmp_path: Path) -> None:
    with Cloud(tmp_path, pull=600.0) as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.add_group(GROUP)
        with Sdk(cloud, patch) as sdk:
            group = container_group(says("pass"))
            sdk.containers.container_groups.begin_create_or_update(
                GROUP, "job", group, polling=False
            )
            assert _get(sdk).instance_view.state == "Pending"
            for path in ("start", "stop", "restart"):
                refused = sdk.refused(sdk.send("POST", f"{JOB}/{path}"))
                assert refused == (409, "ContainerGroupTransitioning")
            logs = sdk.send("GET", f"{JOB}/containers/job/logs")
            assert sdk.refused(logs) == (409, "ContainerGroupTransitioning")


@pytest.mark.parametrize("change", [{"cpu": 2.0}, {"policy": "OnFailure"}])
def test_what_aci_cannot_change_in_place_is_refused_and_nothing_has_changed(
    cloud: Cloud, sdk: Sdk, change: dict[str, Any]
) -> None:
    _create(sdk, says(_SLEEPS))
    before = cloud.run_of(JOB)
    with pytest.raises(HttpResponseError, match="you must delete it first") as refused:
        _create(sdk, says(_SLEEPS), **change)
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidContainerGroupUpdate"
    assert cloud.run_of(JOB) is before
    assert before.is_running


def test_an_update_starts_the_group_again_with_the_new_variables(cloud: Cloud, sdk: Sdk) -> None:
    show = says("import os; print(os.environ['WHICH'])")
    for which in ("first", "second"):
        _create(sdk, show, plain={"WHICH": which})
        cloud.wait_for_group(JOB)
        assert _log(sdk) == f"{which}\n"


@pytest.mark.parametrize(("policy", "code"), [("Always", 0), ("OnFailure", 7)])
def test_a_policy_restarts_the_container_and_remembers_its_last_end(
    cloud: Cloud, sdk: Sdk, policy: str, code: int
) -> None:
    _create(sdk, [*says(_ONE), str(code)], policy=policy)
    wait_for(lambda: _view(sdk).restart_count >= 2, "it restarts")
    view = _view(sdk)
    assert view.previous_state.state == "Terminated"
    assert view.previous_state.exit_code == code
    sdk.containers.container_groups.stop(GROUP, "job")
    count = _view(sdk).restart_count
    assert _get(sdk).instance_view.state == "Stopped"
    assert _view(sdk).restart_count == count


def test_the_platform_may_restart_a_container_whatever_its_policy(cloud: Cloud, sdk: Sdk) -> None:
    _create(sdk, says(_SLEEPS))
    cloud.run_of(JOB).move()
    wait_for(lambda: _view(sdk).restart_count == 1, "it runs elsewhere")
    assert _view(sdk).previous_state.exit_code == 137
    assert _get(sdk).instance_view.state == "Running"


def test_of_a_log_the_end_is_kept(cloud: Cloud, sdk: Sdk) -> None:
    _create(sdk, says("for n in range(5000): print(n)"))
    cloud.wait_for_group(JOB)
    assert _log(sdk).splitlines() == [str(n) for n in range(5000 - KEPT_LINES, 5000)]
    assert _log(sdk, tail=2) == "4998\n4999\n"
    _create(sdk, says("for n in range(100): print('x' * 999)"))
    cloud.wait_for_group(JOB)
    assert len(_log(sdk)) == KEPT_BYTES


def test_after_a_delete_the_group_its_process_and_its_logs_are_gone(cloud: Cloud, sdk: Sdk) -> None:
    _create(sdk, says(_FAMILY))
    child = int(_wait_for_log(sdk))
    process = cloud.run_of(JOB).containers[0].process
    assert process is not None
    assert is_running(child)
    sdk.containers.container_groups.begin_delete(GROUP, "job").result()
    assert not is_running(process.pid)
    wait_for(lambda: not is_running(child), "its grandchild is gone")
    with pytest.raises(ResourceNotFoundError):
        _get(sdk)
    with pytest.raises(ResourceNotFoundError):
        _log(sdk)
    assert list((cloud.folder).glob("container-*")) == []


def test_closing_the_cloud_leaves_no_process(tmp_path: Path) -> None:
    with Cloud(tmp_path) as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.add_group(GROUP)
        with Sdk(cloud, patch) as sdk:
            _create(sdk, says(_FAMILY), policy="Always")
            child = int(_wait_for_log(sdk))
            process = cloud.run_of(JOB).containers[0].process
            assert process is not None
    assert not is_running(process.pid)
    wait_for(lambda: not is_running(child), "its grandchild is gone")


def test_an_image_of_a_registry_needs_an_identity_that_may_pull(cloud: Cloud, sdk: Sdk) -> None:
    with pytest.raises(HttpResponseError, match="is not accessible"):
        _create(sdk, says("pass"), image="mine.azurecr.io/job:1")
    assert _get(sdk).provisioning_state == "Failed"
