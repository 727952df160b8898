"""The end of the publishers of grids."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from espnet_ros.ros import grids
from espnet_ros.ros.grids import GridPublishers


@pytest.mark.parametrize('failure', [None, RuntimeError('the middleware cannot tell')])
def test_they_go_once_all_that_they_sent_has_arrived(monkeypatch, failure):
    done, clock_s = [], [100.0]

    def wait(name, timeout):
        done.append((name, round(timeout.nanoseconds / 1e9, 3)))
        clock_s[0] += 0.3
        if failure:
            raise failure

    monkeypatch.setattr(grids, 'time', SimpleNamespace(monotonic=lambda: clock_s[0]))
    node = SimpleNamespace(
        create_publisher=lambda kind, topic, profile, event_callbacks: SimpleNamespace(
            name=topic, wait_for_all_acked=partial(wait, topic)
        ),
        destroy_publisher=lambda publisher: done.append(publisher.name),
    )
    GridPublishers(node, ('walls', 'ways'), 'odom').destroy()
    names = ['~/costmap', '~/layers/walls', '~/layers/ways']
    # They share half a second.
    assert done[:3] == [*zip(names, (0.5, 0.2, 0.0), strict=True)]
    assert sorted(done[3:]) == names
