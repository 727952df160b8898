from __future__ import annotations

import mmap

import numpy as np
import pytest

from espnet_ros.core.labels import CAMVID
from espnet_ros.evaluation import costmap_speed
from espnet_ros.evaluation.costmap_speed import (
    Load,
    labels_of,
    measure_memory,
    measure_speed,
    recode,
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(costmap_speed, 'SIZE_WH', (96, 72))
    monkeypatch.setattr(costmap_speed, '_PLACES', 2)


def every(items, total):
    return items


@pytest.mark.parametrize('count', [5, 11, 20, 40])
def test_classes_keep_their_kinds(count):
    labels = labels_of(count)
    assert len(labels) == count
    mask = np.tile(np.arange(11, dtype=np.uint8)[:, None], (1, 50))
    recoded = recode(mask, count)
    kinds = np.array([label.kind for label in labels])
    assert (kinds[recoded] == np.array([c.kind for c in CAMVID])[mask]).all()
    assert len(np.unique(recoded)) == count


def test_eleven_classes_are_camvid():
    assert labels_of(11) == CAMVID
    mask = np.arange(11, dtype=np.uint8)[None]
    assert (recode(mask, 11) == mask).all()


def test_every_load_is_timed_as_often(monkeypatch):
    done = []

    def counted(rig, update=costmap_speed.Rig.update):
        done.append(rig)
        update(rig)

    monkeypatch.setattr(costmap_speed.Rig, 'update', counted)
    times = measure_speed(3, [Load(side=60), Load(side=40, classes=20, cameras=2)], every)
    assert [len(t.wall_ms) for t in times] == [len(t.cpu_ms) for t in times] == [3, 3]
    assert all(value > 0 for t in times for value in (*t.wall_ms, *t.cpu_ms))
    # In turn: noise meets both.
    assert done[0] is not done[1] and done[0] is done[2]


def test_an_update_makes_all_layers_of_what_all_cameras_see():
    rig = costmap_speed.Rig(Load(side=160, cameras=2), costmap_speed._frames(2))
    rig.update()
    shown = rig._mapper.render()
    assert list(shown.occupancy.layers) == [f'layer{i}' for i in range(5)]
    assert shown.spec.size_cells == (160, 160)
    y = shown.spec.centers()[..., 1][shown.occupancy.combined >= 0]
    # The second camera looks 69 degrees to the left.
    assert y.max() > 5.0 > -y.min()
    for _ in range(4):
        rig.update()
    # Two metres on, and the grid follows in whole steps of one.
    assert rig._mapper.render().spec.origin_cells[0] == shown.spec.origin_cells[0] + 20


def test_memory_that_is_kept_shows(monkeypatch):
    kept = []

    def leak(rig):
        # Pages of its own: what the tests before have freed is not taken again.
        kept.append(mmap.mmap(-1, 20480))
        kept[-1].write(b'x' * 20480)

    monkeypatch.setattr(costmap_speed.Rig, 'update', leak)
    first, second = measure_memory(2, every)
    # 600 updates a minute of 20,480 bytes; the allocator takes or gives back some MB by itself.
    assert second - first == pytest.approx(600 * 20480 / 1e6, abs=3.0)
