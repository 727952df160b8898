"""int8 for TensorRT and OpenVINO: quantisation written into the ONNX graph (Q/DQ), and its cost.

Symmetric post-training quantisation as TensorRT requires it and as in Krishnamoorthi, "Quantizing
deep convolutional networks for efficient inference" (2018): weights have a scale for each output
channel; activations have one scale per tensor, from the smallest and largest value of each
calibration image, averaged. Only the inputs of convolutions are quantised; sums, concatenations,
PReLU and batch normalisation between them stay as they are, and so do the convolutions on the
image and the last convolution, before the scores.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from espnet_ros.bundle import Bundle, write_model_folder
from espnet_ros.bundle_checks import ALL_FILES
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BundleError
from espnet_ros.core.libraries import require
from espnet_ros.core.metrics import ConfusionMatrix, percent
from espnet_ros.core.model_description import description_like
from espnet_ros.core.resize import image_at, mask_at
from espnet_ros.network.training.datasets import Sample
from espnet_ros.progress import bar

CALIBRATION_IMAGES = 64
# The most class mIoU, 0..1, that int8 may cost.
MAX_LOSS = 0.01
# The first opset with scales in float16.
_OPSET = 19


@dataclass(frozen=True)
class Int8Figures:
    """How int8 changes a model, measured on labelled images in ONNX Runtime on the CPU.

    :param miou_f32: class mIoU of ``model.onnx``, void ignored, 0..1.
    :param miou_int8: that of ``model_int8.onnx``.
    :param agreement: share of the pixels to which both give the same class, 0..1.
    :param images: how many were compared.
    """

    miou_f32: float
    miou_int8: float
    agreement: float
    images: int

    def __str__(self) -> str:
        return (
            f'class mIoU {percent(self.miou_f32)} in float32, {percent(self.miou_int8)} in '
            f'int8; both agree on {self.agreement:.2%} of the pixels of {self.images} images'
        )


def add_int8(
    bundle: Bundle, output: Path, calibration: Sequence[Sample], check: Sequence[Sample]
) -> tuple[Bundle, Int8Figures]:
    """Write a model folder with ``model_int8.onnx`` if that is good enough, else write nothing.

    :param bundle: the model; its files are copied unchanged.
    :param output: the folder; an existing model there is replaced, even `bundle` itself.
    :param calibration: images like those the robot sees; up to `CALIBRATION_IMAGES`, evenly
        spaced, are used.
    :param check: other images, with the truth in the model's class ids.
    :raises BundleError: if the model has no float16 graph, or int8 costs more than `MAX_LOSS`.
    """
    if 'onnx_f16' not in bundle.files:
        raise BundleError(
            f'int8 needs {ALL_FILES["onnx_f16"]}, but model {bundle.name} does not have it, '
            'because its float16 masks differ'
        )
    step = -(-len(calibration) // CALIBRATION_IMAGES)
    images = [image_at(s.image, bundle.size_wh) for s in calibration[::step]]
    content = quantize_onnx(bundle.files['onnx_f16'].read_bytes(), images)
    figures = _compare(bundle, content, check)
    if not figures.miou_f32 - figures.miou_int8 <= MAX_LOSS:
        raise BundleError(
            f'nothing was written, because int8 may cost {100 * MAX_LOSS:.1f} points '
            f'of class mIoU and costs more: {figures}. Calibrate with images more like those the '
            'model will see, or stay with f16'
        )
    contents = {role: file.read_bytes() for role, file in bundle.files.items()}
    metrics = {**bundle.metrics, 'int8_val_miou_void_ignored': round(figures.miou_int8, 4)}
    written = write_model_folder(
        output, description_like(bundle, metrics=metrics), {**contents, 'onnx_int8': content}
    )
    return written, figures


def quantize_onnx(model: bytes, images: Sequence[UInt8Array]) -> bytes:
    """Return a deployment graph with Q/DQ nodes before its convolutions.

    :param model: the ONNX file, with the network in float16 or float32.
    :param images: to calibrate with, uint8 (H, W, 3) BGR, all of one size.
    :raises BackendUnavailableError: if onnx or onnxruntime is not installed.
    """
    require('int8', 'onnx', 'onnxruntime')
    import onnx
    from onnx import version_converter
    from onnxruntime import quantization

    graph = version_converter.convert_version(onnx.load_model_from_string(model), _OPSET)
    convolutions = [node for node in graph.graph.node if node.op_type == 'Conv']
    image = convolutions[0].input[0]
    exact = [node.name for node in convolutions if node.input[0] == image]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        file = Path(folder, 'model.onnx')
        quantization.quantize_static(
            graph,
            file,
            _Reader(images),
            op_types_to_quantize=['Conv'],
            per_channel=True,
            nodes_to_exclude=[*exact, convolutions[-1].name],
            extra_options={
                'ActivationSymmetric': True,
                'WeightSymmetric': True,
                # The mean over images, or one odd pixel would coarsen the steps for all of them.
                'CalibMovingAverage': True,
                # TensorRT has no int32 biases, and it fuses the readers of a convolution's output.
                'QuantizeBias': False,
                'OpTypesToExcludeOutputQuantization': ['Conv'],
                # Weights stored in int8 need TensorRT 10; float weights with Q/DQ always work.
                'AddQDQPairToWeight': True,
            },
        )
        quantized = onnx.load_model(file)
    _quantize_before_concatenations(quantized.graph, onnx.helper.make_node)
    onnx.checker.check_model(quantized, full_check=True)
    return bytes(quantized.SerializeToString())


def _quantize_before_concatenations(graph: Any, make_node: Callable[..., Any]) -> None:
    """Quantise the parts of a concatenation instead of the whole, which computes the same.

    OpenVINO 2026.4 does so itself, but loses the scale: it rounded to whole numbers, which cost
    three points and more on CamVid val. A part that is already quantised is now rounded once.

    :param graph: changed in place.
    :param make_node: of `onnx.helper`.
    """
    writers = {output: node for node in graph.node for output in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for quantizer in [node for node in graph.node if node.op_type == 'QuantizeLinear']:
        whole, *scale = quantizer.input
        joined = writers.get(whole)
        if joined is None or joined.op_type != 'Concat' or readers[whole] != 1:
            continue
        place = list(graph.node).index(joined)
        for index, part in enumerate(joined.input):
            exact = _unquantized(part, writers)
            joined.input[index] = f'{quantizer.output[0]}_{index}'
            graph.node.insert(place, make_node(
                'QuantizeLinear', [exact, *scale], [joined.input[index]],
                name=f'{quantizer.name}_{index}',
            ))  # fmt: skip
        joined.output[0] = quantizer.output[0]
        graph.node.remove(quantizer)


def _unquantized(name: str, writers: Mapping[str, Any]) -> str:
    """Return the tensor before quantising and dequantising; `name` itself if there is none."""
    writer = writers.get(name)
    if writer is None or writer.op_type != 'DequantizeLinear':
        return name
    return str(writers[writer.input[0]].input[0])


class _Reader:
    """Gives ONNX Runtime the calibration images, one at each call."""

    def __init__(self, images: Sequence[UInt8Array]) -> None:
        self._images = iter(bar(images, 'calibrate int8'))

    def get_next(self) -> dict[str, UInt8Array] | None:
        """Return the next batch, or None."""
        image = next(self._images, None)
        return None if image is None else {'image': image[None]}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice out of the log; it does not apply to this graph."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)


def _compare(bundle: Bundle, content: bytes, samples: Sequence[Sample]) -> Int8Figures:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    cpu = ['CPUExecutionProvider']
    sessions = [
        onnxruntime.InferenceSession(model, options, providers=cpu)
        for model in (bundle.files['onnx'].read_bytes(), content)
    ]
    # Void included: a pixel that the model calls void is wrong if the truth is a class.
    matrices = [ConfusionMatrix(len(bundle.labels)) for _ in sessions]
    same = []
    for sample in bar(samples, 'compare int8'):
        image = image_at(sample.image, bundle.size_wh)[None]
        truth = mask_at(sample.truth, bundle.size_wh)
        masks = [session.run(['mask'], {'image': image})[0][0] for session in sessions]
        for matrix, mask in zip(matrices, masks, strict=True):
            matrix.update(mask, truth)
        same.append(float((masks[0] == masks[1]).mean()))
    mious = [matrix.miou() for matrix in matrices]
    return Int8Figures(mious[0], mious[1], float(np.mean(same)), len(samples))
