from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

import pytest

from espnet_ros.core import signals
from espnet_ros.core.errors import MovedError
from espnet_ros.core.signals import ended_by_signals

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KINDS = [
    (signal.SIGINT, KeyboardInterrupt),
    (signal.SIGTERM, SystemExit),
    (signal.SIGHUP, SystemExit),
]


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    """Let a hangup end a process, as it does not under nohup."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def check_code(error: BaseException, number: int) -> None:
    if isinstance(error, SystemExit):
        assert error.code == 128 + number


@pytest.mark.parametrize(('number', 'kind'), KINDS)
def test_signals_end_it_and_what_follows_does_not_interrupt_the_cleaning(number, kind):
    before = [signal.getsignal(n) for n in ALL]
    cleaned = False
    with pytest.raises(kind) as caught, ended_by_signals():
        try:
            send(number)
        finally:
            for other in ALL:
                send(other)
            cleaned = True
    assert cleaned
    check_code(caught.value, number)
    assert [signal.getsignal(n) for n in ALL] == before


@pytest.mark.parametrize('number', ALL)
def test_within_each_signal_is_as_ctrl_c(number):
    caught = False
    with ended_by_signals():
        try:
            send(number)
        except KeyboardInterrupt:
            caught = True
    assert caught


@pytest.mark.parametrize(('number', 'kind'), KINDS)
def test_what_breaks_on_the_way_out_is_no_news(number, kind):
    with pytest.raises(kind) as caught, ended_by_signals():
        try:
            send(number)
        finally:
            raise RuntimeError('a worker is gone')
    check_code(caught.value, number)


def test_where_somebodys_files_are_is_told_even_so():
    with pytest.raises(MovedError, match='look for it in'), ended_by_signals():
        try:
            send(signal.SIGTERM)
        finally:
            raise MovedError('look for it in old')


@pytest.mark.parametrize(('number', 'kind'), KINDS)
def test_a_signal_that_python_drops_is_sent_again(number, kind):
    class Dropping:
        def __del__(self) -> None:
            send(number)

    hook, dropping = sys.unraisablehook, [Dropping()]
    with pytest.raises(kind) as caught, ended_by_signals():
        dropping.clear()
        threading.Event().wait(60.0)
    check_code(caught.value, number)
    assert sys.unraisablehook is hook


def test_errors_without_a_signal_stay():
    with pytest.raises(RuntimeError, match='a bug'), ended_by_signals():
        raise RuntimeError('a bug')


def test_a_later_signal_ends_what_the_first_one_did_not(monkeypatch):
    monkeypatch.setattr(signals, '_ONE_WISH_S', 0.0)
    with pytest.raises(SystemExit) as caught, ended_by_signals():
        # As a callback of a library drops it.
        with contextlib.suppress(KeyboardInterrupt):
            send(signal.SIGINT)
        send(signal.SIGTERM)
    check_code(caught.value, signal.SIGTERM)


def test_what_is_ignored_stays_so():
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            send(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_in_another_thread_signals_are_left_alone():
    done = []

    def run() -> None:
        with ended_by_signals():
            done.append([signal.getsignal(n) for n in ALL])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [[signal.getsignal(n) for n in ALL]]
