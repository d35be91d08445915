"""The command line: commands, flags, and a help that teaches."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from job import __version__
from job.units import perhaps
from job.variables import variables_help

ABOUT = """\
Submits every Numerai model of the manifest that still lacks a fresh submission for the open round.
Run it as often as you like: what is submitted is left alone, what was interrupted is continued."""
EXITS = """\
exit codes:
  0    every enabled model has a fresh submission, or there is no round to submit to
  1    unforeseen error
  2    settings, flags or manifest are wrong; nothing was tried
  3    some models failed for a reason of their own; all others are submitted
  4    Numerai, the store or the disk could not be reached or understood; run again
  5    the on-time deadline has passed and a model lacks its submission
  6    --wait ended and no round had opened
  130  interrupted; 143 terminated"""
COMMANDS = {
    "run": "submit what lacks a submission (the default)",
    "status": "show each model's state in the round that is open",
    "check": "find everything that can be known to be wrong before a round",
    "demo": "show the job at work on a sandbox, without an account",
}

RUN_FLAGS = ("--dry-run", "--only", "--force", "--wait", "--json", "--help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments as values; `command` is always set. Ends the process for --help and for faults
    (2), but for those that `run` reports together with what else is wrong: `faults` has a sentence
    for each flag that is not known.
    """
    words = list(argv)
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, "run")
    parser = _parser()
    args, unknown = parser.parse_known_args(words)
    if unknown and args.command != "run":
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    flags = [word for word in unknown if word.startswith("-")]
    args.faults = [f"{word}: unknown{perhaps(word, RUN_FLAGS)}" for word in flags or unknown]
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="numerai-job",
        description=ABOUT,
        epilog=f"environment:\n{variables_help()}\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"numerai-job {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    adders = {"run": _run_flags, "status": _status_flags}
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text.capitalize() + ".",
            epilog="`numerai-job --help` lists the environment's variables and the exit codes.",
            allow_abbrev=False,
        )
        adders.get(name, lambda _: None)(command)
    return parser


def _run_flags(command: argparse.ArgumentParser) -> None:
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
        help="submit again, on time, although submitted",
    )
    command.add_argument(
        "--wait",
        metavar="DURATION",
        help="wait so long for a round to be open for on-time submission with its data ready",
    )
    command.add_argument(
        "--json", action="store_true", help="print the run record as one line on stdout"
    )


def _status_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print it as one line of JSON")
