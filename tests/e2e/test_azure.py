"""The whole way on Azure: apply, push, the schedule, Numerai's call, destroy; on stand-ins, with
the real commands, the real job as a process, and its models and records in Azurite.
"""

from __future__ import annotations

import pytest

from job.sandbox.account import SAMPLE_MODELS
from tests.azure.story import Story, telling
from tests.azurite.server import is_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not is_installed(), reason="Azurite is not installed: make .venv/.azurite"),
]
GOOD = sorted(SAMPLE_MODELS[:-1])


def lines(story: Story, *words: str, code: int = 0) -> str:
    """What a command prints; it must end with `code` and show no secret."""
    typed = story.deploy(*words)
    assert typed.code == code, typed.out + typed.err
    for secret in (story.box.public_id, story.box.secret_key, "sig="):
        assert secret not in typed.out + typed.err
    return typed.out


def test_from_apply_to_destroy() -> None:
    with telling() as story:
        assert "16 made" in lines(story, "apply")
        story.run_ends()
        assert "no manifest" in lines(story, "logs")
        assert "nothing to change" in lines(story, "apply")
        assert "is current" in lines(story, "push")

        assert story.clock_strikes().status == "Succeeded"
        opened = story.box.rounds.newest(8).number
        assert story.submitted == [(opened, name) for name in GOOD]
        told = lines(story, "status")
        assert "3 submitted, 1 failed" in told
        assert all(name in told for name in SAMPLE_MODELS)

        assert story.clock_strikes().status == "Succeeded"
        assert story.submitted == [(opened, name) for name in GOOD]

        called = story.round_opens()
        assert story.called == [called]
        assert story.submitted == [(n, name) for n in (opened, called) for name in GOOD]
        assert "already submitted" in lines(story, "run", code=3)
        assert len(story.submitted) == 2 * len(GOOD)

        refused = [one for one in story.cloud.blob_requests if one.status == 403]
        assert refused == []
        lines(story, "destroy", "--yes")
        left = {one.split("/")[7] for one in story.cloud.ids if "/providers/" in one}
        assert left == {"storageAccounts"}
        assert all(model.webhook is None for model in story.box.models)
        assert "nothing to remove" in lines(story, "destroy", "--yes")
