"""The flags of each command, and an example that shows it at work."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Final


def _plan_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "--template",
        metavar="FILE",
        help="also write the ARM template to this file (- for stdout, and nothing else)",
    )


def _push_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "root",
        nargs="?",
        metavar="ROOT",
        help="the local models root (default: NUMERAI_MODELS_DIR, else models)",
    )
    instead = command.add_mutually_exclusive_group()
    instead.add_argument(
        "--rollback", action="store_true", help="return to the manifest that was current before"
    )
    instead.add_argument(
        "--prune",
        action="store_true",
        help="remove old manifests but the last 10, and the files that none of these names, but "
        "those younger than a day",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )


def _logs_flags(command: ArgumentParser) -> None:
    command.add_argument(
        *("-f", "--follow"),
        action="store_true",
        dest="follow",
        help="go on until the run ends",
    )


def _destroy_flags(command: ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument(
        "--with-data",
        action="store_true",
        help="remove models and run records too, and the storage account if it was made here",
    )
    command.add_argument(
        "--leave-webhook",
        action="store_true",
        help="leave Numerai's webhook, which leads nowhere then; no API token is needed",
    )


FLAGS: Final[dict[str, Callable[[ArgumentParser], None]]] = {
    "plan": _plan_flags,
    "push": _push_flags,
    "logs": _logs_flags,
    "destroy": _destroy_flags,
}

EXAMPLES: Final = {
    "plan": """\
Nothing is changed, and no secret is needed. Whoever is signed in to Azure is told what differs from
what is there, and what Azure itself foresees; anybody else what would be made.

examples:
  python -m deploy plan
  python -m deploy plan --template numerai.json    # for `az deployment group create`""",
    "apply": """\
Does what `plan` says, as one deployment. Azure starts a container group when it creates it: that
first run is the smoke test (it ends with exit code 2 until models are pushed). Done again, there is
nothing to change; cut short, it goes on where it was.

example:
  python -m deploy apply""",
    "push": """\
Files go up under their digests, only what is new; the manifest that names them goes last. A job
that starts meanwhile reads the old set or the new one, never a mix.

examples:
  python -m deploy push                 # after every `python -m job add`
  python -m deploy push --rollback      # the models as they were before the last push
  python -m deploy push --prune --dry-run""",
    "run": """\
Exits as the job does. If a run is under way already, that one is followed.

example:
  python -m deploy run""",
    "status": """\
The on-time figures are those of `python -m job history`. Numerai is asked for them, once, if the
API token is in the environment; else, or where it does not answer, the run records alone tell.

example:
  python -m deploy status""",
    "logs": """\
While the job runs, what it writes now; else what the last run has left in Blob Storage. (The flag
-f is --follow here; another deploy.yaml is given with --file.)

examples:
  python -m deploy logs -f""",
    "cost": """\
Nobody needs to be signed in; whoever is gets the minutes that the last runs took.

example:
  python -m deploy cost""",
    "destroy": """\
Asks before it does anything. Role assignments, the custom role and Numerai's webhook go as well;
the resource group stays, and so does the storage with models and run records unless --with-data.
Numerai's webhook can be taken away only as long as its workflow is there, and with the API token:
where that is not given, nothing is removed, unless --leave-webhook.

examples:
  python -m deploy destroy
  python -m deploy destroy --yes --with-data""",
}
