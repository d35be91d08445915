"""What is in the image, and what is not."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import pytest

from deploy.image.engine import ROOT
from job import __version__

from .container import Containers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

UNWANTED_MODULES = ("pip", "setuptools", "wheel", "ensurepip", "pytest", "aiohttp", "uv")
UNWANTED_PROGRAMS = ("pip", "pip3", "uv", "gcc", "cc", "g++", "ld", "strip", "make", "git", "curl")
UNWANTED_FILES = re.compile(
    r"(^|/)(\.git|\.env|\.netrc|\.pypirc|\.aws|\.azure|id_rsa|id_ed25519|\.ssh|\.pip|\.docker)(/|$)"
    r"|^(build|root/\.cache)/|^opt/.*\.(whl|a|pyx|pxd)$"
)
SECRETS = re.compile(
    rb"NUMERAI_(?:PUBLIC_ID|SECRET_KEY)=[^\s$'\"\\.]"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
    rb"|\bAccountKey=[A-Za-z0-9+/]{40}"
    rb"|https?://[^\s/:@\"'<>{}]{1,64}:[^\s/@\"'<>{}%]{8,64}@[a-z]"
)
# Documentation and tests of libraries show how a password is written into an address.
EXAMPLES = re.compile(rb"example|localhost|(?:user(?:name)?|admin):pass|host", re.IGNORECASE)


@pytest.fixture(params=["image", "job_image"])
def either(containers: Containers, request: pytest.FixtureRequest) -> Containers:
    """The image with model libraries, and the one without."""
    containers.image = request.getfixturevalue(request.param)
    return containers


def facts(containers: Containers) -> dict[str, object]:
    """What the engine says of the image."""
    (found,) = json.loads(containers.engine.call("image", "inspect", containers.image).stdout)
    return dict(found)


def test_it_is_started_and_stopped_without_a_shell_and_by_no_root(either: Containers) -> None:
    config = facts(either)["Config"]
    assert isinstance(config, dict)
    assert config["Entrypoint"] == ["python", "-m", "job"]
    assert not config.get("Cmd")
    assert config["User"] == "10001:10001"
    assert config.get("StopSignal", "SIGTERM") == "SIGTERM"
    assert not config.get("ExposedPorts")


def test_it_says_what_it_is(either: Containers) -> None:
    config = facts(either)["Config"]
    assert isinstance(config, dict)
    labels = {
        name.removeprefix("org.opencontainers.image."): v for name, v in config["Labels"].items()
    }
    assert labels["version"] == __version__
    assert labels["licenses"] == "MIT"
    assert {"title", "description", "source", "revision"} <= set(labels)
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|", labels["revision"])


def test_the_version_that_a_plain_build_claims_is_the_sources() -> None:
    claimed = re.findall(r"^ARG VERSION=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(claimed) == {__version__}


def test_its_user_may_write_to_its_data_folder_and_tmp_alone(either: Containers) -> None:
    script = (
        "import os, subprocess; "
        "print(subprocess.run(['find', '/', '-xdev', '(', '-path', '/proc', '-o', '-path', '/sys',"
        " '-o', '-path', '/dev', ')', '-prune', '-o', '-writable', '!', '-type', 'l', '-print'],"
        " capture_output=True, text=True).stdout)"
    )
    assert set(either.python(script).split()) == {"/data", "/tmp"}


def test_nothing_in_it_grants_rights(either: Containers) -> None:
    script = (
        "import subprocess; print(subprocess.run(['find', '/', '-xdev', '-perm', '/6000', '-type',"
        " 'f'], capture_output=True, text=True).stdout, end='')"
    )
    assert either.python(script, user="0") == ""


def test_nothing_in_it_installs_or_compiles(either: Containers) -> None:
    script = (
        "import importlib.util, shutil; "
        f"print([m for m in {UNWANTED_MODULES} if importlib.util.find_spec(m)], "
        f"[p for p in {UNWANTED_PROGRAMS} if shutil.which(p)])"
    )
    assert either.python(script).strip() == "[] []"


def test_numerais_versions_are_in_it(containers: Containers) -> None:
    pins = (ROOT / "job" / "runtimes" / "numerai-3.12.txt").read_text()
    known = dict(re.findall(r"^([\w-]+)==([\w.]+)$", pins, re.MULTILINE))
    names = ("numpy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "cloudpickle", "scipy")
    script = f"import importlib.metadata as m; print(*[m.version(name) for name in {names}])"
    assert containers.python(script).split() == [known[name] for name in names]


def test_a_run_compiles_nothing(containers: Containers) -> None:
    containers.manifest("duck_00")
    script = (
        "import os, sys\n"
        "from job.__main__ import command\n"
        "command(['--json'], os.environ)\n"
        "import lightgbm, sklearn.ensemble, pyarrow.parquet, cloudpickle, joblib\n"
        "print([n for n, m in list(sys.modules.items()) if (getattr(m, '__file__', None) or '')"
        ".endswith('.py') and not os.path.exists(getattr(m, '__cached__', None) or '/')])"
    )
    ended = containers.run("-c", script, options=["--entrypoint=python"])
    assert ended.out.splitlines()[-1] == "[]", ended.err


def test_all_that_shared_objects_need_is_there(either: Containers) -> None:
    # One that lies beside its user counts as found: something else loads it first, as in the wheel.
    script = (
        "import pathlib, subprocess\n"
        "paths = [str(p) for p in pathlib.Path('/opt').rglob('*.so*') if p.is_file()]\n"
        "names = {pathlib.Path(path).name for path in paths}\n"
        "done = subprocess.run(['ldd', *paths], capture_output=True, text=True)\n"
        "for line in done.stdout.splitlines():\n"
        "    if line.endswith(':'): name = line\n"
        "    elif 'not found' in line and line.split()[0] not in names: print(name, line.strip())\n"
    )
    assert either.python(script) == ""


IMPORT_ALL = """
import importlib, json, pathlib, pkgutil, sys, warnings
warnings.simplefilter("ignore")
from importlib.metadata import packages_distributions
mine = set(packages_distributions())
problems = {}
def visit(name):
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        problems[name] = [type(error).__name__, str(getattr(error, "name", "")), str(error)[:200]]
        return
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if inner.name != "__main__":
            visit(name + "." + inner.name)
for name in sorted(mine):
    visit(name)
print(json.dumps([problems, sorted(mine)]))
"""
REMOVED = {"pyarrow._orc", "aiohttp", "scipy.special.tests"}
"""What nothing imports but what is for it alone: pyarrow.orc, fsspec over HTTP, scipy's makers."""
NOT_FOR_HERE = re.compile(
    # for other systems
    r"^(psutil\._ps\w+|msal_extensions\.(osx|windows)|click\._winconsole|dateutil\.tz\.?win|joblib\..*_win_reduction"
    # want what no wheel brings
    r"|cffi\._shimmed_dist_utils|msal\.broker|msal_extensions\.libsecret|pyarrow\.(cuda|libarrow_\w+)|numpy\.f2py\._backends\._distutils|tqdm\.\w+(\.slack)?"
    r"|pandas\.io\.formats\.style(_render)?|__dummy__|images)$"
)


def test_every_module_that_is_left_finds_all_it_needs(either: Containers) -> None:
    problems, mine = json.loads(either.python(IMPORT_ALL).splitlines()[-1])
    unexplained = {
        name: [kind, missing, text]
        for name, (kind, missing, text) in problems.items()
        if not NOT_FOR_HERE.match(name)
        and not (
            kind == "ModuleNotFoundError"
            and (missing in REMOVED or missing.partition(".")[0] not in mine)
        )
    }
    assert unexplained == {}


def test_nothing_of_ours_imports_what_was_removed() -> None:
    gone = {"aiohttp", "pyarrow.flight", "pyarrow.orc", "fsspec.implementations.http"}
    for path in (ROOT / "job").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not gone & set(names), path


def test_no_secret_is_in_the_history(either: Containers) -> None:
    told = either.engine.call(
        "history", "--no-trunc", "--format={{.CreatedBy}}", either.image
    ).stdout
    assert "useradd" in told
    assert not re.search(r"(?i)secret|token|password|://[^/\s]*@", told)


def test_no_secret_and_no_left_over_is_in_any_layer(either: Containers) -> None:
    mine, seen = _secrets_of_this_machine(), set()
    for name, data in _files(either):
        seen.add(name)
        assert not UNWANTED_FILES.search(name), name
        found = SECRETS.search(data)
        if found and not data.startswith(b"\x7fELF"):
            around = data[max(0, found.start() - 60) : found.end() + 60]
            assert EXAMPLES.search(around), (name, around)
        assert not any(secret in data for secret in mine), name
    assert {"etc/passwd", "opt/job/lib/python3.12/site-packages/job/run.py"} <= seen


def _secrets_of_this_machine() -> list[bytes]:
    telling = re.compile("SECRET|TOKEN|PASSW|CREDENTIAL|API_?KEY", re.IGNORECASE)
    return [
        value.encode()
        for name, value in os.environ.items()
        if telling.search(name) and len(value) >= 12
    ]


def _files(containers: Containers) -> Iterator[tuple[str, bytes]]:
    """Every file of every layer of ours; the base's are the base's."""
    command = [containers.engine.program, "save", containers.image]
    environ = containers.engine.environ()
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as saving,
        tarfile.open(fileobj=saving.stdout, mode="r|") as outer,
    ):
        for layer in outer:
            if layer.isfile():
                with suppress(tarfile.ReadError):  # not a layer, but what is said of them
                    yield from _files_of_layer(outer.extractfile(layer))


def _files_of_layer(stream: IO[bytes] | None) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for entry in layer:
            file = layer.extractfile(entry) if entry.isfile() else None
            if file is not None:
                yield entry.name, file.read()
