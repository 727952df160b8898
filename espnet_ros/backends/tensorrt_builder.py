"""From the ONNX graph to an engine (TensorRT's plan)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.error_frames import cleared_frames
from espnet_ros.backends.tensorrt_errors import failure, opened
from espnet_ros.backends.tensorrt_head import replace_top_k
from espnet_ros.backends.tensorrt_library import Library
from espnet_ros.backends.tensorrt_progress import (
    BuildView,
    Listener,
    build_apart,
    progress_monitor,
)
from espnet_ros.core.errors import BackendError

INPUT = 'image'
OUTPUTS = ('mask', 'confidence')
TURING = (7, 5)
# Four images of 1024x512 take between 128 and 512 MiB, activations included, in TensorRT for RTX
# 1.7. A Jetson reports too little free memory: it does not count its file cache as free.
_LEAST_WORKSPACE = 512 << 20


@dataclass(frozen=True)
class Profile:
    """What an engine takes: batches of 1 to `batch` images of one size.

    :param batch: the largest batch, for which the engine is optimised.
    :param height: of the images.
    :param width: of the images.
    """

    batch: int
    height: int
    width: int

    def shape(self, batch: int) -> tuple[int, int, int, int]:
        """Return the shape of a batch."""
        return (batch, self.height, self.width, 3)


def build_engine(
    library: Library,
    model: bytes,
    profile: Profile,
    cuda: Cuda | None,
    timing: bytes | None,
    listener: Listener | None = None,
) -> tuple[bytes, bytes | None]:
    """Build an engine, which takes minutes on a Jetson.

    :param model: the ONNX file; its tensor types set the precision of the engine.
    :param cuda: the open device, on which the library measures; None builds, without a GPU, for
        all that TensorRT for RTX supports.
    :param timing: what an earlier build measured, or None.
    :param listener: called with the percentage that is done, from any thread.
    :return: the engine, and measurements for the next build, or None.
    :raises BackendError: naming the operators that TensorRT refuses, or its reason for failing; a
        `DeviceError` if the device is the reason.
    """
    # The library's objects must not outlive the device.
    with BuildView(listener) as view, cleared_frames():
        return build_apart(lambda: _build(library, model, profile, cuda, timing, view), view)


def _build(
    library: Library,
    model: bytes,
    profile: Profile,
    cuda: Cuda | None,
    timing: bytes | None,
    view: BuildView,
) -> tuple[bytes, bytes | None]:
    if cuda is not None:
        # In a new thread, the first device is current.
        cuda.use()
    builder: Any = opened(library, library.module.Builder, cuda)
    network = _parse(library, builder, model)
    replace_top_k(library.module, network)
    # Kernels for a fixed height and width are faster; for a batch of one, the whole shape is.
    network.get_input(0).shape = profile.shape(1 if profile.batch == 1 else -1)
    config = builder.create_builder_config()
    _configure(library, config, cuda)
    shapes = builder.create_optimization_profile()
    largest = profile.shape(profile.batch)
    shapes.set_shape(INPUT, profile.shape(1), largest, largest)
    config.add_optimization_profile(shapes)
    cache = None if library.is_rtx else _timing_cache(config, timing)
    # Kept in a variable, because the builder calls it until the end.
    monitor = progress_monitor(library, view)
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        images = f'images of {profile.width}x{profile.height} in batches up to {profile.batch}'
        raise failure(library, f'could not build an engine for {images}', cuda)
    return bytes(plan), None if cache is None else bytes(cache.serialize())


def _timing_cache(config: Any, timing: bytes | None) -> Any:
    """Return the cache that a build reads and fills, empty if `timing` does not fit."""
    cache = config.create_timing_cache(timing) if timing else None
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b'')
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _parse(library: Library, builder: Any, model: bytes) -> Any:
    flags = library.module.NetworkDefinitionCreationFlag
    # Needed in TensorRT 10; deprecated in 11, where there is no other kind.
    strongly_typed = getattr(flags, 'STRONGLY_TYPED', None)
    network = builder.create_network(0 if strongly_typed is None else 1 << int(strongly_typed))
    parser = library.module.OnnxParser(network, library.logger)
    if not parser.parse(model):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        reasons = [
            f'{e.node_operator() or "the file"}: {" ".join(e.desc().split()).rstrip(".")}'
            for e in errors
        ]
        raise BackendError(
            f'{library.name} cannot run this ONNX graph: {"; ".join(dict.fromkeys(reasons))}. '
            'Write the model folder again with `espnet_ros export`, or choose another backend'
        )
    uint8 = library.module.DataType.UINT8
    tensors = [network.get_input(i) for i in range(network.num_inputs)]
    tensors += [network.get_output(i) for i in range(network.num_outputs)]
    found = {tensor.name: tensor.dtype for tensor in tensors}
    if found != dict.fromkeys((INPUT, *OUTPUTS), uint8):
        raise BackendError(
            f'expected an ONNX graph from uint8 {INPUT} to uint8 {" and ".join(OUTPUTS)}, got '
            f'{", ".join(f"{n} {t}" for n, t in found.items())}: the model was not made by '
            '`espnet_ros export`'
        )
    return network


def _configure(library: Library, config: Any, cuda: Cuda | None) -> None:
    trt = library.module
    # TF32 rounds the factors of every product to 10 bits; f32 must mean f32, and f16 has its file.
    config.clear_flag(trt.BuilderFlag.TF32)
    if cuda is not None:
        # The default is all memory, which on a Jetson everything else shares.
        limit = max(_LEAST_WORKSPACE, cuda.free_memory() // 2)
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, limit)
    if not library.is_rtx:
        return
    # Without this flag its engines can't be captured into a CUDA graph.
    config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if cuda is not None and cuda.gpu.compute_capability == TURING:
        # By default the library leaves out this kind of GPU alone.
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM75, 0)
