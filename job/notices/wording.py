"""Pure: what a message says. It has to fit a phone: what is missing, why, how long there is, and
what to do next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from job.errors import Exit, JobError, UsageError
from job.notices.message import Message
from job.notices.past import past_lines, past_title
from job.notices.standing import FAILING, was_left_alone
from job.record import ModelResult, Outcome
from job.report import headline
from job.tournament import Round

LINES, WIDTH, TITLE_WIDTH = 6, 160, 80
AGAIN = "python -m job run"
HISTORY = "python -m job history"
NEXT = {
    Exit.UNFORESEEN: "python -m job status",
    Exit.USAGE: "python -m job check",
    Exit.MODELS_FAILED: "python -m job check --deep",
    Exit.MISSED: "python -m job status",
    Exit.NO_ROUND: f"{AGAIN} --wait 90m",
}


def run_message(
    *,
    code: Exit,
    error: Exception | None,
    results: Sequence[ModelResult],
    rounds: Mapping[str, Round],
    now: datetime,
    recovered: bool,
    past: Sequence[str] = (),
) -> Message:
    """A run that has come to its end, well or not.

    Args:
        past: rounds that were missed before it, as faults of which nobody has heard.
    """
    lacking = [result for result in results if _is_lacking(result)]
    about = _rounds(rounds)
    several = len({result.tournament for result in results}) > 1
    if code is Exit.OK and not lacking and not past:
        title = f"{about}: {'all is well again' if recovered else headline(results)}"
        return Message(_cut(title, TITLE_WIDTH), _text(_by_outcome(results)), "success")
    lines = [
        *_error_lines(error),
        *_model_lines(lacking, several=several),
        *_few(past_lines(past, several=several)),
    ]
    if code is Exit.OK and not lacking:
        lines += _by_outcome(results)
    else:
        lines += _time_lines(rounds, {r.tournament for r in lacking}, now)
    lines.append(f"Next: {_hint(error) or next_command(code, lacking)}")
    return Message(_title(about, code, error, lacking, results, past), _text(lines), "failure")


def dead_message(
    *, began: datetime, unfinished: Sequence[str], rounds: Mapping[str, Round], now: datetime
) -> Message:
    """A former run that ended without a word. It is told as the next run begins, for that one may
    end the same way.
    """
    title = f"{_rounds(rounds)}: the run of {began:%a %H:%M} UTC was killed"
    left = [f"It left undone: {', '.join(unfinished)}"] if unfinished else []
    lines = [
        "It ended without a word: killed from outside, or out of memory.",
        *left,
        *_time_lines(rounds, rounds, now),
        "This run goes on from there.",
        "Next: python -m job status",
    ]
    return Message(_cut(title, TITLE_WIDTH), _text(lines), "failure")


def check_message(faults: Sequence[str], *, warnings: int) -> Message:
    """What a check has found before the round."""
    if not faults:
        return Message("Numerai check: no faults", f"warnings: {warnings}", "success")
    title = f"Numerai check: {len(faults)} fault{'s' if len(faults) > 1 else ''} before the round"
    said = [line for fault in faults for line in fault.splitlines()]
    lines = [*_few(said), "Next: python -m job check"]
    return Message(title, _text(lines), "failure")


def next_command(code: Exit, lacking: Sequence[ModelResult]) -> str:
    """What to type next."""
    if code is Exit.OK and not lacking:
        return HISTORY
    held = [result.model for result in lacking if result.outcome is Outcome.HELD_BACK]
    if code is Exit.MODELS_FAILED and len(held) == len(lacking) > 0:
        return f"{AGAIN} --force{''.join(f' --only {name}' for name in held)}"
    return NEXT.get(code, AGAIN)


def _by_outcome(results: Sequence[ModelResult]) -> Iterator[str]:
    """The models behind each outcome; never nothing, for an empty message is not sent."""
    for outcome in Outcome:
        names = [result.model for result in results if result.outcome is outcome]
        if names:
            yield f"{outcome.replace('_', ' ')}: {', '.join(names)}"
    if not results:
        yield headline(results)


def _is_lacking(result: ModelResult) -> bool:
    if result.outcome in FAILING or result.outcome is Outcome.PENDING:
        return True
    return result.outcome is Outcome.SKIPPED and not was_left_alone(result)


def _rounds(rounds: Mapping[str, Round]) -> str:
    if not rounds:
        return "Numerai"
    if len(rounds) == 1:
        return f"Numerai round {next(iter(rounds.values())).number}"
    return f"Numerai {', '.join(f'{name} {r.number}' for name, r in sorted(rounds.items()))}"


def _title(
    about: str,
    code: Exit,
    error: Exception | None,
    lacking: Sequence[ModelResult],
    results: Sequence[ModelResult],
    past: Sequence[str],
) -> str:
    if code is Exit.OK and not lacking:
        text = past_title(past, among=len(results))
    elif error is None and lacking:
        missed = all(result.outcome is Outcome.MISSED for result in lacking)
        what = "missed" if missed else "not submitted"
        text = f"{len(lacking)} of {len(results)} models {what}"
    else:
        text = _what(error) or f"exit code {int(code)}"
    return _cut(f"{about}: {text}", TITLE_WIDTH)


def _what(error: Exception | None) -> str:
    if error is None:
        return ""
    if isinstance(error, JobError):
        return error.what
    return f"unforeseen {type(error).__name__}"


def _error_lines(error: Exception | None) -> Iterator[str]:
    if error is None:
        return
    if isinstance(error, UsageError):
        yield from _few(error.faults)
    elif isinstance(error, JobError):
        yield from (part for part in (error.what, *error.why) if part)
    else:
        yield f"unforeseen {type(error).__name__}: {error}"


def _model_lines(lacking: Sequence[ModelResult], *, several: bool) -> Iterator[str]:
    told = [result for result in lacking if result.outcome in FAILING]
    others = [_name(result, several) for result in lacking if result.outcome not in FAILING]
    yield from _few(
        f"{_name(r, several)} {r.outcome.replace('_', ' ')}: {_first_line(r.reason)}" for r in told
    )
    if others:
        yield f"not done: {', '.join(others)}"


def _hint(error: Exception | None) -> str:
    """The way out that an error itself tells; it knows better than its exit code."""
    return error.hint if isinstance(error, JobError) else ""


def _name(result: ModelResult, several: bool) -> str:
    return f"{result.tournament} {result.model}" if several else result.model


def _time_lines(
    rounds: Mapping[str, Round], concerned: Collection[str], now: datetime
) -> Iterator[str]:
    """How long there is, for each tournament that lacks something; for all where that is not
    known.
    """
    shown = [name for name in sorted(rounds) if name in concerned] or sorted(rounds)
    for name in shown:
        deadline = rounds[name].close_staking_time
        minutes = int((deadline - now).total_seconds() // 60)
        which = f"{name}: " if len(rounds) > 1 else ""
        if now < deadline:
            yield f"{which}{minutes} min left, on time until {deadline:%H:%M} UTC"
        else:
            yield f"{which}too late since {deadline:%a %H:%M} UTC ({-minutes} min ago)"


def _few(lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    yield from lines[:LINES]
    if len(lines) > LINES:
        yield f"and {len(lines) - LINES} more"


def _first_line(text: str) -> str:
    return text.splitlines()[0].strip() if text.strip() else "no reason known"


def _text(lines: Iterable[str]) -> str:
    return "\n".join(_cut(line, WIDTH) for line in lines)


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
