"""`python -m tests.azure`: the job on Azure, from `plan` to `destroy`, without an account."""

from __future__ import annotations

import sys

from job.errors import Exit
from tests.azure.story import Story, Typed, telling

INTRODUCTION = """\
Stand-ins for Azure's management, its identities and Numerai run on this machine; the blobs are
in Azurite, the container is the job itself as a process. The commands are those of every day.
"""

GOOD_MODELS = 3


def say(text: str) -> None:
    """Prints a text at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def shown(typed: Typed) -> Typed:
    """The same, printed as a terminal would have it."""
    say(f"$ python -m deploy {' '.join(typed.words)}")
    say(f"{typed.out}{typed.err if typed.code else ''}".rstrip())
    say(f"exit code {typed.code}\n")
    return typed


def tell(story: Story) -> bool:
    """The story from its beginning to its end; whether it went as it is to go."""
    good = [shown(story.deploy("plan", token=False)).code == Exit.OK]
    good.append(shown(story.deploy("apply")).code == Exit.OK)
    story.run_ends()
    say("... Azure starts a container group that it makes: that first run is the smoke test\n")
    good += [shown(story.deploy(word)).code == Exit.OK for word in ("logs", "push")]
    say("... Tuesday, 12:05 UTC: the schedule starts the job\n")
    story.clock_strikes()
    submitted = story.submitted
    good.append(len(submitted) == GOOD_MODELS)
    good.append(shown(story.deploy("status")).code == Exit.OK)
    say("... 12:25 UTC: the schedule starts it again, and nothing is left to do\n")
    story.clock_strikes()
    good.append(story.submitted == submitted)
    say("... Wednesday: the round opens, Numerai itself calls, and the job starts\n")
    story.round_opens()
    good.append(len(story.submitted) == 2 * GOOD_MODELS)
    good.append(shown(story.deploy("run")).code == Exit.MODELS_FAILED)
    good.append(shown(story.deploy("destroy", "--yes")).code == Exit.OK)
    left = sorted({id_.split("/")[7] for id_ in story.cloud.ids if "/providers/" in id_})
    good.append(left == ["storageAccounts"])
    say(f"Azure is left with: {', '.join(left)}. Numerai has {len(story.submitted)} submissions.")
    return all(good)


def main() -> int:
    """0 when everything went as it is to go."""
    say(INTRODUCTION)
    with telling() as story:
        if tell(story):
            return 0
    say("This is not what the demo is to show; please open an issue with the lines above.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
