"""The arrows between the modules, and what a run with nothing to do may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ADAPTER = {"job.numerai.client", "job.numerai.presigned", "job.numerai.transport"}
PURE = {
    "job.errors",
    "job.handed_on",
    "job.missed",
    "job.tournament",
    "job.model_spec",
    "job.units",
    "job.round_state",
    "job.plan",
    "job.numerai.answers",
    "job.numerai.queries",
    "job.outcomes",
    "job.report",
    "job.notices.message",
    "job.notices.past",
    "job.notices.standing",
    "job.notices.wording",
    "job.history.document",
    "job.history.grid",
    "job.history.judging",
    "job.history.page",
    "job.history.rounds",
    "job.history.share",
    "job.history.table",
    "job.history.told",
    "job.history.words",
    "job.churn",
    "job.universe",
    "job.skeleton",
}
HEAVY = {
    "apprise",
    "azure.core",
    "graphql",
    "joblib",
    "lightgbm",
    "msal",
    "psutil",
    "pyarrow.parquet",
    "scipy",
    "sklearn",
    "tabulate",
    "job.blob",
    "job.crew",
    "job.history",
    "job.identity",
    "job.sandbox",
    "job.workers",
}


def modules() -> dict[str, Path]:
    """Every module of the job by name, what is in the worker's and the sandbox's folders too."""
    found = {}
    for path in sorted((ROOT / "job").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, *, at_once: bool = False) -> Iterator[tuple[int, str]]:
    """Level and name of each import; `at_once`: only those made when the module is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _outside_functions(tree) if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield node.level, base
            yield from ((node.level, f"{base}.{alias.name}") for alias in node.names)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child
            yield from _outside_functions(child)


def users_of(*packages: str) -> set[str]:
    """The modules that import one of these packages, wherever in their text."""
    return {
        name
        for name, path in modules().items()
        for level, imported in imports(path)
        if level == 0 and any(imported == p or imported.startswith(f"{p}.") for p in packages)
    }


def test_the_job_does_not_know_how_it_is_deployed() -> None:
    assert users_of("deploy", "tests") == set()


def test_only_the_adapter_speaks_http_and_numerapi() -> None:
    users = users_of("numerapi", "requests", "urllib3", "http", "urllib.request")
    assert {name for name in users if not name.startswith("job.sandbox")} == ADAPTER


def test_the_adapter_is_made_in_one_place() -> None:
    assert users_of("job.numerai.adapter") == {"job.connect"}
    assert users_of("job.numerai.client", "job.numerai.presigned") == {"job.numerai.adapter"}
    assert users_of("job.numerai.graphql") == {"job.numerai.client"}


def test_only_the_adapter_to_blob_storage_knows_its_libraries() -> None:
    knowing = {name for name in modules() if name.startswith("job.blob.") or name == "job.identity"}
    assert users_of("azure", "msal") <= {*knowing, "job.blob"}
    outside = users_of("job.blob", "job.identity") - knowing - {"job.blob"}
    assert outside == {"job.connect"}


def test_only_blob_storage_and_the_identity_import_azure() -> None:
    users = users_of("azure", "msal")
    assert {name for name in users if not name.startswith("job.blob.")} == {"job.identity"}


def test_blob_storage_is_opened_in_one_place() -> None:
    outside = {name for name in users_of("job.blob") if not name.startswith("job.blob")}
    assert outside == {"job.connect"}
    assert users_of("job.identity") == {"job.blob.account"}


def test_only_its_adapter_knows_apprise_and_it_is_imported_when_it_is_used() -> None:
    assert users_of("apprise") == {"job.notices.services"}
    for name in users_of("job.notices.services"):
        at_once = {imported for _, imported in imports(modules()[name], at_once=True)}
        assert not any(one.startswith("job.notices.services") for one in at_once), name


def test_only_the_demo_knows_the_sandbox() -> None:
    outside = {name for name in users_of("job.sandbox") if not name.startswith("job.sandbox")}
    assert outside <= {"job.commands.demo"}


def test_what_runs_in_a_model_process_stands_alone() -> None:
    worker = {name: path for name, path in modules().items() if name.startswith("job.worker.")}
    assert worker
    for name, path in worker.items():
        depth = len(path.relative_to(ROOT / "job" / "worker").parts)
        for level, imported in imports(path):
            assert level <= depth, (name, imported)
            assert imported.partition(".")[0] != "job", (name, imported)


def test_the_pure_modules_import_only_pure_ones() -> None:
    allowed = PURE | {"job", "job.record", "job.store", "job.files"}
    for name in PURE:
        for level, imported in imports(modules()[name]):
            assert level == 0
            if imported.startswith("job."):
                module = imported if imported in modules() else imported.rpartition(".")[0]
                assert module in allowed, (name, imported)
            assert imported.partition(".")[0] not in {"os", "pathlib", "socket", "threading"} or (
                name in {"job.tournament", "job.model_spec"}
            ), (name, imported)


def test_stages_do_not_reach_back_to_commands() -> None:
    outside = users_of("job.commands", "job.cli")
    assert {name for name in outside if not name.startswith("job.commands")} == {"job.__main__"}


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    # A model process puts back what a model changed of its own, and tells libraries of threads.
    own = {"job.worker.surroundings", "job.worker.formats.environment"}
    assert readers - {"job.__main__", *own} <= {"job.sandbox.__main__"}


def test_only_the_entry_points_print() -> None:
    printers = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not name.startswith(("job.sandbox", "job.worker."))
    }
    assert printers == set()


@pytest.mark.parametrize("module", ["job.__main__", "job.run", "job.commands.run"])
def test_a_run_with_nothing_to_do_imports_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY & set(done.stdout.split()) == set()


def test_progress_bars_are_imported_when_they_are_shown() -> None:
    for name, path in modules().items():
        names = {imported.partition(".")[0] for _, imported in imports(path, at_once=True)}
        assert "tqdm" not in names, name


def test_every_module_says_what_it_is_for() -> None:
    for name, path in modules().items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name
