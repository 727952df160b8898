from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from espnet_ros.network.training.loss import SegmentationLoss, lovasz_softmax


def test_lovasz_by_hand_ignores_void() -> None:
    # Two known pixels of class 0 with probabilities 1 and 1/2, one void. Errors of class 0,
    # worst first: 1/2, 0; 1 - IoU grows by 1/2 with each of its two pixels: 1/4.
    logits = torch.tensor([[[[50.0, 0.0, 0.0]], [[0.0, 0.0, 50.0]]]])
    truth = torch.tensor([[[0, 0, 255]]])
    assert float(lovasz_softmax(logits, truth)) == pytest.approx(0.25, abs=1e-5)


def test_lovasz_of_a_hard_mask_is_one_minus_its_miou() -> None:
    # Truth 0 0 0 1 1, drawn 0 0 1 1 0: IoU is 2/4 and 1/3.
    drawn = torch.tensor([0, 0, 1, 1, 0])
    logits = 100 * torch.nn.functional.one_hot(drawn, 3).float().T[None, :, None]
    truth = torch.tensor([[[0, 0, 0, 1, 1]]])
    assert float(lovasz_softmax(logits, truth)) == pytest.approx((0.5 + 2 / 3) / 2, abs=1e-5)


def test_lovasz_without_any_truth_is_zero() -> None:
    logits = torch.ones(1, 2, 1, 3, requires_grad=True)
    loss = lovasz_softmax(logits, torch.full((1, 1, 3), 255))
    loss.backward()
    assert float(loss.detach()) == 0


def test_views_that_are_void_altogether_neither_count_nor_spoil_the_sum() -> None:
    # Known pixels, but none where the encoder is asked, at rows and columns 4, 12, ...
    edge = torch.full((1, 16, 24), 255)
    edge[0, 0, 0] = 1
    for truth in (torch.full((1, 16, 24), 255), edge):
        logits = torch.zeros(1, 2, 16, 24, requires_grad=True)
        coarse = torch.zeros(1, 2, 2, 3, requires_grad=True)
        loss = SegmentationLoss(np.array([0.9, 0.1]))(logits, coarse, truth)
        loss.backward()
        expected = math.log(2) + 0.5 if truth is edge else 0
        assert float(loss.detach()) == pytest.approx(expected)
        assert logits.grad is not None and bool(logits.grad.isfinite().all())
        assert coarse.grad is not None and not coarse.grad.any()


def test_rare_classes_weigh_more() -> None:
    weights = SegmentationLoss(np.array([0.9, 0.1])).weights
    expected = np.log(2.3) / np.log(1.5)
    assert float(weights[1] / weights[0]) == pytest.approx(expected, rel=1e-5)


def test_nearly_equal_errors_are_still_added_up_exactly() -> None:
    # Of one class, its errors 0.1 and 0.100001 fall on one level: in either order their sum
    # times 1/2 is the loss, as 1 - IoU grows by half with each of two pixels.
    shares = torch.tensor([0.9, 0.899999], dtype=torch.float64)
    logits = torch.stack([shares.log(), (1 - shares).log()])[None, :, None]
    loss = lovasz_softmax(logits, torch.zeros(1, 1, 2, dtype=torch.int64))
    assert float(loss) == pytest.approx(0.1000005, rel=1e-6)


def test_of_an_encoder_alone_the_loss_is_that_of_every_eighth_pixel() -> None:
    # 16 x 24 pixels, 2 x 3 scores: truth counts where y and x are 4, 12, 20.
    truth = torch.full((1, 16, 24), 255)
    truth[0, 4, 4::8] = torch.tensor([0, 1, 0])
    truth[0, 12, 4::8] = torch.tensor([1, 1, 255])
    truth[0, 5, 5] = 1
    loss = SegmentationLoss(np.array([0.5, 0.5]))
    # Sure and right everywhere it counts.
    coarse = torch.tensor([[0, 1, 0], [1, 1, 0]])
    logits = 50 * torch.nn.functional.one_hot(coarse, 2).movedim(2, 0)[None].float()
    assert float(loss(logits, None, truth)) == pytest.approx(0, abs=1e-5)
    # Undecided: ln 2 of cross-entropy; the Lovasz term of class 0 (2 of 5 pixels) and of class 1
    # (3 of 5) with all errors 1/2 is 1/2 each, however they are sorted.
    expected = np.log(2) + 0.5
    assert float(loss(torch.zeros(1, 2, 2, 3), None, truth)) == pytest.approx(expected, abs=1e-5)
