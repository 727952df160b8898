"""From a network to a model folder: safetensors weights and the ONNX deployment graph."""

from __future__ import annotations

import copy
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from espnet_ros.bundle import Bundle, check_replaceable, write_model_folder
from espnet_ros.bundle_checks import ALL_FILES, CLASSES_KEY
from espnet_ros.core.errors import BundleError
from espnet_ros.core.labels import Labels
from espnet_ros.core.libraries import require
from espnet_ros.core.model_description import ModelDescription, description_like
from espnet_ros.core.paths import home_path
from espnet_ros.network.deploy import DeploymentGraph, in_half_precision
from espnet_ros.network.espnet import ESPNet, without_class_bias
from espnet_ros.network.rewrite import rewrite

OPSET = 17
_LIBRARIES = ('onnx', 'onnxruntime', 'safetensors')
# Two runtimes may differ only where two classes are about equally likely.
MIN_AGREEMENT = 0.999
# Untrained networks give mostly near ties on noise; trained ones reach 0.999 in float16, too.
MIN_AGREEMENT_F16 = 0.9


def export_onnx(
    graph: DeploymentGraph,
    classes: int,
    reference: DeploymentGraph | None = None,
    min_agreement: float = MIN_AGREEMENT,
) -> bytes:
    """Export a deployment graph to ONNX with dynamic N, H and W, and verify the result.

    :param graph: on the CPU.
    :param classes: written into the file's metadata, for the check when it is loaded.
    :param reference: the float32 graph whose masks must be matched; None for `graph`.
    :param min_agreement: the share of pixels that must have the same class, 0..1.
    :raises BackendUnavailableError: if onnx or onnxruntime is not installed.
    :raises BundleError: if ONNX Runtime's masks differ from PyTorch's.
    """
    require('writing a model', *_LIBRARIES)
    import onnx

    image = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    )
    names = ('image', 'mask', 'confidence')
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # The TorchScript exporter gives the same graph as its successor in a thirtieth of the
        # time, needs no further package and keeps the axes dynamic.
        warnings.filterwarnings('ignore', category=DeprecationWarning)
        file = os.path.join(folder, 'model.onnx')
        torch.onnx.export(
            graph,
            (image,),
            file,
            input_names=['image'],
            output_names=['mask', 'confidence'],
            dynamic_axes={name: {0: 'batch', 1: 'height', 2: 'width'} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(file)
    onnx.helper.set_model_props(model, {CLASSES_KEY: str(classes)})
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    _verify(content, reference or graph, min_agreement)
    return content


def write_network(
    network: nn.Module, description: ModelDescription, output: str | os.PathLike[str]
) -> Bundle:
    """Write a whole model folder: weights, ONNX graphs and description.

    :param network: of `espnet_ros.network.espnet`, on any device; left as it is.
    :param description: of the network, with the temperature that calibrates its confidence.
    :param output: the folder; see `espnet_ros.bundle.write_model_folder`.
    :raises BundleError: if `output` exists and is not a model folder.
    """
    from safetensors.torch import save

    check_can_write(home_path(output))
    network = copy.deepcopy(network).cpu().float().eval()
    tensors = {
        key: tensor.detach().contiguous()
        for key, tensor in network.state_dict().items()
        if not key.endswith('num_batches_tracked')
    }
    contents = {'weights': save(tensors), **_graphs_of(network, description)}
    return write_model_folder(output, description, contents)


def write_bundle_from_network(
    network: nn.Module,
    architecture: Mapping[str, Any],
    labels: Labels,
    size_wh: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    input_scale: float,
    metrics: Mapping[str, Any],
    licence: str,
    name: str | None,
    output: str | os.PathLike[str],
    temperature: float = 1.0,
) -> Bundle:
    """Write a whole model folder as `write_network` does, with its description in parts.

    :param name: of the model; None takes the folder's.
    """
    description = ModelDescription(
        name=name or '', architecture=architecture, size_wh=size_wh, mean=tuple(mean),
        std=tuple(std), input_scale=input_scale, labels=labels, metrics=metrics, licence=licence,
        temperature=temperature,
    )  # fmt: skip
    return write_network(network, description, output)


def check_can_write(output: Path) -> None:
    """Refuse, before long work starts, what would make `write_network` fail at its end.

    :raises BackendUnavailableError: if a library that it needs is missing.
    :raises BundleError: as `espnet_ros.bundle.check_replaceable`.
    """
    require('writing a model', *_LIBRARIES)
    check_replaceable(output)


def write_bundle_like(
    source: Bundle, network: nn.Module, output: str | os.PathLike[str], name: str | None,
    metrics: Mapping[str, Any], temperature: float,
) -> Bundle:  # fmt: skip
    """Write a model folder with the classes, size and normalisation of another one.

    :param source: may lie in `output`, and is replaced then.
    :param network: of the source's architecture, with or without class biases; see
        `write_network`.
    :param name: of the model; None takes the folder's.
    """
    architecture = without_class_bias(source.architecture)
    if isinstance(network, ESPNet) and network.up1.bias is not None:
        architecture['class_bias'] = True
    description = description_like(
        source, name=name or '', architecture=architecture, metrics=metrics,
        temperature=temperature,
    )  # fmt: skip
    return write_network(network, description, output)


def _graphs_of(network: nn.Module, description: ModelDescription) -> dict[str, bytes]:
    """Return the ONNX files of a network by role; float16 only if it is good enough."""
    classes = len(description.labels)
    reference = DeploymentGraph.of(network, description)
    graph = DeploymentGraph.of(rewrite(network), description)
    try:
        graphs = {'onnx': export_onnx(graph, classes, reference)}
    except BundleError as error:
        raise BundleError(
            f'nothing was written, because the exported {ALL_FILES["onnx"]} is wrong: {error}; '
            'please report it'
        ) from error
    try:
        graphs['onnx_f16'] = export_onnx(
            in_half_precision(graph), classes, reference, MIN_AGREEMENT_F16
        )
    except BundleError as error:
        # Scores beyond 65504 don't fit into float16. Neither that nor a closed stderr is a reason
        # to lose a training.
        with suppress(BrokenPipeError):
            print(f'{ALL_FILES["onnx_f16"]} is left out, because {error}', file=sys.stderr)
    return graphs


def _verify(content: bytes, graph: DeploymentGraph, min_agreement: float) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    # Not the batch and size that the export was traced with, else a baked-in axis would pass.
    image = np.random.default_rng(1).integers(0, 256, (1, 72, 40, 3), dtype=np.uint8)
    mask, _ = session.run(None, {'image': image})
    with torch.inference_mode():
        reference, _ = graph(torch.from_numpy(image))
    agreement = float((mask == reference.numpy()).mean()) if mask.shape == (1, 72, 40) else 0.0
    if agreement < min_agreement:
        raise BundleError(
            f'its masks differ: at least {min_agreement:.1%} of the pixels must agree with '
            f'PyTorch, {agreement:.1%} do (torch {torch.__version__}, onnxruntime '
            f'{onnxruntime.__version__})'
        )
