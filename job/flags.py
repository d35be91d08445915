"""The flags of each command, and an example that shows it at work."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Final, get_args

from job.model_spec import Format, Postprocess, Tournament

TOURNAMENTS: Final = ", ".join(get_args(Tournament))
FORMATS: Final = ", ".join(get_args(Format))
POSTPROCESS: Final = " or ".join(get_args(Postprocess))


def _run_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="do everything but the upload; the CSV files stay, and the summary says where",
    )
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only this model; may be given several times",
    )
    command.add_argument(
        "--force",
        action="store_true",
        help="submit again, on time, although submitted or held back",
    )
    command.add_argument(
        "--wait",
        metavar="DURATION",
        help="wait so long for a round to be open for on-time submission with its data ready",
    )
    command.add_argument(
        "--json", action="store_true", help="print the run record as one line on stdout"
    )


def _status_flags(command: ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print it as one line of JSON")


def _history_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "--rounds",
        default="20",
        metavar="N",
        help="how many rounds of each tournament to show (default: 20)",
    )
    command.add_argument("--json", action="store_true", help="print it as one line of JSON")
    command.add_argument(
        "--html", metavar="FILE", help="also write it as a page that needs nothing but itself"
    )


def _check_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "--deep",
        action="store_true",
        help="also start every runtime, and load and try every enabled model",
    )
    command.add_argument(
        "--notify",
        action="store_true",
        help="also tell who NUMERAI_NOTIFY names, if there is a fault (NUMERAI_NOTIFY_ON=always: "
        "in any case)",
    )


def _init_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "--out",
        metavar="FILE",
        help="where to write it, - for stdout (default: the manifest's place)",
    )


def _add_flags(command: ArgumentParser) -> None:
    command.add_argument(
        "path",
        metavar="PATH",
        help="the model's file or folder; copied into the models root if it lies outside",
    )
    command.add_argument("--name", required=True, help="the model's name at Numerai")
    for flag, metavar, help_ in (
        ("--tournament", "T", f"{TOURNAMENTS} (default: classic)"),
        ("--format", "F", f"{FORMATS} (default: from the suffix)"),
        ("--features", "X", "a set of features.json, a path to a JSON list, or names with commas"),
        ("--data-version", "V", "of Numerai's data, such as v5.3"),
        ("--runtime", "R", "a name of the manifest's `runtimes` (default: this Python)"),
        ("--postprocess", "P", f"{POSTPROCESS} (default: none)"),
        ("--neutralize", "SET", "neutralize to these features, written as for --features"),
        ("--proportion", "P", "how much of them to take out, 0 to 1 (default: 1)"),
        ("--priority", "N", "higher goes first (default: 0)"),
        ("--timeout", "D", "longest time to load and to predict, such as 10m"),
        ("--memory", "S", "most memory, such as 4GiB"),
        ("--data", "FILE", "live data to try it on (default: the newest here, else made up)"),
    ):
        command.add_argument(flag, metavar=metavar, help=help_)
    command.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME",
        help="a variable that a python model gets as a secret; may be given several times",
    )
    command.add_argument(
        "--replace", action="store_true", help="the manifest has this model; exchange its entry"
    )


def _predict_flags(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="a model of the manifest")
    command.add_argument("--tournament", metavar="T", help="where several have a model so called")
    command.add_argument(
        "--data",
        metavar="FILE",
        help="a parquet file as live.parquet; benchmark models and features.json are looked for "
        "beside it (default: the newest live data that a run has left here)",
    )
    command.add_argument(
        "--out", metavar="FILE", help="a .csv or .parquet file (default: NAME.csv)"
    )


def _runtime_flags(command: ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    text = "show the manifest's runtimes, and whether each starts"
    actions.add_parser("list", help=text, description=text.capitalize() + ".", allow_abbrev=False)
    text = "make a runtime and put it into the manifest"
    create = actions.add_parser(
        "create", help=text, description=text.capitalize() + ".", allow_abbrev=False
    )
    create.add_argument(
        "name",
        metavar="NAME",
        help="what models are to call it; numerai-3.11, numerai-3.12 and numerai-3.13 are made as "
        "Numerai's own images are",
    )
    create.add_argument(
        "--requirements", metavar="FILE", help="what is installed, pandas and pyarrow among it"
    )
    create.add_argument(
        "--python", metavar="V", help="such as 3.11 (default: NAME's, else this one's)"
    )
    create.add_argument(
        "--into", metavar="FOLDER", help="where to (default: NUMERAI_DATA_DIR/runtimes/NAME)"
    )
    create.add_argument("--force", action="store_true", help="make it anew where there is one")


FLAGS: Final[dict[str, Callable[[ArgumentParser], None]]] = {
    "run": _run_flags,
    "status": _status_flags,
    "history": _history_flags,
    "check": _check_flags,
    "init": _init_flags,
    "add": _add_flags,
    "predict": _predict_flags,
    "runtime": _runtime_flags,
}

EXAMPLES: Final = {
    "runtime": """\
A runtime is an interpreter with libraries of its own, for models that were made with another Python
or other versions than the job runs with. It is made from a Python that is on this machine, by uv
where that is on PATH, else by venv and pip.

examples:
  numerai-job runtime create numerai-3.11    # as Numerai's own image for Python 3.11
  numerai-job runtime create old --python 3.10 --requirements old/requirements.txt
  numerai-job runtime list""",
    "run": """\
examples:
  numerai-job run --dry-run --only anas_platyrhynchos  # all of it but the upload
  numerai-job run --wait 90m                           # on a schedule, as the round is to open""",
    "status": """\
example:
  numerai-job status --json | jq '.models[] | select(.submitted | not).model'""",
    "history": """\
Numerai's answer says what was submitted, and outranks the run records; these say what was held back
and why something is missing. Where neither tells, it is unknown, which is not missed. The share is
that of the rounds whose on-time deadline has passed, over the models that are enabled now; what is
unknown, or was not due, is left out of it.

examples:
  numerai-job history --rounds 10
  numerai-job history --rounds 65 --html history.html
  numerai-job history --json | jq '.on_time[0].share'""",
    "check": """\
examples:
  numerai-job check            # settings, manifest, account, artifacts, datasets
  numerai-job check --deep     # and every model is loaded and predicts, on data that are here
  numerai-job check --notify   # each morning: whoever is to repair it knows hours before""",
    "init": """\
Every model of the account gets an entry with what Numerai knows of it, disabled until its file is
there. A manifest that is there already is never overwritten.

examples:
  numerai-job init              # to the manifest's place under NUMERAI_MODELS_DIR
  numerai-job init --out -      # only show it""",
    "add": """\
The model is loaded in its runtime and predicts as in a round, on real live data where some are
here and on made-up ones of the same shape elsewhere. A model that would fail is refused and
nothing is changed; any other gets its entry in the manifest with its digest, and a file
PATH.meta.json with the versions, features and figures of the trial. No account is needed.

examples:
  numerai-job add ~/research/model.pkl --name anas_platyrhynchos
  numerai-job add aythya/booster.txt --name aythya_fuligula --features small --postprocess rank
  numerai-job add somateria/ --name somateria_mollissima --tournament signals --env MY_DATA_KEY
  numerai-job add anas/model-2.pkl --name anas_platyrhynchos --replace    # a newer file""",
    "predict": """\
Post-processing of the manifest is applied. The figures are told at the end; a file that Numerai
would refuse is written all the same, and told (3).

examples:
  numerai-job predict anas_platyrhynchos
  numerai-job predict anas_platyrhynchos --data validation.parquet --out anas.parquet""",
}
