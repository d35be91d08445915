"""deploy.yaml: what it gives, and every fault at once with its line and no secret."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.loading import EXAMPLE, load_settings, parse_settings
from deploy.schema import Registry, Schema, Storage, Trigger
from deploy.settings import DeploySettings
from deploy.template.expressions import OWN_PARAMETERS
from deploy.triggers import Schedule, Webhook
from job.errors import Exit, UsageError
from job.variables import VARIABLES
from tests.deploy.samples import CHECK, FILE, HUSH, as_yaml, files, settings

SETTABLE = {
    "NUMERAI_MANIFEST": "m.yaml",
    "NUMERAI_DATA_DIR": "/data",
    "NUMERAI_API_URL": "https://api.example",
    "NUMERAI_LATE": "submit",
    "NUMERAI_WORKERS": 2,
    "NUMERAI_MODEL_TIMEOUT": 600,
    "NUMERAI_MODEL_MEMORY": "4GiB",
    "NUMERAI_RETRY_PATIENCE": "1m",
    "NUMERAI_RUN_TIMEOUT": "1h30m",
    "NUMERAI_LOG_FORMAT": "json",
    "NUMERAI_LOG_LEVEL": "debug",
    "NUMERAI_ALLOW_UNPINNED": True,
    "NUMERAI_NOTIFY_ON": "change",
}
SECRET = {
    "NUMERAI_NOTIFY": f"json://drake:{HUSH}x@127.0.0.1:1/",
    "NUMERAI_PING_URL": f"https://hc-ping.com/{HUSH}x",
}
"""Those that may be named under `secrets`."""
BY_DEPLOY = {
    "NUMERAI_PUBLIC_ID",
    "NUMERAI_SECRET_KEY",
    "NUMERAI_MODELS_DIR",
    "NUMERAI_RUNS_DIR",
    "NUMERAI_EXIT_ZERO",
    "NUMERAI_OWN_WEBHOOK",
    "NUMERAI_WAIT",
}


def faults(text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse_settings(text, source="d.yaml")
    assert caught.value.exit_code is Exit.USAGE
    return list(caught.value.faults)


def fault_of(**changes: object) -> str:
    """The one fault of `FILE` with these keys changed, without its line."""
    document = {key: value for key, value in {**FILE, **changes}.items() if value is not None}
    (fault,) = faults(as_yaml(document))
    assert fault.startswith("d.yaml:")
    return fault.partition(": ")[2]


class TestExample:
    def test_is_valid_and_says_where_it_is_not_pinned(self) -> None:
        found = load_settings(EXAMPLE)
        assert [warning.partition(":")[0] for warning in found.warnings] == ["image", "triggers"]
        assert found.starts[1:] == (Schedule(("Sun",), (time(9),)), Webhook())
        assert found.checks == (Schedule(("Tue", "Wed", "Thu", "Fri", "Sat"), (time(6),)),)
        assert found.storage.create
        assert found.secrets == ()

    def test_is_valid_with_what_is_commented_out_among_the_secrets(self) -> None:
        text = EXAMPLE.read_text(encoding="utf-8").replace("  # - ", "  - ")
        found = parse_settings(text, source="example.yaml")
        assert found.secrets == ("NUMERAI_NOTIFY", "NUMERAI_PING_URL", "MY_DATA_KEY")
        assert [warning.partition(":")[0] for warning in found.warnings] == ["image"]

    def test_shows_every_key(self) -> None:
        text = EXAMPLE.read_text(encoding="utf-8")
        for schema in (Schema, Registry, Storage, Trigger):
            for key in schema.model_fields:
                assert f"{key}:" in text, key

    def test_has_the_defaults_where_there_are_any(self) -> None:
        found, short = load_settings(EXAMPLE), settings(name=None, cpu=None, memory=None)
        assert (found.name, found.cpu, found.memory) == (short.name, short.cpu, short.memory)


def test_every_key_is_read() -> None:
    found = settings(
        subscription=FILE["subscription"].upper(),
        location="West US 3",
        image="myjobs.azurecr.io/numerai-job:1.0",
        registry={"acr": "MyJobs"},
        cpu=1.5,
        memory=3.5,
        storage={"account": "old0", "create": False},
        triggers=[
            {"days": ["sunday", "Tue", "TUE"], "at": ["9:30", "12:05", "12:05"], "wait": 90},
            {"webhook": True, "wait": "2m"},
        ],
        settings={"NUMERAI_LATE": "submit", "NUMERAI_WORKERS": 2},
        secrets=["SIGNALS_KEY"],
    )
    assert found == DeploySettings(
        subscription=FILE["subscription"],
        resource_group="numerai",
        location="westus3",
        name="numerai-job",
        image="myjobs.azurecr.io/numerai-job:1.0",
        acr="MyJobs",
        cpu=1.5,
        memory=3.5,
        storage=found.storage,
        triggers=(Schedule(("Tue", "Sun"), (time(9, 30), time(12, 5)), 90.0), Webhook(120.0)),
        job=(("NUMERAI_LATE", "submit"), ("NUMERAI_WORKERS", "2")),
        secrets=("SIGNALS_KEY",),
    )
    assert (found.storage.account, found.storage.create) == ("old0", False)
    assert (found.wait, found.webhook) == (120.0, True)
    assert found.all_secrets == ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "SIGNALS_KEY")


def test_checks_are_told_from_starts_of_the_job() -> None:
    run = {"days": ["Tue"], "at": ["12:05"], "wait": "15m", "command": "run"}
    found = settings(triggers=[run, CHECK, {"webhook": True, "command": "run"}])
    assert found.checks == (Schedule(("Tue", "Wed"), (time(6),)),)
    assert found.starts == (Schedule(("Tue",), (time(12, 5),), 900.0), Webhook())
    assert (len(found.grids), len(found.check_grids), found.wait) == (1, 1, 900.0)


def test_a_check_does_not_make_the_job_wait() -> None:
    fault = fault_of(triggers=[{**CHECK, "wait": "1h"}], settings={"NUMERAI_WAIT": "0"})
    assert fault == "triggers[0]: a check waits for no round; leave `wait` out"


def test_times_need_no_quotes() -> None:
    text = as_yaml({**FILE, "triggers": None}).replace(
        "triggers:", "triggers: [{days: [Tue], at: [12:05, 1:30]}]"
    )
    (schedule,) = parse_settings(text, source="d.yaml").triggers
    assert schedule == Schedule(("Tue",), (time(1, 30), time(12, 5)))


def test_what_is_commented_out_is_empty() -> None:
    found = parse_settings(
        as_yaml({**FILE, "triggers": None, "settings": None, "secrets": None, "registry": None}),
        source="d.yaml",
    )
    assert (found.triggers, found.job, found.secrets, found.acr) == ((), (), (), None)


class TestJobVariables:
    def test_all_of_the_table_are_taken_or_refused_knowingly(self) -> None:
        known = {variable.name for variable in VARIABLES}
        assert set(SETTABLE) | set(SECRET) | BY_DEPLOY == known

    @pytest.mark.parametrize(("name", "value"), SETTABLE.items())
    def test_can_be_set(self, name: str, value: object) -> None:
        ((given_name, text),) = settings(settings={name: value}).job
        assert (given_name, text) == (name, "true" if value is True else str(value))

    @pytest.mark.parametrize("name", sorted(BY_DEPLOY))
    def test_are_refused_where_the_deployment_sets_them(self, name: str) -> None:
        fault = fault_of(settings={name: f"{HUSH}x"})
        assert fault.startswith(f"settings.{name}: ")
        assert HUSH not in fault or name == "NUMERAI_WAIT"

    def test_a_wait_that_says_what_the_triggers_say_is_taken(self) -> None:
        assert settings(settings={"NUMERAI_WAIT": "15m"}).job == ()

    @pytest.mark.parametrize(
        ("given", "fault"),
        [
            (
                {"NUMERAI_LATE": "sikp"},
                "NUMERAI_LATE: 'sikp' is none of skip, submit; perhaps you meant 'skip'",
            ),
            (
                {"NUMERAI_LAT": "skip"},
                "NUMERAI_LAT: is none of the job's variables; perhaps you meant 'NUMERAI_LATE'",
            ),
            (
                {"numerai_late": "skip"},
                "numerai_late: is none of the job's variables; perhaps you meant 'NUMERAI_LATE'",
            ),
            (
                {"OMP": "1"},
                "OMP: is none of the job's variables; a model's own variable belongs under",
            ),
            ({"NUMERAI_WORKERS": [1]}, "NUMERAI_WORKERS: must be a plain value, not a list"),
            ({"NUMERAI_WORKERS": None}, "NUMERAI_WORKERS: must be a plain value, not nothing"),
            ({"NUMERAI_WORKERS": ""}, "NUMERAI_WORKERS: must be a plain value, not nothing"),
            (
                {"NUMERAI_WAIT": "5m"},
                "NUMERAI_WAIT: 5m contradicts the longest `wait` of the triggers, which is 15m;",
            ),
            (
                {"NUMERAI_MANIFEST": "/m.yaml"},
                "NUMERAI_MANIFEST: '/m.yaml' must be a path in the models root",
            ),
            (
                {"NUMERAI_MANIFEST": "../m.yaml"},
                "NUMERAI_MANIFEST: '../m.yaml' must be a path in the models root",
            ),
        ],
    )
    def test_that_are_wrong_are_refused(self, given: dict[str, object], fault: str) -> None:
        assert fault_of(settings=given).startswith(f"settings.{fault}")

    @pytest.mark.parametrize(("name", "value"), SECRET.items())
    def test_what_is_secret_goes_under_secrets(self, name: str, value: str) -> None:
        assert settings(secrets=[name]).all_secrets[2:] == (name,)
        assert fault_of(settings={name: value}) == (
            f"settings.{name}: is a secret and belongs in no file; name it under `secrets`, and "
            "set it in the environment"
        )

    @pytest.mark.parametrize("name", SECRET)
    def test_the_path_to_a_secret_is_of_the_machine_that_deploys(self, name: str) -> None:
        fault = (
            f"names no file in the container; name {name} under `secrets`, and set it in the "
            "environment of `apply`"
        )
        path = f"{name}_FILE"
        assert fault_of(settings={path: f"/{HUSH}x"}) == f"settings.{path}: {fault}"
        assert fault_of(secrets=[path]) == f"secrets[0]: {path} {fault}"
        of_token = fault_of(settings={"NUMERAI_SECRET_KEY_FILE": f"/{HUSH}x"})
        assert of_token.endswith("container; set it in the environment of `apply`")

    def test_a_url_with_a_signature_is_refused_unseen(self) -> None:
        fault = fault_of(settings={"NUMERAI_API_URL": f"https://x.example/?sig={HUSH}"})
        assert "under `secrets`" in fault
        assert HUSH not in fault
        assert settings(secrets=["NUMERAI_API_URL"]).secrets == ("NUMERAI_API_URL",)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"subscription": "mine"},
            "subscription: 'mine' is not the id of a subscription; `az account show --query id`",
        ),
        ({"subscription": None}, "subscription: missing"),
        (
            {"resource_group": "a."},
            "resource_group: 'a.' cannot be that: up to 90 letters, digits, and - _ . ( ), with",
        ),
        ({"resource_group": "a" * 91}, "resource_group: "),
        ({"location": "West!"}, "location: 'West!' is not a region such as swedencentral"),
        (
            {"name": "a--b"},
            "name: 'a--b' cannot be that: lower-case letters, digits, and single - within; a",
        ),
        ({"name": "a" * 33}, f"name: {'a' * 33!r} is longer than 32 characters"),
        (
            {"image": "ghcr.io/Some/job:1"},
            "image: 'ghcr.io/Some/job:1' is not an image such as",
        ),
        (
            {"image": "https://ghcr.io/a"},
            "image: 'https://ghcr.io/a': leave out what stands before ://",
        ),
        (
            {"image": "a@sha256:12"},
            "image: 'a@sha256:12': a digest is sha256: and 64 hex digits in lower case",
        ),
        ({"image": "a:b:c"}, "image: 'a:b:c': 'b:c' cannot be a tag"),
        ({"registry": {"acr": "x.azurecr.io"}}, "registry.acr: "),
        (
            {"registry": {"acr": "myjobs"}},
            "image: must begin with myjobs.azurecr.io/, for `registry` says so",
        ),
        ({"registri": {}}, "registri: unknown key; perhaps you meant 'registry'"),
        (
            {"NUMERAI_LATE": "skip"},
            "NUMERAI_LATE: unknown key; the job's variables belong under `settings`, its secrets",
        ),
        ({"cpu": 0.5}, "cpu: must be from 1 to 32 vCPU, the most that Azure offers, not 0.5"),
        ({"cpu": "2"}, "cpu: must be a number, not '2'"),
        ({"cpu": True}, "cpu: must be a number, not True"),
        ({"cpu": float("nan")}, "cpu: must be from 1 to 32 vCPU"),
        ({"memory": 1.25}, "memory: 1.25 has more than 1 decimals"),
        ({"memory": 300}, "memory: must be from 1 to 256 GB"),
        (
            {"storage": {"account": "Mine"}},
            "storage.account: 'Mine' cannot be that: 3 to 24 lower-case letters and digits, no",
        ),
        (
            {"storage": {"account": "mine", "create": "yes"}},
            "storage.create: must be true or false, not 'yes'",
        ),
        (
            {"storage": {"account": "mine", "crate": True}},
            "storage.crate: unknown key; perhaps you meant 'create'",
        ),
        ({"triggers": {}}, "triggers: must be a list of triggers, not a mapping"),
        ({"triggers": ["x"]}, "triggers[0]: must be a mapping of keys to values, not 'x'"),
        ({"triggers": [{}]}, "triggers[0]: needs `days` and `at`, or `webhook: true`"),
        (
            {"triggers": [{"days": ["Tue"]}]},
            "triggers[0]: needs `days` and `at`, or `webhook: true`",
        ),
        (
            {"triggers": [{"webhook": True, "days": ["Tue"]}]},
            "triggers[0]: has a time or Numerai's call, not both; write two entries",
        ),
        (
            {"triggers": [{"webhook": True}, {"webhook": True}]},
            "triggers[1]: is a second webhook; Numerai calls one address",
        ),
        (
            {"triggers": [{"days": [], "at": ["1:00"]}]},
            "triggers[0].days: must be a list of days such as [Tue, Wed], not an empty list",
        ),
        (
            {"triggers": [{"days": "Tue", "at": ["1:00"]}]},
            "triggers[0].days: must be a list of days such as [Tue, Wed], not 'Tue'",
        ),
        (
            {"triggers": [{"days": ["Tues"], "at": ["1:00"]}]},
            "triggers[0].days: 'Tues' in the list is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun;",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": ["24:00"]}]},
            "triggers[0].at: '24:00' in the list is no time of day in UTC such as \"12:05\"",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": [725]}]},
            "triggers[0].at: 725 in the list is no time of day",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": ["1:00"], "wait": "soon"}]},
            "triggers[0].wait: 'soon' is not a duration such as 90s, 10m, 1h30m or 0",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": ["1:00"], "weit": "1m"}]},
            "triggers[0].weit: unknown key; perhaps you meant 'wait'",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": ["6:00"], "command": "chek"}]},
            "triggers[0].command: 'chek' is neither run nor check; perhaps you meant 'check'",
        ),
        (
            {"triggers": [{"webhook": True, "command": "check"}]},
            "triggers[0]: a check has times, `days` and `at`; Numerai's call starts the job",
        ),
        (
            {"triggers": [{"days": ["Tue"], "at": ["6:00"], "command": "check", "wait": "1m"}]},
            "triggers[0]: a check waits for no round; leave `wait` out",
        ),
        (
            {"secrets": ["NUMERAI_WAIT"]},
            "secrets[0]: NUMERAI_WAIT is the longest `wait` of the triggers; leave it out",
        ),
        (
            {"secrets": {"A_KEY": HUSH}},
            "secrets: must be a list of names of variables, without their values",
        ),
        (
            {"secrets": [f"A_KEY={HUSH}"]},
            "secrets: number 1 in the list is not the name of a variable; names belong here, and",
        ),
        (
            {"secrets": [f"NUMERAI_NOTIFY=https://hooks.example/{HUSH}"]},
            "secrets: number 1 in the list is not the name of a variable; names belong here, and",
        ),
        (
            {"secrets": [f"NUMERAI_PUBLIC_ID={HUSH}"]},
            "secrets: number 1 in the list is not the name of a variable; names belong here, and",
        ),
        (
            {"settings": {f"NUMERAI_NOTIFY={HUSH}": 1}},
            "settings: a key is not the name of a variable; `NAME: value` is how one is given",
        ),
        (
            {"settings": f"NUMERAI_NOTIFY={HUSH}"},
            "settings: must be a mapping of names of variables to their values",
        ),
        ({f"NUMERAI_NOTIFY={HUSH}": 1}, "unknown key; the job's variables belong under"),
        (
            {"storage": {"account": "mine", f"key={HUSH}": True}},
            "storage: unknown key",
        ),
        (
            {"secrets": ["A_KEY", "a_key"]},
            "secrets: has a name twice; case does not tell them apart",
        ),
        ({"secrets": ["A" * 41]}, "secrets: number 1 in the list is not the name of a variable"),
        (
            {"secrets": ["NUMERAI_SECRET_KEY"]},
            "secrets[0]: NUMERAI_SECRET_KEY is always passed; leave it out",
        ),
        (
            {"secrets": ["NUMERAI_MODELS_DIR"]},
            "secrets[0]: NUMERAI_MODELS_DIR is the container `models` of the storage account",
        ),
        (
            {"secrets": ["NUMERAI_LATTE"]},
            "secrets[0]: 'NUMERAI_LATTE' is none of the job's variables; perhaps you meant",
        ),
        (
            {"secrets": ["AZURE_CLIENT_SECRET"]},
            "secrets: AZURE_CLIENT_SECRET would be taken for the container's own way to sign in",
        ),
        (
            {"secrets": ["numerai_notify"]},
            "secrets: numerai_notify is no variable of the job; write NUMERAI_NOTIFY",
        ),
        (
            {"secrets": ["azure_client_secret"]},
            "secrets: azure_client_secret would be taken for the container's own way to sign in",
        ),
        (
            {"secrets": ["NUMERAI_LATE"], "settings": {"NUMERAI_LATE": "skip"}},
            "secrets[0]: NUMERAI_LATE is under `settings` as well",
        ),
    ],
)
def test_what_is_wrong_is_told(changes: dict[str, object], fault: str) -> None:
    found = fault_of(**changes)
    assert found.startswith(fault)
    assert HUSH not in found


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    assert faults(
        "subscription: 5\n"
        "resource_group: numerai\n"
        "image: a:1\n"
        "image: b:1\n"
        "storage: {account: UP}\n"
        "settings:\n"
        f"  NUMERAI_SECRET_KEY: {HUSH}\n"
        "  NUMERAI_LATE: never\n"
        "triggers:\n"
        "- days: [Tue]\n"
        "  at: [noon]\n"
    ) == [
        "d.yaml:1: subscription: must be text, not 5; put it in quotes",
        "d.yaml:1: location: missing",
        "d.yaml:4: image: given twice, first on line 3",
        "d.yaml:5: storage.account: 'UP' cannot be that: 3 to 24 lower-case letters and digits, "
        "no other",
        "d.yaml:7: settings.NUMERAI_SECRET_KEY: is a secret and belongs in no file; set it in the "
        "environment, or wait to be asked",
        "d.yaml:8: settings.NUMERAI_LATE: 'never' is none of skip, submit",
        "d.yaml:11: triggers[0].at: 'noon' in the list is no time of day in UTC such as \"12:05\"",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "d.yaml:1: empty; a deploy.yaml begins with `subscription: ...`"),
        ("- 1", "d.yaml:1: must be a mapping of keys to values, not a list"),
        ("a: [", "d.yaml:1: not YAML: "),
        ("a: *b", "d.yaml:1: not YAML: "),
        ("#" * (2**20 + 1), "d.yaml:1: larger than 1 MiB, which no deploy.yaml is"),
    ],
)
def test_what_is_no_such_file_at_all_is_one_fault(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(fault)


def test_schedules_that_come_to_too_many_workflows_are_refused() -> None:
    at = [f"{hour}:{hour:02}" for hour in range(24)]  # no two hours with the same minutes
    triggers = [{"days": [day], "at": at} for day in ("Mon", "Tue", "Wed", "Thu", "Fri")]
    assert fault_of(triggers=triggers) == (
        "triggers: come to 120 workflows, of which there may be 99"
    )


def test_a_file_that_is_not_there_says_where_to_begin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*deploy\.yaml") as caught:
        load_settings(tmp_path / "deploy.yaml")
    assert caught.value.hint == "copy deploy/example.yaml to deploy.yaml and fill it in"


@given(files())
def test_any_valid_file_reads_the_same_twice(document: dict[str, object]) -> None:
    text = as_yaml(document)
    assert parse_settings(text, source="a") == parse_settings(text.encode(), source="b")


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_nothing_but_a_usage_error_comes_of_any_text(text: str | bytes) -> None:
    with pytest.raises(UsageError):
        parse_settings(text, source="d.yaml")


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(Schema.model_fields)), _plain)
def test_whatever_stands_behind_a_key_is_taken_or_told(key: str, value: object) -> None:
    told: tuple[str, ...] = ()
    try:
        parse_settings(as_yaml({**FILE, key: value}), source="d.yaml")
    except UsageError as error:
        told = error.faults or ("",)
    assert all(fault.startswith("d.yaml:") for fault in told)


class TestAdvice:
    @pytest.mark.parametrize(
        ("changes", "warning"),
        [
            (
                {"location": "swedncentral"},
                "location: swedncentral is no region that this version knows; perhaps you meant",
            ),
            ({"image": "ghcr.io/a/b:1"}, "image: the tag '1' may come to name another image"),
            (
                {"image": "ghcr.io/a/b"},
                "image: the missing tag means 'latest', which may come to name another image",
            ),
            (
                {"image": f"x.azurecr.io/b@sha256:{'0' * 64}"},
                "image: a registry of Azure gives it only to those who sign in; set `registry:",
            ),
            ({"image": f"a/b@sha256:{'0' * 64}"}, "image: Docker Hub limits anonymous pulls"),
            ({"cpu": 8}, "cpu, memory: more than 4 vCPU or 16 GB may not be had in swedencentral"),
            (
                {"storage": {"account": "old0", "create": False}},
                "storage: the account is used as it is",
            ),
            ({"triggers": []}, "triggers: nothing starts the job but `run`"),
            (
                {
                    "triggers": [
                        {"webhook": True, "wait": "5m"},
                        {"days": ["Tue"], "at": ["12:05"], "wait": "1h"},
                    ]
                },
                "triggers: a start can pass nothing to the job, so every run waits for up to 1h",
            ),
            (
                {"triggers": [{"webhook": True, "wait": "2h"}]},
                "triggers: a run ends after NUMERAI_RUN_TIMEOUT (2h), before its wait does",
            ),
            (
                {
                    "triggers": [
                        {"days": ["Tue", "Wed"], "at": ["12:05"]},
                        {"days": ["Tue"], "at": ["12:05"]},
                    ]
                },
                "triggers: 1 start in more than one entry, Tue 12:05 for one",
            ),
            (
                {"triggers": [CHECK], "secrets": ["NUMERAI_NOTIFY"]},
                "triggers: nothing starts the job but `run` and whoever starts it by hand; a check "
                "submits nothing",
            ),
            (
                {"triggers": [*FILE["triggers"], CHECK]},
                "triggers: a check tells nobody of what it finds; name NUMERAI_NOTIFY under",
            ),
            (
                {
                    "triggers": [*FILE["triggers"], CHECK, {**CHECK, "days": ["Wed", "Thu"]}],
                    "secrets": ["NUMERAI_NOTIFY"],
                },
                "triggers: 1 check in more than one entry, Wed 06:00 for one",
            ),
            (
                {"settings": {"NUMERAI_MODEL_MEMORY": "9GiB"}},
                "settings: NUMERAI_MODEL_MEMORY (9GiB) is more than the container has",
            ),
            (
                {"settings": {"NUMERAI_WORKERS": 3}},
                "settings: NUMERAI_WORKERS (3) is more than the container has vCPU",
            ),
        ],
    )
    def test_says_what_was_perhaps_not_meant(
        self, changes: dict[str, object], warning: str
    ) -> None:
        (found,) = settings(**changes).warnings
        assert found.startswith(warning)

    def test_has_nothing_to_say_of_a_plain_file(self) -> None:
        assert settings().warnings == ()


@given(st.data())
def test_a_secret_has_no_name_that_azure_takes_for_another_parameter(data: st.DataObject) -> None:
    own = data.draw(st.sampled_from(OWN_PARAMETERS))
    upper = data.draw(st.lists(st.booleans(), min_size=len(own), max_size=len(own)))
    name = "".join(
        letter.upper() if up else letter.lower() for letter, up in zip(own, upper, strict=True)
    )
    fault = fault_of(secrets=[name])
    assert fault.startswith(f"secrets: {name} is taken")
    assert f"has one {own} of its own" in fault
    assert "give the variable another name" in fault
