"""Check the TensorRT backend on this machine's GPU and print a table.

``python test/device/tensorrt_report.py`` builds each engine in a cache of its own, starts again
from it, times it from host memory to host memory and compares its masks with another backend's.
Exit code 0 if every row agrees, 1 if one does not, 2 without a GPU or TensorRT.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from espnet_ros.backends import create_backend
from espnet_ros.bundle import Bundle
from espnet_ros.cli.options import size_wh
from espnet_ros.core.errors import BackendUnavailableError, EspnetRosError
from espnet_ros.sim import Street

# As in test/backends/test_contract.py.
LEAST = {'f32': 0.999, 'f16': 0.997}
HEAD = ('precision', 'batch', 'build s', 'start s', 'p50 ms', 'p95 ms', 'images/s', 'agreement')


def street(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return views of the virtual street, uint8 (count, H, W, 3)."""
    drive = Street(1, 100.0)
    places = [100.0 * (i + 0.5) / count for i in range(count)]
    return np.stack([drive.render(place, size).image_bgr for place in places])


def start(bundle: Bundle, precision: str, device: str, batch: np.ndarray) -> tuple[object, float]:
    """Return an entered backend and the seconds until its first masks."""
    begin = time.perf_counter()
    backend = create_backend('tensorrt', bundle, device, precision).__enter__()
    backend.infer(batch)
    return backend, time.perf_counter() - begin


def row(args: argparse.Namespace, bundle: Bundle, precision: str, images, expected) -> list:
    """Measure one precision and batch; the batch is the length of `images`."""
    cold, build_s = start(bundle, precision, args.device, images)
    cold.__exit__(None, None, None)
    backend, start_s = start(bundle, precision, args.device, images)
    times = []
    for _ in range(args.runs):
        begin = time.perf_counter()
        mask, _ = backend.infer(images)
        times.append((time.perf_counter() - begin) * 1e3)
    print(f'{backend.device}, {precision}, {len(images)} at once: done', file=sys.stderr)
    backend.__exit__(None, None, None)
    agreement = float((mask == expected).mean())
    p50, p95 = np.percentile(times, [50, 95])
    return [precision, len(images), build_s, start_s, p50, p95, 1e3 * len(images) / p50, agreement]


def masks_of(name: str, bundle: Bundle, images: np.ndarray) -> np.ndarray:
    """Return the masks of another backend on the processor, in float32."""
    with create_backend(name, bundle, 'cpu', 'f32') as backend:
        return np.concatenate([backend.infer(image[None])[0] for image in images])


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--model', default='espnet_camvid', help='name or folder (espnet_camvid)')
    parser.add_argument('--size', type=size_wh, help="of the images (the model's own)")
    parser.add_argument('--device', default='auto', help='auto, cuda or cuda:N (auto)')
    parser.add_argument('--batch', type=int, nargs='+', default=[1], help='images at once (1)')
    parser.add_argument('--runs', type=int, default=200, help='timed runs (200)')
    parser.add_argument('--reference', default='auto', help='backend to agree with (auto)')
    args = parser.parse_args()
    bundle = Bundle.load(args.model)
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ['XDG_CACHE_HOME'] = cache
        try:
            # First, as without a GPU it is all there is to say.
            with create_backend('tensorrt', bundle, args.device) as backend:
                print(f'{backend.device}, model {bundle.name}, host memory to host memory')
            images = street(max(args.batch), args.size or bundle.size_wh)
            expected = masks_of(args.reference, bundle, images)
            for precision in ('f32', 'f16') if 'onnx_f16' in bundle.files else ('f32',):
                for n in args.batch:
                    rows.append(row(args, bundle, precision, images[:n], expected[:n]))
        except BackendUnavailableError as error:
            print(error)
            return 2
        except EspnetRosError as error:
            print(error)
            return 1
    print('| ' + ' | '.join(HEAD) + ' |\n' + '|---' * len(HEAD) + '|')
    for cells in rows:
        texts = [str(cell) if isinstance(cell, (str, int)) else f'{cell:.4g}' for cell in cells]
        print('| ' + ' | '.join(texts) + ' |')
    return int(any(cells[-1] < LEAST[cells[0]] for cells in rows))


if __name__ == '__main__':
    sys.exit(main())
