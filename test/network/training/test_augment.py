from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from espnet_ros.core.labels import UNLABELED
from espnet_ros.network.training.augment import (
    AS_SEEN,
    VARIED,
    Framing,
    View,
    paste_things,
    random_view,
)
from espnet_ros.network.training.datasets import Sample


def sample() -> Sample:
    """Left half dark and class 0, right half bright and class 1, void strip at the bottom."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 255
    truth = np.zeros((60, 80), np.uint8)
    truth[:, 40:] = 1
    truth[55:] = UNLABELED
    return Sample('halves', image, truth)


def truths(
    truth: npt.NDArray[np.uint8], size_wh: tuple[int, int], framing: Framing, count: int
) -> list[npt.NDArray[np.uint8]]:
    """Return the truth of so many views of a sample."""
    plain = Sample('plain', np.zeros((*truth.shape, 3), np.uint8), truth)
    return [
        random_view(plain, size_wh, np.random.default_rng(seed), framing).truth
        for seed in range(count)
    ]


def test_truth_follows_the_image() -> None:
    agree = []
    for seed in range(20):
        image, truth, opinion = random_view(sample(), (48, 32), np.random.default_rng(seed))
        assert image.shape == (32, 48, 3) and image.dtype == np.uint8
        assert truth.shape == (32, 48) and set(np.unique(truth)) <= {0, 1, UNLABELED}
        assert opinion is None
        gray = image.mean(2)
        dark, bright = gray[truth == 0], gray[truth == 1]
        if len(dark) > 50 and len(bright) > 50:
            agree.append(np.median(bright) > np.median(dark))
    assert len(agree) > 5 and all(agree)


def test_a_seed_gives_one_view() -> None:
    first, again = (random_view(sample(), (48, 32), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_both_mirrorings_occur() -> None:
    bright_left = set()
    for seed in range(30):
        _, truth, _ = random_view(sample(), (48, 32), np.random.default_rng(seed))
        columns = [np.flatnonzero((truth == c).any(0)) for c in (0, 1)]
        if all(len(c) for c in columns):
            bright_left.add(bool(columns[1].mean() < columns[0].mean()))
    assert bright_left == {False, True}


def test_whole_images_are_seen_at_nearly_their_own_scale() -> None:
    columns = np.repeat(np.arange(80, dtype=np.uint8)[None], 60, 0)
    seen = {}
    for framing in (VARIED, AS_SEEN):
        known = [view[view != UNLABELED] for view in truths(columns, (80, 60), framing, 60)]
        seen[framing] = [np.ptp(view.astype(int)) / 79 for view in known]
    # A view of the sample's size leaves 1 / 1.44 of the columns at scale 1.3 and stretch exp(0.1),
    # 1 / 1.88 at 1.7.
    assert 0.52 < min(seen[VARIED]) < 0.6
    assert min(seen[AS_SEEN]) > 0.68
    assert max(seen[AS_SEEN]) == 1.0


def test_whole_images_have_a_rare_class_as_often_as_it_is_there() -> None:
    truth = np.zeros((60, 80), np.uint8)
    truth[:, 2:6] = 1
    shares = {
        framing: np.mean([(view == 1).any() for view in truths(truth, (40, 32), framing, 300)])
        for framing in (VARIED, AS_SEEN)
    }
    # A view shows 38 of the 80 columns, the thing at the left edge if its centre is left of
    # 38 / 2 + 6: 0.31 of all. A quarter of the varied views aim at it: 0.25 + 0.75 * 0.31.
    # The share of 300 views has a standard deviation of 0.03.
    assert shares[AS_SEEN] == pytest.approx(0.31, abs=0.08)
    assert shares[VARIED] == pytest.approx(0.48, abs=0.08)


def test_the_opinion_follows_the_truth() -> None:
    # Seven classes as stripes: more than the four channels that are warped at a time.
    stripes = np.repeat(np.arange(7, dtype=np.uint8), 12)[None].repeat(60, 0)
    halves = 255 * np.eye(7, dtype=np.uint8)[stripes[::2, ::2]]
    plain = Sample('stripes', np.zeros((60, 84, 3), np.uint8), stripes, halves)
    compared = 0
    for seed in range(10):
        _, truth, opinion = random_view(plain, (48, 32), np.random.default_rng(seed))
        assert opinion is not None and opinion.shape == (16, 24, 7) and opinion.dtype == np.uint8
        blocks = truth.reshape(16, 2, 24, 2)
        low, high = blocks.min((1, 3)), blocks.max((1, 3))
        # Where a 2 x 2 block and its neighbours are of one class, the opinion is sure of it.
        inside = (low == high) & (high < 7) & (opinion.max(2) > 250)
        assert (opinion.argmax(2)[inside] == low[inside]).all()
        compared += int(inside.sum())
        # A shift by a pixel would make a stripe's edge disagree.
        known = (low == high) & (high < 7)
        assert (opinion.argmax(2)[known] == low[known]).mean() > 0.97
    assert compared > 1500


def test_small_things_are_pasted_with_their_pixels_and_nothing_else() -> None:
    view = View(np.full((20, 30, 3), 10, np.uint8), np.zeros((20, 30), np.uint8), None)
    truth = np.full((20, 30), 1, np.uint8)
    truth[2:8, 3:5], truth[5:15, 20:22], truth[16:] = 2, 3, UNLABELED
    truth[:, 25:29] = 4  # 80 of 496 labelled pixels: too many for a thing
    image = np.repeat(50 * truth[..., None].clip(0, 4), 3, 2)
    drawn = set()
    for seed in range(40):
        pasted = paste_things(view, View(image, truth, None), np.random.default_rng(seed))
        ids = set(np.unique(pasted.truth)) - {0}
        drawn.add(frozenset(ids))
        there = np.isin(truth, list(ids))
        np.testing.assert_array_equal(pasted.truth, np.where(there, truth, 0))
        np.testing.assert_array_equal(pasted.image[..., 0], np.where(there, 50 * truth, 10))
        assert pasted.image.dtype == pasted.truth.dtype == np.uint8
    assert drawn == {frozenset(), frozenset({2}), frozenset({3}), frozenset({2, 3})}


def test_nothing_is_pasted_from_void() -> None:
    view = View(np.full((8, 16, 3), 10, np.uint8), np.zeros((8, 16), np.uint8), None)
    void = View(np.zeros((8, 16, 3), np.uint8), np.full((8, 16), UNLABELED, np.uint8), None)
    pasted = paste_things(view, void, np.random.default_rng(0))
    assert (pasted.image == 10).all() and (pasted.truth == 0).all()
