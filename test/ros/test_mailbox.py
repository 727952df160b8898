"""The latest item only, each camera in turn, and an end that wakes the taker."""

from __future__ import annotations

import threading

from espnet_ros.ros.mailbox import Mailbox
from espnet_ros.ros.worker import Worker

DEADLINE_S = 10.0


def test_a_newer_item_replaces_an_older_one_and_says_so():
    mailbox = Mailbox(('front',))
    assert not mailbox.put('front', 1)
    assert mailbox.put('front', 2)
    assert mailbox.take() == [('front', 2)]
    assert not mailbox.put('front', 3)


def test_a_fast_camera_does_not_starve_a_slow_one():
    mailbox = Mailbox(('fast', 'slow'))
    served = []
    for n in range(4):
        mailbox.put('fast', n)
        if n == 1:
            mailbox.put('slow', 'here')
            mailbox.put('fast', 'again')
        served += mailbox.take()
    mailbox.put('fast', 'last')
    assert served == [('fast', 0), ('slow', 'here'), ('fast', 2), ('fast', 3)]


def test_items_of_several_keys_are_taken_together_the_longest_unserved_first():
    mailbox = Mailbox(('a', 'b', 'c'))
    mailbox.put('a', 1)
    assert mailbox.take(3) == [('a', 1)]
    for key in 'abc':
        mailbox.put(key, key.upper())
    assert mailbox.take(2) == [('b', 'B'), ('c', 'C')]
    assert not mailbox.put('b', 2)
    assert mailbox.take(2) == [('a', 'A'), ('b', 2)]


def test_close_forgets_and_ends():
    mailbox = Mailbox(('',))
    mailbox.put('', 1)
    mailbox.close()
    assert mailbox.take() == []


def test_close_wakes_a_taker_that_waits():
    mailbox = Mailbox(('',))
    taken = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    mailbox.close()
    thread.join(DEADLINE_S)
    assert taken == [[]]


def test_the_worker_handles_the_latest_while_it_was_busy_and_stops_after_the_one_in_hand():
    started, release = threading.Event(), threading.Event()
    handled = []

    def handle(taken):
        started.set()
        assert release.wait(DEADLINE_S)
        handled.extend(taken)

    worker = Worker(('a', 'b'), handle)
    worker.put('a', 1)
    assert started.wait(DEADLINE_S)
    replaced = [worker.put('a', 2), worker.put('a', 3)]
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    release.set()
    stopper.join(DEADLINE_S)
    assert not stopper.is_alive()
    assert replaced == [False, True]
    assert handled[0] == ('a', 1)
    assert ('a', 2) not in handled


def test_the_newest_item_is_taken_while_one_is_in_the_last_step_and_order_is_kept():
    release = threading.Event()
    begun = {n: threading.Event() for n in (1, 2, 4)}
    published = []

    def infer(taken):
        [(key, item)] = taken
        begun[item].set()
        return key, -item

    def publish(result):
        assert release.wait(DEADLINE_S)
        published.append(result)

    worker = Worker(('a',), infer, publish)
    replaced = []
    for items in ([1], [2], [3, 4]):
        replaced += [worker.put('a', item) for item in items]
        if items[-1] in (1, 2):
            assert begun[items[-1]].wait(DEADLINE_S)
    # The first is being published, the second is inferred and waits, the third was pushed out.
    assert replaced == [False, False, False, True]
    assert published == [] and not begun[4].is_set()
    release.set()
    assert begun[4].wait(DEADLINE_S)
    worker.stop()
    assert published == [('a', -1), ('a', -2), ('a', -4)]


def test_a_step_has_one_item_at_a_time():
    rounds = 25
    begun, another, done = (threading.Semaphore(0) for _ in range(3))
    busy, most = [], []

    def infer(taken):
        [(key, item)] = taken
        busy.append(item)
        begun.release()
        if key == 'a':
            assert another.acquire(timeout=DEADLINE_S)
        most.append(len(busy))
        busy.remove(item)
        return item

    worker = Worker(('a', 'b'), infer, lambda item: done.release())
    for number in range(rounds):
        worker.put('a', number)
        assert begun.acquire(timeout=DEADLINE_S)
        # The first one is at work until there is another one, for which a thread is free.
        worker.put('b', number)
        another.release()
        assert begun.acquire(timeout=DEADLINE_S)
        for _ in range(2):
            assert done.acquire(timeout=DEADLINE_S)
    worker.stop()
    assert most == [1] * 2 * rounds


def test_what_waits_is_taken_together_as_far_as_asked_at_each_turn():
    release, done = threading.Event(), threading.Semaphore(0)
    started = threading.Event()
    handled, limits = [], iter((1, 2, 2, 2))

    def handle(taken):
        started.set()
        assert release.wait(DEADLINE_S)
        handled.append(taken)
        done.release()

    worker = Worker(('a', 'b', 'c'), handle, at_most=lambda: next(limits))
    worker.put('a', 1)
    assert started.wait(DEADLINE_S)
    for key in 'abc':
        worker.put(key, key.upper())
    release.set()
    for _ in range(3):
        assert done.acquire(timeout=DEADLINE_S)
    worker.stop()
    assert handled == [[('a', 1)], [('b', 'B'), ('c', 'C')], [('a', 'A')]]
