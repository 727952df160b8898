from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.training.augment import AS_SEEN, VARIED, View, random_view
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.views import Batch, Views, collate, epoch_batches, epoch_order

RECIPE = Recipe(crop_wh=(24, 16), batch=4, seed=3)


def samples(count: int) -> list[Sample]:
    """Images whose truth is their index, every third with an opinion."""
    return [
        Sample(
            str(i), np.full((32, 40, 3), 20 * i, np.uint8), np.full((32, 40), i, np.uint8),
            np.full((16, 20, 2), i, np.uint8) if i % 3 == 0 else None,
        )
        for i in range(count)
    ]  # fmt: skip


def batches(epoch: int, processes: Processes | None = None, workers: int = 0) -> list[Batch]:
    loader = epoch_batches(
        samples(11), [11], RECIPE, epoch, processes or Processes(), workers, pinned=False
    )
    return list(loader)


def seen(batch: Batch) -> list[int]:
    """Return which samples the views are of; they may hang over a border, which is void."""
    return [int(truth[truth != 255].unique()) for truth in batch.truth]


def test_an_epoch_sees_each_sample_once_in_whole_batches() -> None:
    first = [seen(batch) for batch in batches(0)]
    assert [len(indices) for indices in first] == [4, 4]
    flat = [index for indices in first for index in indices]
    assert len(set(flat)) == 8 and set(flat) <= set(range(11))
    assert first != [seen(batch) for batch in batches(1)]
    assert batches(0)[0].images.shape == (4, 16, 24, 3)


def test_a_large_dataset_gives_an_epoch_no_more_than_its_share() -> None:
    recipe = dataclasses.replace(RECIPE, per_epoch=3)
    epochs = [epoch_order([2, 9], recipe, epoch) for epoch in range(40)]
    for order in epochs:
        assert sorted(order)[:2] == [0, 1] and len(set(order)) == len(order) == 5
    # Drawn anew, all come, and in any order.
    assert set(np.concatenate(epochs)) == set(range(11))
    assert {int(order[0]) < 2 for order in epochs} == {True, False}
    np.testing.assert_array_equal(epoch_order([2, 9], recipe, 7), epochs[7])
    plain = epoch_order([2, 9], RECIPE, 7)
    np.testing.assert_array_equal(plain, epoch_order([11], RECIPE, 7))
    assert sorted(plain) == list(range(11))


def test_things_come_from_the_samples_of_the_epoch() -> None:
    plain, thing, other = (
        Sample(str(i), np.full((32, 40, 3), 100, np.uint8), np.zeros((32, 40), np.uint8))
        for i in range(3)
    )
    thing.truth[14:18, 18:22] = 1
    other.truth[14:18, 18:22] = 2
    views = Views([plain, thing, other], dataclasses.replace(RECIPE, paste=1.0), [0, 2])
    ids = {int(i) for epoch in range(40) for i in np.unique(views[epoch, 0].truth)}
    assert 2 in ids and 1 not in ids


def test_processes_share_each_batch() -> None:
    alone = [seen(batch) for batch in batches(5)]
    shares = [[seen(batch) for batch in batches(5, Processes(rank, 2))] for rank in (0, 1)]
    assert [len(indices) for indices in shares[0]] == [2, 2]
    for whole, left, right in zip(alone, *shares, strict=True):
        assert sorted(whole) == sorted(left + right)


def test_views_are_the_same_whoever_makes_them() -> None:
    here, there = batches(2), batches(2, workers=2)
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one.images, other.images)
        torch.testing.assert_close(one.opinion, other.opinion)


def test_opinions_stay_with_their_images() -> None:
    for batch in batches(0):
        indices = seen(batch)
        assert batch.taught.tolist() == [k for k, index in enumerate(indices) if index % 3 == 0]
        for k, opinion in zip(batch.taught, batch.opinion, strict=True):
            assert opinion.shape == (8, 12, 2)
            assert opinion.unique().tolist() == [indices[k]]


def test_a_batch_that_nobody_taught() -> None:
    view = View(np.zeros((16, 24, 3), np.uint8), np.full((16, 24), 255, np.uint8), None)
    batch = collate([view, view]).to(torch.device('cpu'))
    assert len(batch.taught) == 0 and batch.truth.dtype == torch.int64


def test_a_share_of_the_views_without_an_opinion_gets_things_of_others() -> None:
    thing = np.zeros((32, 40), np.uint8)
    thing[14:18, 18:22] = 1
    with_thing = Sample('thing', np.full((32, 40, 3), 200, np.uint8), thing)
    plain = samples(1)[0]
    taught = dataclasses.replace(plain, truth=np.zeros((32, 40), np.uint8))
    untaught = dataclasses.replace(taught, opinion=None)
    cases = ((1.0, untaught, True), (0.0, untaught, False), (1.0, taught, False))
    for paste, first, expected in cases:
        views = Views([first, with_thing], dataclasses.replace(RECIPE, paste=paste), [0, 1])
        seen = {int(i) for epoch in range(40) for i in np.unique(views[epoch, 0].truth)}
        assert (1 in seen) is expected


def test_the_recipe_says_how_views_are_framed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    sample = Sample('noise', pixels, pixels[..., 0] % 2)
    views = {}
    for as_seen, framing in ((False, VARIED), (True, AS_SEEN)):
        recipe = dataclasses.replace(RECIPE, as_seen=as_seen)
        view = Views([sample], recipe, [0])[3, 0]
        rng = np.random.default_rng((recipe.seed, 3, 0))
        expected = random_view(sample, recipe.crop_wh, rng, framing)
        np.testing.assert_array_equal(view.image, expected.image)
        views[as_seen] = view.image
    assert (views[False] != views[True]).any()
