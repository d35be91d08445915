"""The command line: commands, flags, and a help that teaches."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from job import __version__
from job.flags import EXAMPLES, FLAGS
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
  6    --wait ended and a round that it was for had not opened
  130  interrupted; 143 terminated"""
COMMANDS = {
    "run": "submit what lacks a submission (the default)",
    "status": "show each model's state in the round that is open",
    "history": "show what became of past rounds, and the share that was on time",
    "check": "find everything that can be known to be wrong before a round",
    "init": "write a manifest skeleton from the models of your account",
    "add": "try a model and put it into the manifest",
    "predict": "write one model's predictions to a file; no account needed",
    "runtime": "make interpreters of their own for models, and list them",
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
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text.capitalize() + ".",
            epilog=_epilog(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name in FLAGS:
            FLAGS[name](command)
    return parser


def _epilog(command: str) -> str:
    example = EXAMPLES.get(command, "")
    more = "`numerai-job --help` lists the environment's variables and the exit codes."
    return f"{example}\n\n{more}" if example else more
