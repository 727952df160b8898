"""The peer of the other tests: what it does not hear must be the node's fault."""

from __future__ import annotations

import threading

import pytest


@pytest.fixture
def frail(peer, ros_domain):
    """Return a peer that the test may spoil."""
    return type(peer)(ros_domain)


def test_what_is_run_runs_in_the_thread_that_spins(peer):
    called = threading.Event()
    spinning = []

    def call():
        spinning.append(threading.get_ident())
        called.set()

    timer = peer.node.create_timer(0.01, call)
    peer.wake()
    assert called.wait(30.0)
    peer.run(peer.node.destroy_timer, timer)
    assert {peer.run(threading.get_ident)} == set(spinning)


def test_one_that_hears_nothing_any_more_says_why(frail):
    def fail():
        raise ValueError('of a callback')

    frail.node.create_timer(0.01, fail)
    frail.wake()
    waits = lambda: frail.wait(lambda: False, 'nothing'), lambda: frail.run(print)
    for step in (*waits, frail.close):
        with pytest.raises(RuntimeError, match='hears nothing any more') as raised:
            step()
        assert str(raised.value.__cause__) == 'of a callback'
