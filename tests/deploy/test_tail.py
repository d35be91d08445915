"""A log that is read again and again is shown once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.tail import Tail


def test_only_what_is_new_is_given() -> None:
    tail = Tail()
    assert tail.new_lines("a\nb\n") == ["a", "b"]
    assert tail.new_lines("a\nb\nc\n") == ["c"]
    assert tail.new_lines("a\nb\nc\n") == []


def test_a_line_without_its_end_waits_for_it() -> None:
    tail = Tail()
    assert tail.new_lines("a\nhal") == ["a"]
    assert tail.new_lines("a\nhalf\n") == ["half"]
    assert tail.new_lines("a\nhalf\nlast", ended=True) == ["last"]


def test_a_reading_may_have_lost_its_beginning() -> None:
    tail = Tail()
    tail.new_lines("a\nb\nc\n")
    assert tail.new_lines("b\nc\nd\n") == ["d"]
    assert tail.new_lines("x\ny\n") == ["x", "y"]


def test_an_empty_reading_forgets_nothing() -> None:
    tail = Tail()
    tail.new_lines("a\nb\n")
    assert tail.new_lines("") == []
    assert tail.new_lines("a\nb\nc\n") == ["c"]


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=30), st.data())
def test_every_line_comes_once_whatever_is_kept_of_it(
    numbers: list[int], data: st.DataObject
) -> None:
    lines, tail, kept = list(map(str, numbers)), Tail(), 0
    seen: list[str] = []
    for end in range(1, len(lines) + 1):
        kept = data.draw(st.integers(kept, end - 1))  # the newest line is always there
        seen += tail.new_lines("".join(f"{line}\n" for line in lines[kept:end]))
    assert seen == lines
