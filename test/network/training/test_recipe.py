"""The schedule by hand, and recipes that are none."""

from __future__ import annotations

import re

import pytest

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.recipe import Recipe, learning_rate_at


def test_learning_rate_rises_then_falls() -> None:
    assert learning_rate_at(0.05, 2.0) == pytest.approx(1.0)
    assert learning_rate_at(0.1, 2.0) == pytest.approx(2.0)
    assert learning_rate_at(0.55, 2.0) == pytest.approx(1.0)
    assert learning_rate_at(1.0, 2.0) == pytest.approx(0.0)


@pytest.mark.parametrize('rate', [float('nan'), float('inf'), 0.0, -1e-3])
def test_a_learning_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ParameterError, match=f'learning_rate must be above 0, got {rate}'):
        Recipe(learning_rate=rate)


def test_an_epoch_sees_of_a_dataset_what_it_has_at_most() -> None:
    assert [Recipe(per_epoch=3).drawn_of(size) for size in (2, 3, 9)] == [2, 3, 3]
    assert Recipe().drawn_of(9) == 9


def test_a_crop_the_network_cannot_take_is_refused() -> None:
    for crop in ((50, 32), (0, 0), (-8, 8), (8,), (16384, 8)):
        with pytest.raises(ParameterError, match=rf'multiples of 8.* got {re.escape(str(crop))}'):
            Recipe(crop_wh=crop)  # type: ignore[arg-type]


def test_all_that_is_wrong_is_listed() -> None:
    with pytest.raises(ParameterError, match=r'crop .*; batch .* got 0; paste .* got 2; learning'):
        Recipe(crop_wh=(0, 0), batch=0, paste=2, learning_rate=-1)


@pytest.mark.parametrize('name', ['freeze_at', 'paste'])
@pytest.mark.parametrize('share', [2, -0.1])
def test_what_is_no_share_is_refused(name: str, share: float) -> None:
    with pytest.raises(ParameterError, match=rf'{name} must be a share, 0\.\.1, got {share}'):
        Recipe(**{name: share})  # type: ignore[arg-type]
