"""Bars on a terminal, and none where nobody would see them move."""

from __future__ import annotations

import io
import sys

import pytest

from espnet_ros.progress import bar, counter


class Terminal(io.StringIO):
    """Keeps what is drawn."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Have stderr be a terminal; not in a fixture, after which pytest sets its own one again."""
    pytest.importorskip('tqdm')
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    return terminal


def test_a_bar_on_a_terminal_goes_when_all_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    items = (letter for letter in 'abc')
    assert list(bar(items, 'letters', 3)) == ['a', 'b', 'c']
    drawn = terminal.getvalue()
    assert 'letters:   0%' in drawn and '0/3' in drawn
    # Blank is what is left of the line, on which the next words go.
    assert drawn.endswith('\r') and drawn.rstrip('\r').rpartition('\r')[2].strip() == ''


def test_a_counter_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with counter(100, 'building') as done:
        assert done.shown
        done.note('the head')
        done.update()
        done.reach(75)
        # What it draws next, a tenth of a second after the last time.
        assert 'building:  75%' in str(done._drawn) and 'the head' in str(done._drawn)
        done.update(5)
        assert '80/100' in str(done._drawn)
    assert not done.shown
    assert 'building:   0%' in terminal.getvalue()
    with counter(0, 'masks') as done:
        done.update(2)
        assert str(done._drawn).startswith('masks: 2 [')


def test_what_a_stopped_terminal_does_not_take_costs_no_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    done = counter(100, 'building')

    def full(_: str) -> int:
        raise BlockingIOError(11, 'Resource temporarily unavailable')

    monkeypatch.setattr(terminal, 'write', full)
    done._drawn.mininterval = 0.0
    done.reach(50)
    done.close()
    assert not done.shown


@pytest.mark.parametrize('where', ['log file', 'nowhere', 'terminal without tqdm', 'not shown'])
def test_elsewhere_there_is_none_and_nothing_changes(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = {'log file': io.StringIO(), 'nowhere': None}.get(where, Terminal())
    monkeypatch.setattr(sys, 'stderr', stderr)
    if where == 'terminal without tqdm':
        monkeypatch.setitem(sys.modules, 'tqdm', None)
    assert list(bar([1, 2], 'numbers', shown=where != 'not shown')) == [1, 2]
    if where != 'not shown':
        with counter(2, 'numbers') as done:
            assert not done.shown
            done.note('one')
            done.update()
            done.reach(2)
    assert not stderr or stderr.getvalue() == ''
