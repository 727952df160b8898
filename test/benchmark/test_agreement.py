from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.benchmark.agreement import Agreement, equal_share


def plane(*values: int) -> np.ndarray:
    return np.array(values, np.uint8).reshape(2, -1)


def test_equal_share_by_hand():
    assert equal_share(plane(1, 2, 3, 255, 0, 0), plane(1, 2, 0, 255, 1, 1)) == 0.5


def test_masks_of_two_shapes_are_no_agreement():
    with pytest.raises(ValueError, match='differ in shape'):
        equal_share(plane(1, 1, 1, 1), plane(1, 1))


def test_agreement_over_images_by_hand():
    agreement = Agreement()
    one = plane(1, 1, 1, 1)
    agreement.update('good', one, plane(10, 20, 30, 40), one, plane(10, 20, 30, 40))
    # 4 + 6 pixels, of which 3 differ; confidence errors are seven 0, then 51, 102 and 255.
    agreement.update(
        'bad',
        plane(1, 1, 1, 2, 2, 2),
        plane(0, 51, 0, 0, 255, 102),
        plane(1, 1, 1, 1, 1, 1),
        plane(0, 0, 0, 0, 0, 204),
    )
    figures = agreement.figures()
    assert figures['mask_agreement'] == 0.7
    assert figures['images'] == {'good': 1.0, 'bad': 0.5}
    assert (figures['worst_image'], figures['worst_image_agreement']) == ('bad', 0.5)
    errors = figures['confidence_error']
    assert errors == {'mean': pytest.approx(0.16), 'p99': 1.0, 'max': 1.0}


def test_the_p99_leaves_one_percent_out():
    agreement = Agreement()
    mask = np.zeros((10, 20), np.uint8)
    confidence = mask.copy()
    # Of 200 pixels two are off by 255, one percent, and twenty by 51.
    confidence.flat[:20] = 51
    confidence.flat[20:22] = 255
    agreement.update('image', mask, confidence, mask, mask)
    assert agreement.figures()['confidence_error']['p99'] == 0.2
