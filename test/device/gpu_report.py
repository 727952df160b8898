"""Check and measure all that runs on this machine's GPU, and print a table.

``python test/device/gpu_report.py``: TensorRT in float32, float16 and int8, PyTorch as CUDA
graphs and eager, from host memory to host memory, beside what the GPU could do at best. Engines
are built in a cache of their own, and started from it again.
Exit code 0 if every row's masks are right, 1 if one's are not or it fails, 2 without a GPU or
a backend on the processor to compare with.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from gpu_figures import EAGER, Peaks, Row, table

from espnet_ros.backends import create_backend
from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.device import Device
from espnet_ros.bundle import Bundle
from espnet_ros.cli.options import size_wh
from espnet_ros.core.errors import BackendUnavailableError, EspnetRosError
from espnet_ros.core.libraries import installed
from espnet_ros.sim import Street

CONTENDERS = (
    EAGER, ('torch eager', 'f16'), ('torch', 'f32'), ('torch', 'f16'), ('tensorrt', 'f32'),
    ('tensorrt', 'f16'), ('tensorrt', 'int8'),
)  # fmt: skip


class Eager:
    """PyTorch as most people run a network: nothing folded, captured or pinned."""

    def __init__(self, bundle: Bundle, device: str, precision: str) -> None:
        import torch

        from espnet_ros.network.checkpoint import load_bundle
        from espnet_ros.network.deploy import DeploymentGraph

        network = load_bundle(bundle)
        graph = DeploymentGraph(network, bundle.mean, bundle.std, bundle.input_scale)
        network.to(torch.float32 if precision == 'f32' else torch.float16)
        if not torch.cuda.is_available():
            raise BackendUnavailableError(f'PyTorch {torch.__version__} sees no CUDA device')
        self._torch, self._device = torch, device
        self._graph = graph.to(device)

    def __enter__(self) -> Eager:
        return self

    def __exit__(self, *error: object) -> None:
        self._graph = None

    def infer(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mask and confidence."""
        torch = self._torch
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            mask, confidence = self._graph(torch.from_numpy(images).to(self._device))
            return mask.cpu().numpy(), confidence.cpu().numpy()


def opened(bundle: Bundle, backend: str, precision: str, device: str) -> Any:
    """Return a contender, to be entered."""
    # PyTorch left to itself would take the processor.
    device = 'cuda' if device == 'auto' else device
    if backend == EAGER[0]:
        return Eager(bundle, device, precision)
    return create_backend(backend, bundle, device, precision)


def measured(
    start: Callable[[], Any], name: tuple[str, str], images: np.ndarray, expected: np.ndarray,
    runs: int,
) -> Row:  # fmt: skip
    """Start a contender twice and time it; what fails is a row with the reason.

    It first sees other images, as a CUDA graph that does nothing leaves the masks that are there.
    """
    starts, times = [], []
    try:
        for _ in range(2):
            begin = time.perf_counter()
            with start() as contender:
                mask, _ = contender.infer(255 - images)
                starts.append(time.perf_counter() - begin)
                for _ in range(runs if len(starts) == 2 else 0):
                    begin = time.perf_counter()
                    mask, _ = contender.infer(images)
                    times.append((time.perf_counter() - begin) * 1e3)
    except (EspnetRosError, ModuleNotFoundError, RuntimeError) as error:
        reason = str(error).partition('\n')[0]
        absent = isinstance(error, (BackendUnavailableError, ModuleNotFoundError))
        return Row(*name, len(images), reason=f'{"not here" if absent else "FAILED"}: {reason}')
    p50, p95 = (float(v) for v in np.percentile(times, [50, 95]))
    return Row(*name, len(images), *starts, p50, p95, float((mask == expected).mean()))


def peaks_of(device: str) -> Peaks | None:
    """Measure what PyTorch gets out of the GPU, where it is there and knows the GPU."""
    if not installed('torch'):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    target = torch.device('cuda' if device == 'auto' else device)

    def seconds(operation: Callable[[], object]) -> float:
        times = []
        for _ in range(8):
            torch.cuda.synchronize(target)
            begin = time.perf_counter()
            operation()
            torch.cuda.synchronize(target)
            times.append(time.perf_counter() - begin)
        return min(times)

    side, size = 4096, 1 << 28
    square = torch.ones(side, side, device=target)
    half, tiny = square.half(), square.to(torch.int8)
    torch.backends.cuda.matmul.allow_tf32 = False
    products = {
        'f32': lambda: square @ square, 'f16': lambda: half @ half,
        'int8': lambda: torch._int_mm(tiny, tiny.t()),
    }  # fmt: skip
    flops = {}
    for name, product in products.items():
        # Not every GPU and PyTorch has all of them.
        with contextlib.suppress(RuntimeError):
            flops[name] = 2 * side**3 / seconds(product)
    block = torch.empty(size, dtype=torch.uint8, device=target)
    other, host = torch.empty_like(block), torch.empty(size, dtype=torch.uint8).pin_memory()
    memory = 2 * size / seconds(lambda: other.copy_(block))
    return Peaks(flops, memory, size / seconds(lambda: block.copy_(host, non_blocking=True)))


def references(bundle: Bundle, name: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision -> the masks on the processor, of the int8 graph where that can run."""
    with create_backend(name, bundle, 'cpu', 'f32') as backend:
        exact = np.concatenate([backend.infer(image[None])[0] for image in images])
    found = {'f32': exact, 'f16': exact}
    if 'onnx_int8' in bundle.files and installed('onnxruntime'):
        import onnxruntime

        # Left to itself, onnxruntime-gpu would compute the reference on the GPU, too.
        session = onnxruntime.InferenceSession(
            str(bundle.files['onnx_int8']), providers=['CPUExecutionProvider']
        )
        found['int8'] = session.run(['mask'], {'image': images})[0]
    return found


def street(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return views of the virtual street, uint8 (count, H, W, 3)."""
    drive = Street(1, 100.0)
    places = [100.0 * (i + 0.5) / count for i in range(count)]
    return np.stack([drive.render(place, size).image_bgr for place in places])


def main(argv: list[str] | None = None) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--model', default='espnet_camvid', help='name or folder (espnet_camvid)')
    parser.add_argument('--size', type=size_wh, default=(1024, 512), help='(1024x512)')
    parser.add_argument('--device', default='auto', help='auto, cuda or cuda:N (auto)')
    parser.add_argument('--batch', type=int, nargs='+', default=[1], help='images at once (1)')
    parser.add_argument('--runs', type=int, default=200, help='timed runs (200)')
    parser.add_argument('--reference', default='auto', help='backend to agree with (auto)')
    parser.add_argument('--json', type=Path, help='write the figures here')
    args = parser.parse_args(argv)
    try:
        cuda = Cuda(Device.parse(args.device).index)
        gpu = cuda.gpu
        cuda.close()
    except BackendUnavailableError as error:
        print(f'no CUDA device: {error}')
        return 2
    bundle = Bundle.load(args.model)
    images = street(max(args.batch), args.size)
    try:
        expected = references(bundle, args.reference, images)
    except BackendUnavailableError as error:
        print(f'no masks to compare with: {error}. `pip install onnxruntime` is enough')
        return 2
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ['XDG_CACHE_HOME'] = cache
        for backend, precision in CONTENDERS:
            for n in args.batch:
                print(f'{backend} {precision}, {n} at once', file=sys.stderr)
                if precision not in expected:
                    why = 'not here: it needs model_int8.onnx and onnxruntime'
                    rows.append(Row(backend, precision, n, reason=why))
                    continue
                rows.append(measured(
                    lambda b=backend, p=precision: opened(bundle, b, p, args.device),
                    (backend, precision), images[:n], expected[precision][:n], args.runs,
                ))  # fmt: skip
    peaks = None
    with contextlib.suppress(RuntimeError):
        # A table without floors is better than none, on a GPU that is full.
        peaks = peaks_of(args.device)
    print(f'{gpu.name}, model {bundle.name}, {args.size[0]}x{args.size[1]}, host to host\n')
    print(table(rows, peaks, bundle.architecture, args.size))
    if args.json:
        report = {'gpu': vars(gpu), 'rows': [dataclasses.asdict(row) for row in rows]}
        report['peaks'] = peaks and dataclasses.asdict(peaks)
        args.json.write_text(json.dumps(report, indent=2) + '\n')
    return int(any(not r.passed and not r.reason.startswith('not here') for r in rows))


if __name__ == '__main__':
    sys.exit(main())
