"""The environment as values: every fault at once, and no secret shown."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import Exit, UsageError
from job.secret import Secret
from job.settings import Settings, runs_dir_of
from job.units import parse_duration, parse_flag, parse_memory, parse_size, parse_time_limit
from job.variables import VARIABLES, variables_help, variables_markdown

TOKEN = {"NUMERAI_PUBLIC_ID": "PUBLICPART", "NUMERAI_SECRET_KEY": "SECRETPART"}


def settings(**env: str) -> Settings:
    return Settings.from_env({**TOKEN, **env})


def faults(env: dict[str, str], *, credentials: bool = True) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        Settings.from_env(env, credentials=credentials)
    return caught.value.faults


def test_a_token_is_all_that_is_needed() -> None:
    found = settings()
    assert found.public_id.reveal() == "PUBLICPART"
    assert found.secret_key.reveal() == "SECRETPART"
    assert dataclasses.replace(found, public_id=Secret(""), secret_key=Secret("")) == Settings(
        public_id=Secret(""),
        secret_key=Secret(""),
        models_dir=Path("models"),
        manifest="models_manifest.yaml",
        allow_unpinned=False,
        data_dir=Path("data"),
        runs_dir=Path("data/runs"),
        api_url="https://api-tournament.numer.ai",
        wait=0,
        late="skip",
        workers=None,
        model_timeout=600,
        model_memory=None,
        retry_patience=300,
        run_timeout=7200,
        exit_zero=False,
        notify=Secret(""),
        notify_on="failure",
        ping_url=Secret(""),
        own_webhook=None,
        log_format="text",
        log_level="info",
    )


def test_every_variable_is_read() -> None:
    found = settings(
        NUMERAI_MODELS_DIR="/m",
        NUMERAI_MANIFEST="/m/a.yaml",
        NUMERAI_ALLOW_UNPINNED="true",
        NUMERAI_DATA_DIR="/d",
        NUMERAI_RUNS_DIR="/r",
        NUMERAI_API_URL="http://127.0.0.1:8080/graphql",
        NUMERAI_WAIT="1h30m",
        NUMERAI_LATE="Submit",
        NUMERAI_WORKERS="3",
        NUMERAI_MODEL_TIMEOUT="90s",
        NUMERAI_MODEL_MEMORY="4GiB",
        NUMERAI_RETRY_PATIENCE="0",
        NUMERAI_RUN_TIMEOUT="3h",
        NUMERAI_EXIT_ZERO="yes",
        NUMERAI_NOTIFY="json://127.0.0.1/a, json://127.0.0.1/b",
        NUMERAI_NOTIFY_ON="Change",
        NUMERAI_PING_URL="https://ping.invalid/0123",
        NUMERAI_OWN_WEBHOOK="https://prod-01.invalid:443/workflows/0123",
        NUMERAI_LOG_FORMAT="json",
        NUMERAI_LOG_LEVEL="DEBUG",
    )
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    del fields["public_id"], fields["secret_key"]
    assert list(fields.values()) == [
        *(Path("/m"), "/m/a.yaml", True, Path("/d"), Path("/r"), "http://127.0.0.1:8080/graphql"),
        *(5400.0, "submit", 3, 90.0, 4 * 2**30, 0.0, 10800.0, True),
        Secret("json://127.0.0.1/a, json://127.0.0.1/b"),
        *("change", Secret("https://ping.invalid/0123")),
        *("https://prod-01.invalid:443/workflows/0123", "json", "debug", ()),
    ]


def test_an_empty_variable_counts_as_unset() -> None:
    blank = {name: " " for variable in VARIABLES for name in variable.names}
    assert Settings.from_env({**blank, **TOKEN}) == settings()


def test_white_space_around_a_value_is_dropped() -> None:
    assert settings(NUMERAI_WAIT=" 10m\r").wait == 600


@pytest.mark.parametrize(
    "text",
    ["prod.invalid/w", "https://prod.invalid/w?sig=hush", "https://drake:hush@prod.invalid/w"],
)
def test_a_webhooks_address_is_given_without_its_signature(text: str) -> None:
    (fault,) = faults({**TOKEN, "NUMERAI_OWN_WEBHOOK": text})
    assert fault.startswith("NUMERAI_OWN_WEBHOOK: give how a URL begins, without")
    assert "hush" not in fault


def test_all_faults_come_in_one_report() -> None:
    env = {
        "NUMERAI_MODELS_DIR": "https://account.blob.core.windows.net/?sig=s3cret",
        "NUMERAI_ALLOW_UNPINNED": "perhaps",
        "NUMERAI_DATA_DIR": "https://account.blob.core.windows.net/data",
        "NUMERAI_RUNS_DIR": "~/runs",
        "NUMERAI_API_URL": "http://example.com",
        "NUMERAI_WAIT": "10x",
        "NUMERAI_LATE": "submitt",
        "NUMERAI_WORKERS": "0",
        "NUMERAI_MODEL_TIMEOUT": "0",
        "NUMERAI_MODEL_MEMORY": "4",
        "NUMERAI_EXIT_ZERO": "maybe",
        "NUMERAI_LOGFORMAT": "json",
    }
    assert faults(env) == (
        "NUMERAI_PUBLIC_ID: not set; make a token at https://numer.ai/account, "
        "or set NUMERAI_PUBLIC_ID_FILE",
        "NUMERAI_SECRET_KEY: not set; make a token at https://numer.ai/account, "
        "or set NUMERAI_SECRET_KEY_FILE",
        "NUMERAI_MODELS_DIR: give https://<account>.blob.core.windows.net/<container> or a folder "
        "in it, with or without a SAS",
        "NUMERAI_ALLOW_UNPINNED: 'perhaps' is none of true, false, yes, no, 1, 0",
        "NUMERAI_DATA_DIR: give a folder of this machine; only models and runs live elsewhere",
        "NUMERAI_RUNS_DIR: '~/runs': ~ is not expanded here; write the whole path",
        "NUMERAI_API_URL: http to example.com would send the API token in clear; use https",
        "NUMERAI_WAIT: '10x' is not a duration such as 90s, 10m, 1h30m or 0",
        "NUMERAI_LATE: 'submitt' is none of skip, submit; perhaps you meant 'submit'",
        "NUMERAI_WORKERS: '0' is not a whole number from 1 to 9999",
        "NUMERAI_MODEL_TIMEOUT: '0' leaves no time; give a duration above 0 such as 10m",
        "NUMERAI_MODEL_MEMORY: '4' is below 64MiB, too little for any model; write 4GiB, say",
        "NUMERAI_EXIT_ZERO: 'maybe' is none of true, false, yes, no, 1, 0",
        "NUMERAI_LOGFORMAT: unknown; perhaps you meant 'NUMERAI_LOG_FORMAT'",
    )


def test_wrong_settings_exit_2_with_the_next_step() -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_env({})
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.lines()[0] == "the settings are wrong; nothing was tried"
    assert "--help" in caught.value.lines()[-1]


def test_without_credentials_the_token_is_neither_asked_for_nor_read() -> None:
    env = {"NUMERAI_PUBLIC_ID": "PUBLICPART", "NUMERAI_SECRET_KEY_FILE": "/nowhere"}
    found = Settings.from_env(env, credentials=False)
    assert not found.public_id
    assert not found.secret_key


class TestSecrets:
    def test_no_rendering_shows_the_token(self) -> None:
        found = settings()
        renderings = [
            repr(found),
            str(found),
            f"{found.secret_key}",
            "%s %r" % (found.secret_key, found.public_id),  # noqa: UP031
            repr(dataclasses.asdict(found)),
            repr(dataclasses.astuple(found)),
            json.dumps(dataclasses.asdict(found), default=str),
            repr(copy.deepcopy(found)),
        ]
        assert all("<hidden>" in text for text in renderings)
        assert not [text for text in renderings if "SECRETPART" in text or "PUBLICPART" in text]

    def test_a_secret_cannot_be_pickled_into_a_worker(self) -> None:
        with pytest.raises(TypeError, match="not to be pickled"):
            pickle.dumps(settings())

    def test_secrets_compare_by_their_text(self) -> None:
        assert Secret("a") == Secret("a") != Secret("b")
        assert Secret("a") != "a"
        assert len({Secret("a"), Secret("a"), copy.copy(Secret("a"))}) == 1

    def test_each_half_is_read_from_a_mounted_file(self, tmp_path: Path) -> None:
        (tmp_path / "id").write_text("  FROMFILE\n")
        env = {"NUMERAI_PUBLIC_ID_FILE": str(tmp_path / "id"), "NUMERAI_SECRET_KEY": "S"}
        assert Settings.from_env(env).public_id.reveal() == "FROMFILE"

    def test_a_half_given_twice_is_a_fault(self, tmp_path: Path) -> None:
        (tmp_path / "id").write_text("x")
        env = {**TOKEN, "NUMERAI_PUBLIC_ID_FILE": str(tmp_path / "id")}
        assert faults(env) == (
            "NUMERAI_PUBLIC_ID: NUMERAI_PUBLIC_ID_FILE is set too; set one of the two",
        )

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "cannot be read: No such file or directory"),
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"\xff\xfe", "does not hold text"),
            (b"x" * 5000, "is too large for a secret"),
        ],
    )
    def test_a_file_without_a_token_is_a_fault(
        self, tmp_path: Path, content: bytes | None, reason: str
    ) -> None:
        path = tmp_path / "key"
        if content is not None:
            path.write_bytes(content)
        env = {"NUMERAI_PUBLIC_ID": "P", "NUMERAI_SECRET_KEY_FILE": str(path)}
        named = "the file that NUMERAI_SECRET_KEY_FILE names"
        assert faults(env) == (f"NUMERAI_SECRET_KEY: {named} {reason}",)

    @pytest.mark.parametrize("text", ["SECRET\nPART", "SECRET PART", "SECRET\x00", "SECRÉT"])
    def test_what_no_token_holds_is_a_fault_that_does_not_quote_it(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            settings(NUMERAI_SECRET_KEY=text)
        assert "other characters that no API token has" in caught.value.faults[0]
        assert "SECR" not in "".join(traceback.format_exception(caught.value)).replace(
            "NUMERAI_SECRET_KEY", ""
        )

    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_quotes_kept_by_an_env_file_are_a_fault(self, quote: str) -> None:
        env = {name: f"{quote}{text}{quote}" for name, text in TOKEN.items()}
        found = faults({**env, "NUMERAI_MODELS_DIR": f"{quote}/models{quote}"})
        assert [fault.split(":")[0] for fault in found] == [*TOKEN, "NUMERAI_MODELS_DIR"]
        assert all("quotes" in fault and "PART" not in fault for fault in found)


class TestApiUrl:
    @pytest.mark.parametrize(
        "url",
        ["http://localhost:1", "http://127.0.0.1:80/x", "http://[::1]:9/", "https://example.com/"],
    )
    def test_https_anywhere_and_http_to_this_machine_are_taken(self, url: str) -> None:
        assert settings(NUMERAI_API_URL=url).api_url == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "https://user:password@example.com",
            "https://",
            "https://example.com:99999",
            "https://[::1",
            "ftp://localhost",
            "http://local\nhost",
            "api-tournament.numer.ai",
        ],
    )
    def test_anything_else_is_a_fault(self, url: str) -> None:
        (fault,) = faults({**TOKEN, "NUMERAI_API_URL": url})
        assert fault.startswith("NUMERAI_API_URL: ")
        assert "password@" not in fault


class TestWarnings:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("NUMERAI_MODEL_DIR", "NUMERAI_MODELS_DIR"),
            ("NUMERAI_TIMEOUT", "NUMERAI_RUN_TIMEOUT"),
            ("NUMERAI_MEMORY", "NUMERAI_MODEL_MEMORY"),
            ("numerai_wait", "NUMERAI_WAIT"),
            ("NUMERAI_SECRET_KEYFILE", "NUMERAI_SECRET_KEY_FILE"),
        ],
    )
    def test_a_misspelt_variable_is_warned_of(self, name: str, meant: str) -> None:
        assert settings(**{name: "1"}).warnings == (
            f"{name}: unknown; perhaps you meant {meant!r}",
        )

    def test_variables_of_others_are_left_alone(self) -> None:
        assert settings(NUMERAI_X="1", NUMERAIWAIT="2", PATH="/bin").warnings == ()

    def test_a_wait_that_the_run_time_out_ends_is_warned_of(self) -> None:
        (warning,) = settings(NUMERAI_WAIT="2h").warnings
        assert warning.startswith("NUMERAI_WAIT: not shorter than NUMERAI_RUN_TIMEOUT")


class TestRunsDirectory:
    def test_is_known_although_everything_else_is_wrong(self) -> None:
        env = {"NUMERAI_WAIT": "x", "NUMERAI_MODELS_DIR": "https://x", "NUMERAI_DATA_DIR": "/d"}
        assert runs_dir_of(env) == Path("/d/runs")
        assert runs_dir_of({"NUMERAI_RUNS_DIR": "/r", "NUMERAI_DATA_DIR": "s3://x"}) == Path("/r")
        assert runs_dir_of({}) == Path("data/runs")

    def test_agrees_with_the_settings(self) -> None:
        for env in ({}, {"NUMERAI_DATA_DIR": "/d"}, {"NUMERAI_RUNS_DIR": "/r"}):
            assert settings(**env).runs_dir == runs_dir_of(env)

    def test_is_unknown_where_its_own_variable_is_wrong(self) -> None:
        assert runs_dir_of({"NUMERAI_RUNS_DIR": "https://x"}) is None
        assert runs_dir_of({"NUMERAI_DATA_DIR": "'quoted'"}) is None


class TestUnits:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("0.5s", 0.5)],
    )
    def test_durations(self, text: str, seconds: float) -> None:
        assert parse_duration(text) == parse_duration(f" {text.upper()} ") == seconds

    @pytest.mark.parametrize(
        "text", ["", "m", "10x", "-1", "1m1h", "1e3", "inf", "nan", "1 h", "٣m", "9" * 400, "721h"]
    )
    def test_what_is_no_duration_is_quoted_in_the_fault(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"duration|30 days") as caught:
            parse_duration(text)
        assert repr(text) in str(caught.value)

    @given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 9999))
    def test_parts_of_a_duration_add_up(self, hours: int, minutes: int, seconds: int) -> None:
        total = hours * 3600 + minutes * 60 + seconds
        assert parse_duration(f"{hours}h{minutes}m{seconds}s") == total

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("4GiB", 4 * 2**30),
            ("512MiB", 512 * 2**20),
            ("4GB", 4 * 10**9),
            ("4G", 4 * 2**30),
            ("1.5 kib", 1536),
            ("100", 100),
            ("7b", 7),
        ],
    )
    def test_sizes(self, text: str, size: int) -> None:
        assert parse_size(text) == size

    @pytest.mark.parametrize("text", ["", "GiB", "4XB", "-4GB", "4Gi B", "nan", "9" * 400])
    def test_what_is_no_size_is_quoted_in_the_fault(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a size such as") as caught:
            parse_size(text)
        assert repr(text) in str(caught.value)

    def test_limits_that_nothing_can_meet_are_faults(self) -> None:
        for parse, text in ((parse_time_limit, "0s"), (parse_memory, "63MiB")):
            with pytest.raises(ValueError, match=text):
                parse(text)
        with pytest.raises(ValueError, match="more memory than any machine has"):
            parse_memory("99999999TiB")

    @pytest.mark.parametrize(("text", "flag"), [("TRUE", True), ("1", True), ("no", False)])
    def test_flags(self, text: str, flag: bool) -> None:
        assert parse_flag(text) is flag

    @given(st.text(max_size=12))
    def test_any_other_text_is_a_value_error(self, text: str) -> None:
        for parse in (parse_duration, parse_time_limit, parse_size, parse_memory, parse_flag):
            with contextlib.suppress(ValueError):
                parse(text)


@given(st.dictionaries(st.sampled_from([n for v in VARIABLES for n in v.names]), st.text()))
def test_whatever_the_environment_holds_only_usage_errors_come_of_it(env: dict[str, str]) -> None:
    with contextlib.suppress(UsageError):
        assert Settings.from_env(env).runs_dir == runs_dir_of(env)


class TestTable:
    def test_every_variable_fills_a_field(self) -> None:
        fields = [field.name for field in dataclasses.fields(Settings)]
        assert [variable.field for variable in VARIABLES] == fields[:-1]

    def test_every_default_is_itself_a_valid_value(self) -> None:
        given_defaults = {v.name: v.default for v in VARIABLES if v.default}
        assert settings(**given_defaults) == settings()

    def test_markdown_has_one_row_a_variable(self) -> None:
        header, rule, *rows = variables_markdown().splitlines()
        assert header == "| variable | meaning | default |"
        assert rule == "|---|---|---|"
        assert [row.split("`")[1] for row in rows] == [v.name for v in VARIABLES]
        assert all(row.count("|") == 4 for row in rows)
        assert rows[6].endswith("| `<data>/runs` |")

    def test_help_names_every_variable_and_default(self) -> None:
        text = variables_help()
        assert all(f"  {v.name} (default: " in text for v in VARIABLES)
        assert "NUMERAI_RUN_TIMEOUT (default: 2h)" in text
        assert "`" not in text


def test_settings_start_without_the_heavy_libraries() -> None:
    code = "import sys, job.settings; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "numpy", "pyarrow", "pydantic", "requests"} & set(done.stdout.split())
