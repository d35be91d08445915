"""The arrows between the modules of the deployment, and what it may take from the job."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, imports

OWN = ROOT / "deploy"
ADAPTER = {
    "deploy.azure",
    "deploy.arm",
    "deploy.deployments",
    "deploy.groups",
    "deploy.refusals",
}
"""The adapter to Azure's management, and the modules that it is made of."""
PURE = {
    "deploy.advice",
    "deploy.consistency",
    "deploy.cost",
    "deploy.found",
    "deploy.images",
    "deploy.instance",
    "deploy.names",
    "deploy.pieces",
    "deploy.plan",
    "deploy.plan_text",
    "deploy.schema",
    "deploy.settings",
    "deploy.tail",
    "deploy.triggers",
    "deploy.validation",
    "deploy.values",
    "deploy.windows",
    "deploy.words",
}
ALLOWED = {
    # What both sides have to say alike: variables, manifest, names of files, digests, records.
    *("job.settings", "job.variables", "job.units", "job.model_spec", "job.manifest"),
    *("job.artifacts", "job.objects", "job.sidecar", "job.tree", "job.record", "job.report"),
    *("job.history", "job.notices.urls"),
    # Where things live, and how they are asked.
    *("job.store", "job.blob_url", "job.connect", "job.identity", "job.storage_secrets"),
    *("job.numerai.adapter", "job.tournament", "job.__version__"),
    # What every part of the project stands on.
    *("job.errors", "job.secret", "job.logs", "job.output", "job.files", "job.clock", "job.retry"),
    *("job.entry", "job.supervise"),
}
"""Beside settings, manifest, store, blob and report, which the first design names."""


def modules() -> dict[str, Path]:
    """Every module of the deployment by name; the image's tools stand by themselves."""
    found = {}
    for path in sorted(OWN.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] != "image":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def users_of(*packages: str) -> set[str]:
    """The modules that import one of these packages, wherever in their text."""
    return {
        name
        for name, path in modules().items()
        for level, imported in imports(path)
        if level == 0 and any(imported == p or imported.startswith(f"{p}.") for p in packages)
    }


def test_only_the_adapter_knows_the_libraries_of_azure() -> None:
    assert users_of("azure") == ADAPTER


def test_the_adapter_is_made_in_one_place() -> None:
    users = users_of("deploy.azure") - ADAPTER
    assert users == {"deploy.session", "deploy.survey"}


def test_what_is_taken_from_the_job_is_little() -> None:
    taken = {
        imported
        for path in modules().values()
        for _, imported in imports(path)
        if imported.startswith("job.")
    }
    strange = {
        one
        for one in taken
        if not any(one == name or one.startswith(f"{name}.") for name in ALLOWED)
    }
    assert strange == set()


def test_nothing_of_the_tests_is_imported() -> None:
    assert users_of("tests") == set()


def test_the_pure_modules_import_no_adapter_and_no_command() -> None:
    assert set(modules()) >= PURE
    for name in PURE:
        taken = {imported for _, imported in imports(modules()[name])}
        assert not taken & (ADAPTER | {"deploy.session", "os", "socket", "subprocess"}), name


def test_parts_do_not_reach_back_to_commands() -> None:
    outside = users_of("deploy.commands", "deploy.cli")
    assert {one for one in outside if not one.startswith("deploy.commands")} == {"deploy.__main__"}


def test_pushing_knows_nothing_of_azure() -> None:
    for name, path in modules().items():
        if name.startswith("deploy.push"):
            own = {i for _, i in imports(path) if i.startswith("deploy.")}
            assert all(one.startswith("deploy.push") for one in own), name


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers == {"deploy.__main__"}


def test_nothing_prints_but_by_way_of_the_redactor() -> None:
    printers = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"print", "say"} and name != "deploy.session"
    }
    assert printers == set()


@pytest.mark.parametrize("command", ["plan", "cost"])
def test_what_needs_no_account_needs_no_library_of_azure(command: str) -> None:
    script = f"import sys, deploy.__main__, deploy.commands.{command}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"azure.core", "azure.identity", "deploy.azure"} & set(done.stdout.split())


def test_every_module_says_what_it_is_for() -> None:
    for name, path in modules().items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name
