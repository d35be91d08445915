"""The job in a container: what it submits, how it ends, what it asks for when it cannot work."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from job.sandbox import FULL, Sandbox
from tests.e2e.driver import wait_for

from .container import Containers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
ZOMBIES = """
from pathlib import Path
count = 0
for path in Path("/proc").glob("[0-9]*/stat"):
    try:
        words = path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        continue  # buried since it was listed, as it should be
    count += words[:2] == ["Z", "1"]
print(count)
"""


def test_the_demo_needs_nothing_but_the_image(containers: Containers) -> None:
    ended = containers.run("demo", mounts=False)
    assert ended.code == 0, ended.err
    assert "3 already submitted" in ended.out


def test_the_image_without_model_libraries_says_where_the_demo_is(
    containers: Containers, job_image: str
) -> None:
    containers.image = job_image
    ended = containers.run("demo", mounts=False)
    assert ended.code == 2
    assert "built without --target job" in ended.err


def test_the_image_without_model_libraries_says_what_a_model_lacks(
    containers: Containers, job_image: str
) -> None:
    containers.image = job_image
    containers.manifest("duck_00")
    ended = containers.run()
    assert ended.code == 3
    assert "the model needs cloudpickle" in ended.err


def test_the_job_submits_and_the_next_run_has_nothing_to_do(containers: Containers) -> None:
    containers.manifest("duck_00", "duck_01")
    first = containers.run("--json")
    assert first.code == 0, first.err
    assert first.outcomes() == {"duck_00": "submitted", "duck_01": "submitted"}
    containers.box.traffic.clear()
    second = containers.run("--json")
    assert second.record["outcome"] == "nothing_to_do"
    assert len(containers.box.requests) == 1


@pytest.mark.parametrize("command", ["status", "check"])
def test_the_other_commands_work_the_same_way(containers: Containers, command: str) -> None:
    containers.manifest("duck_00")
    ended = containers.run(command)
    assert ended.code == 0, ended.err
    assert "duck_00" in ended.out


def test_a_model_is_tried_and_added_where_the_models_root_may_be_written_to(
    containers: Containers,
) -> None:
    containers.manifest("duck_00")
    assert containers.run().code == 0  # the data folder then has folders of that user
    containers.models.chmod(0o777)
    mounts = ["-v", f"{containers.models}:/models", "-v", f"{containers.volume}:/data"]
    words = ("add", "/models/duck_01.pkl", "--name", "duck_01")
    ended = containers.run(*words, options=["--user=4711", *mounts], mounts=False)
    assert ended.code == 0, ended.err
    assert "duck_01" in (containers.models / "models_manifest.yaml").read_text()


def test_numerais_kind_of_pickle_from_elsewhere_runs_unchanged(containers: Containers) -> None:
    shutil.copy(HERE / "upload-3.12.pkl", containers.models / "upload.pkl")
    (containers.models / "upload.pkl").chmod(0o644)
    containers.manifest("upload")
    ended = containers.run("--json")
    assert ended.outcomes() == {"upload": "submitted"}, ended.err


def test_exit_codes_come_through(containers: Containers) -> None:
    assert containers.run().code == 2  # no manifest
    containers.manifest("duck_00", "spy")
    assert containers.run().code == 3
    nobody = {"NUMERAI_API_URL": "http://127.0.0.1:9", "NUMERAI_RETRY_PATIENCE": "1s"}
    assert containers.run(env=nobody).code == 4


def test_a_model_cannot_read_the_credentials_of_the_first_process(containers: Containers) -> None:
    containers.manifest("spy")
    (row,) = containers.run("--json").record["models"]
    assert "refused: Permission denied" in row["reason"]
    assert containers.box.secret_key not in row["reason"]


def test_stopped_in_the_middle_of_a_prediction_it_ends_in_time_and_the_next_run_completes(
    containers: Containers,
) -> None:
    containers.manifest("duck_00", "sleeper")
    running = containers.start("--json")
    wait_for(lambda: containers.box.submissions, "the first submission", within=60)
    stopped_at = running.seconds
    running.stop()
    ended = running.end(within=15)
    assert ended.code == 143, ended.err
    assert ended.seconds - stopped_at < 10
    assert ended.outcomes()["duck_00"] in {"submitted", "unproven"}
    shutil.copy(containers.models / "duck_01.pkl", containers.models / "sleeper.pkl")
    again = containers.run("--json")
    assert again.outcomes() == {"duck_00": "already_submitted", "sleeper": "submitted"}, again.err


def test_a_stop_during_the_start_is_obeyed(containers: Containers) -> None:
    containers.manifest("duck_00")
    running = containers.start()
    # A container's first process is not told of a signal that it has no handler for yet.
    wait_for(lambda: running.handles(signal.SIGTERM), "its handler")
    running.stop()
    assert running.end(within=15).code in {0, 143}


def test_what_a_dead_model_process_leaves_is_buried(containers: Containers) -> None:
    containers.manifest("orphanage", "napper")
    running = containers.start("--json", env={"NUMERAI_WORKERS": "1"})
    wait_for(lambda: containers.box.requests, "the first request", within=60)
    counts: list[int] = []

    def count() -> int:
        counts.append(int(running.python(ZOMBIES)))
        return counts[-1]

    wait_for(lambda: count() >= 20, "zombies")
    wait_for(lambda: count() == 0, "their burial")
    ended = running.end()
    assert ended.outcomes() == {"orphanage": "failed", "napper": "submitted"}, counts


@pytest.mark.parametrize(
    "more", [(), ("--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")]
)
def test_a_read_only_file_system_is_enough(containers: Containers, more: tuple[str, ...]) -> None:
    containers.manifest("duck_00")
    ended = containers.run("--json", options=["--read-only", *more])
    assert ended.outcomes() == {"duck_00": "submitted"}, ended.err


def test_a_read_only_file_system_is_enough_for_the_demo(containers: Containers) -> None:
    ended = containers.run("demo", options=["--read-only", "--tmpfs=/tmp"], mounts=False)
    assert ended.code == 0, ended.err


def test_data_may_live_in_memory(containers: Containers) -> None:
    containers.manifest("duck_00")
    mounts = ["-v", f"{containers.models}:/models:ro", "--tmpfs=/data"]
    ended = containers.run("--json", options=["--read-only", *mounts], mounts=False)
    assert ended.outcomes() == {"duck_00": "submitted"}, ended.err


def test_twenty_four_models_of_full_size_fit_into_a_gigabyte(containers: Containers) -> None:
    names = [f"duck_{place:02d}" for place in range(24)]
    with Sandbox(shape=FULL, models=[]) as box:
        containers.box = box
        containers.manifest(*names)
        options = ["--memory=1g", "--memory-swap=1g"]
        ended = containers.run("--json", options=options, within=240)
    assert ended.code == 0, ended.err
    assert ended.outcomes() == dict.fromkeys(names, "submitted")
    assert "up to 1 model processes" in ended.err


def test_another_uid_works_in_a_folder_of_its_own(containers: Containers, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    own.chmod(0o777)
    containers.volume = str(own)
    containers.manifest("duck_00")
    ended = containers.run("--json", options=["--user=4711:4711"])
    assert ended.outcomes() == {"duck_00": "submitted"}, ended.err


def test_a_folder_that_may_not_be_written_to_gets_a_sentence_with_uid_and_fix(
    containers: Containers, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o755)
    containers.volume = str(foreign)
    containers.manifest("duck_00")
    for options, uid in (((), 10001), (("--user=4711",), 4711)):
        ended = containers.run(options=options)
        assert ended.code == 4
        assert f"uid {uid} may not: give it the folder (chown -R {uid})" in ended.err


def test_a_read_only_data_folder_gets_a_sentence(containers: Containers) -> None:
    containers.manifest("duck_00")
    mounts = ["-v", f"{containers.models}:/models:ro"]
    ended = containers.run(options=["--read-only", *mounts], mounts=False)
    assert ended.code == 4
    assert "put a volume there" in ended.err
