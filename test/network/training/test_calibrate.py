"""Networks whose scores are the image's own channels."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from torch import nn

from espnet_ros.core.errors import DatasetError, ParameterError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.espnet import ESPNet, create_network
from espnet_ros.network.training.calibrate import add_class_bias, calibrate, in_classes_of
from espnet_ros.network.training.datasets import Dataset, Sample


class Channels(nn.Module):
    """Logits of three classes: blue, green and red after normalisation."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def all_blue(height: int, width: int, known: int) -> Sample:
    """Return a picture where blue wins by 6 everywhere, and is the truth but for 3 columns.

    :param known: columns; the others are void.
    """
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 60
    truth = np.zeros((height, width), np.uint8)
    truth[:, :3] = 1
    truth[:, known:] = 255
    return Sample('s', image, truth)


def sure_in_three_of_four() -> Sample:
    return all_blue(8, 16, known=12)


def description(mean_blue: float = 0.0, std: float = 10.0, scale: float = 1.0) -> SimpleNamespace:
    """Return what the fit needs of a model's description."""
    return SimpleNamespace(
        size_wh=(16, 8), mean=(mean_blue, 0.0, 0.0), std=(std,) * 3, input_scale=scale
    )


def test_the_temperature_makes_the_confidence_the_share_of_hits() -> None:
    found = calibrate(Channels(), [sure_in_three_of_four()], description())
    # 1 / (1 + 2 exp(-6 / T)) = 3/4 at T = 6 / ln 6, where e^-1.79 = 1/6.
    assert found.temperature == pytest.approx(6 / math.log(6), rel=0.02)
    assert found.ece_before == pytest.approx(0.25, abs=0.01)
    assert found.ece_after < 0.01
    assert str(found.temperature) in str(found)
    # Class 0 has 72 hits of 96 pixels, class 1 none of its 24.
    assert found.miou == pytest.approx((72 / 96 + 0) / 2)


def test_mean_std_and_scale_are_those_of_the_deployment() -> None:
    same = calibrate(Channels(), [sure_in_three_of_four()], description(30.0, 5.0, 0.5))
    # Blue wins by (60 - 30) / 5 * 0.5 = 3 over 0 and 0.
    assert same.temperature == pytest.approx(3 / math.log(6), rel=0.02)


def test_the_network_gets_pixels_with_the_channels_first() -> None:
    class Asked(Channels):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            # Channels last, a convolution rounds otherwise than in the shipped models' figures.
            assert image.is_contiguous() and image.shape == (1, 3, 8, 16)
            return image

    calibrate(Asked(), [sure_in_three_of_four()], description())


def test_labels_of_another_size_keep_their_classes() -> None:
    # The edges are between the centres of the pixels 1 and 2, and 6 and 7, of the 16.
    sample = all_blue(12, 24, known=11)
    found = calibrate(Channels(), [sample], description())
    # Five of seven known columns are hits.
    assert found.miou == pytest.approx((5 / 7 + 0) / 2)
    assert found.temperature == pytest.approx(6 / math.log(5), rel=0.02)


def test_an_encoder_answers_at_an_eighth() -> None:
    found = calibrate(nn.AvgPool2d(8), [sure_in_three_of_four()], description())
    assert found.temperature == pytest.approx(6 / math.log(6), rel=0.02)


def test_classes_are_brought_together_by_name() -> None:
    def labels(names: str) -> Labels:
        return Labels([LabelClass(n, (0, 0, 0), 'ground') for n in names])

    truth = np.array([[0, 1, 255]], np.uint8)
    dataset = Dataset(labels('ab'), [Sample('s', np.zeros((1, 3, 3), np.uint8), truth)])
    (sample,) = in_classes_of(labels('bca'), dataset)
    assert sample.truth.tolist() == [[2, 0, 255]]
    with pytest.raises(DatasetError, match='does not know b of the dataset'):
        in_classes_of(labels('ac'), dataset)


class Lead(ESPNet):
    """An ESPNet whose classes blue and green have the scores of these colours."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores = image[:, :2]
        return scores if self.up1.bias is None else scores + self.up1.bias.view(1, 2, 1, 1)


def one_short_by(lead: float) -> Sample:
    """Return a picture in the right half of which green is the truth, behind blue by `lead`."""
    image = np.zeros((8, 16, 3), np.uint8)
    image[..., 0] = 100
    image[:, 8:, 1] = round(100 - 10 * lead)
    truth = np.zeros((8, 16), np.uint8)
    truth[:, 8:] = 1
    return Sample('s', image, truth)


def test_biases_of_classes_are_fitted_in_place_of_those_there_are() -> None:
    network = Lead(classes=2, alpha2=0, alpha3=0, class_bias=True)
    found = add_class_bias(network, [[one_short_by(0.4), one_short_by(0.4)]], description())
    assert (found.miou_before, found.miou_after) == (0.25, 1.0)
    assert network.up1.bias is not None
    np.testing.assert_allclose(network.up1.bias.detach().numpy(), found.bias)
    # Green leads in its half now, and blue in the other still.
    assert 0.4 < found.bias[1] - found.bias[0] < 10.0

    found = add_class_bias(network, [[one_short_by(-0.4), one_short_by(-0.4)]], description())
    assert found.miou_before == 1.0
    assert network.up1.bias is None


def test_an_encoder_alone_has_no_biases() -> None:
    encoder = create_network('espnet_c', classes=2, alpha2=0, alpha3=0)
    with pytest.raises(ParameterError, match='need the whole ESPNet, this model is an encoder'):
        add_class_bias(encoder, [[one_short_by(0.4)]], description())
