"""The command line of `python -m deploy`: commands, and a help that teaches."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from deploy.flags import EXAMPLES, FLAGS
from job import __version__
from job.errors import Exit

ABOUT: Final = """\
Puts the job on Azure Container Instances, on a schedule, with its models in Blob Storage.
Everything is said in one file, deploy.yaml; copy deploy/example.yaml to begin with. Then, once:

  python -m deploy plan     # what would be made, and what it costs; changes nothing
  python -m deploy apply    # makes it
  python -m deploy push     # sends the models; again whenever one of them is new"""
ENVIRONMENT: Final = """\
environment:
  NUMERAI_PUBLIC_ID, NUMERAI_SECRET_KEY   the API token, or ..._FILE, a path to read it from; asked
                                          for on a terminal; and so the further `secrets`
  NUMERAI_MODELS_DIR                      the local models root that `push` sends (default: models)
  NUMERAI_RETRY_PATIENCE                  how long a request is tried again
  AZURE_...                               the sign-in, where it is not that of `az login`
  AZURE_RESOURCE_MANAGER_URL              Azure's management (default: https://management.azure.com)
  AZURE_RESOURCE_MANAGER_SCOPE            what its tokens are for (default: <that URL>/.default)
  AZURE_RESOURCE_MANAGER_POLL             seconds between two looks at what goes on (default: 5)
  REQUESTS_CA_BUNDLE                      certificates to trust instead of the machine's"""
EXITS: Final = """\
exit codes:
  0    done, or there was nothing to do
  1    unforeseen error
  2    deploy.yaml, flags or manifest are wrong, or Azure refuses what they say
  3    the run: some models failed
  4    Azure or Numerai could not be reached, or a right is missing
  5    the run: the on-time deadline has passed and a model lacks its submission
  6    the run: its wait ended and a round that it was for had not opened
  130  interrupted; 143 terminated"""
COMMANDS: Final = {
    "plan": "show what exists, what `apply` would change, and what it costs",
    "apply": "make it so: create, change and delete what differs",
    "push": "send the models that are new, and the manifest that names them",
    "run": "start the job now and follow it to its end",
    "status": "show the last run, the next one, each model's last outcome, and the on-time record",
    "logs": "show what the job has written, or is writing",
    "cost": "show what it costs, per run and per month",
    "destroy": "remove what `apply` made, but for the storage with the models",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments as values; ends the process for --help (0), for no command and faults (2)."""
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        sys.exit(Exit.USAGE)
    return parser.parse_args(argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy",
        description=ABOUT,
        epilog=f"{ENVIRONMENT}\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"numerai-job {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"{EXAMPLES[name]}\n\n`python -m deploy --help` tells of environment and exits.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_argument(
            *(("--file",) if name == "logs" else ("-f", "--file")),  # there, -f is --follow
            default="deploy.yaml",
            metavar="FILE",
            help="what to deploy (default: ./deploy.yaml)",
        )
        if name in FLAGS:
            FLAGS[name](command)
    return parser
