"""Pure: what became of the models -> exit code, outcome in a word, and the summary that people
read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from job.errors import Exit
from job.record import ModelResult, Outcome

GRAVEST_FIRST = (Exit.UNFORESEEN, Exit.UNAVAILABLE, Exit.MISSED, Exit.MODELS_FAILED)
WORDS = {
    Exit.OK: "ok",
    Exit.UNFORESEEN: "unforeseen_error",
    Exit.USAGE: "usage",
    Exit.MODELS_FAILED: "models_failed",
    Exit.UNAVAILABLE: "unavailable",
    Exit.MISSED: "missed",
    Exit.NO_ROUND: "no_round",
    Exit.INTERRUPTED: "interrupted",
    Exit.TERMINATED: "terminated",
}
REASON_WIDTH = 72


def exit_code(results: Iterable[ModelResult]) -> Exit:
    """The gravest of what the models alone would exit with: 1, 4, 5, 3, then 0."""
    return gravest({result.exit_code for result in results})


def gravest(codes: Collection[int]) -> Exit:
    """The one of these that a run is to exit with."""
    return next((code for code in GRAVEST_FIRST if code in codes), Exit.OK)


def outcome_word(code: Exit, results: Sequence[ModelResult]) -> str:
    """The run's outcome in a word; a run that found nothing to do says so."""
    acted = {Outcome.SUBMITTED, Outcome.SUBMITTED_LATE, Outcome.DRY_RUN}
    if code is Exit.OK and not any(result.outcome in acted for result in results):
        return "nothing_to_do"
    return WORDS[code]


def headline(results: Sequence[ModelResult]) -> str:
    """Counts in one line, e.g. `3 submitted, 1 failed`."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[kind]} {kind.replace('_', ' ')}" for kind in Outcome if counts[kind]]
    return ", ".join(parts) or "no models"


def summary(results: Sequence[ModelResult]) -> str:
    """The table that a run ends with: one line per model, columns that say something."""
    from tabulate import tabulate

    several = len({result.tournament for result in results}) > 1
    columns: list[tuple[str, str, Callable[[ModelResult], str]]] = [
        ("model", "left", lambda result: result.model),
        ("tournament", "left", lambda result: result.tournament if several else ""),
        ("outcome", "left", lambda result: result.outcome.replace("_", " ")),
        ("rows", "right", lambda result: "" if result.rows is None else f"{result.rows:,}"),
        ("seconds", "right", _seconds),
        ("figures", "left", figures_shown),
        ("submission or reason", "left", lambda r: _short(r.reason or r.submission_id or "")),
    ]
    optional = {"tournament", "figures"}
    filled = [(name, align, [show(result) for result in results]) for name, align, show in columns]
    kept = [column for column in filled if column[0] not in optional or any(column[2])]
    return tabulate(
        list(zip(*(cells for _, _, cells in kept), strict=True)),
        headers=[name for name, _, _ in kept],
        disable_numparse=True,
        colalign=[align for _, align, _ in kept],
    )


def figures_shown(result: ModelResult) -> str:
    """The figures of a model as people read them: `coverage 98.2%, churn 0.041`."""
    parts = (
        f"{name} {value:.1%}" if name == "coverage" else f"{name} {value:.3f}"
        for name, value in result.figures.items()
    )
    return ", ".join(parts)


def _seconds(result: ModelResult) -> str:
    return f"{sum(result.seconds.values()):.1f}" if result.seconds else ""


def _short(text: str) -> str:
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= REASON_WIDTH else f"{line[: REASON_WIDTH - 1]}…"
