"""The demo as users run it: real processes over DDS."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('av')
pytest.importorskip('rclpy')

from espnet_ros.cli.main import main
from espnet_ros.demo import run as run_module
from espnet_ros.demo.map_view import palette

DEADLINE_S = 90.0
ROOT = Path(__file__).resolve().parents[2]
GREEN_BGR, DARK_BGR = (100, 20, 0), (0, 0, 200)


class Running:
    """A demo in its own process, with what it wrote to stderr so far."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        # A folder for temporary files of its own, to see what is left there.
        self.temporary = folder / 'tmp'
        self.temporary.mkdir()
        self.output = folder / 'out'
        self.errors = b''
        self.process = subprocess.Popen(
            [
                sys.executable,
                '-m',
                'espnet_ros',
                'demo',
                *map(str, arguments),
                '--output',
                str(self.output),
            ],
            cwd=folder,
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'TMPDIR': str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while text.encode() not in self.errors:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.process.stderr], [], [], left)[0], self.errors
            chunk = os.read(self.process.stderr.fileno(), 65536)
            assert chunk, self.errors.decode()
            self.errors += chunk

    def children(self) -> list[int]:
        """Return process file descriptors of all children."""
        path = Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        return [os.pidfd_open(int(pid)) for pid in path.read_text().split()]

    def finish(self) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, output.decode(), (self.errors + errors).decode()


@pytest.fixture
def start(tmp_path: Path, ros_domain: int) -> Iterator[object]:
    running = []

    def start_demo(*arguments: object) -> Running:
        running.append(Running(tmp_path, *arguments))
        return running[-1]

    yield start_demo
    for demo in running:
        demo.process.kill()
        demo.process.wait()


def have_ended(pidfds: list[int]) -> bool:
    """Wait until all processes are gone."""
    deadline = time.monotonic() + 15.0
    return all(select.select([fd], [], [], deadline - time.monotonic())[0] for fd in pidfds)


def share(panel: np.ndarray, bgr: tuple[int, int, int]) -> float:
    """Return the share of pixels of a colour in one row of a panel."""
    return float((panel == np.array(bgr, np.uint8)).all(axis=-1).mean())


def test_every_image_comes_back_as_its_mask(start, pictures, green_model, tmp_path):
    copy = tmp_path / 'copy.json'
    demo = start(
        '--source', pictures, '--model', green_model, '--backend', 'openvino', '--rate', 5,
        '--threads', 1, '--json', copy,
    )  # fmt: skip
    code, output, errors = demo.finish()
    assert code == 0, output + errors
    assert 'Traceback' not in errors
    report = json.loads((demo.output / 'report.json').read_text())
    assert report == json.loads(copy.read_text())
    assert (report['published'], report['received'], report['lost']) == (10, 10, 0)
    assert report['confidence_received'] == report['camera_info_received'] == 10
    assert report['faults'] == []
    assert report['size_wh'] == [64, 48] and report['model'] == 'green'
    assert report['backend'] == 'openvino' and report['device'] and report['precision']
    assert report['rate_hz'] > 0 and report['threads'] == 1
    latency, inference = report['latency_ms'], report['inference_ms']
    assert 0 < inference['p50'] <= inference['p95'] and inference['p50'] < latency['p50']
    assert latency['p50'] <= latency['p95'] <= latency['p99'] < DEADLINE_S * 1000
    assert report['overhead_ms'] == pytest.approx(latency['p50'] - inference['p50'], abs=0.01)
    assert 20 < report['node_rss_mb'] < 4000
    assert 0 < report['start_to_first_mask_s'] < DEADLINE_S
    # Nine steps of 0.2 s, where the default rate has 0.1 s; only the first image may be late.
    assert report['duration_s'] > 1.3
    assert report['costmap']['received'] == 0 and 'no camera mount' in report['costmap']['note']
    assert not (demo.output / 'costmap.png').exists() and 'costmap.mp4' not in output
    for line in ('masks received      10', 'lost                0', 'openvino'):
        assert line in output
    check_sheet(demo.output / 'contact_sheet.png')
    check_video(demo.output / 'overlay.mp4')
    assert not list(demo.temporary.iterdir()), 'nothing is left behind'


def test_a_report_that_nobody_reads_is_written(tmp_path, monkeypatch, nobody_reads):
    report = {'received': 3, 'faults': ['a fault']}
    monkeypatch.setattr(run_module, 'run_demo', lambda options: report)
    monkeypatch.setattr('espnet_ros.demo.report.table', lambda report: 'table')
    with nobody_reads():
        assert main(['demo', '--json', str(tmp_path / 'copy.json')]) in (1, 141)
    assert json.loads((tmp_path / 'copy.json').read_text()) == report


def test_perfect_masks_make_a_costmap_close_to_the_truth(start):
    demo = start('--true-masks', '--frames', 16, '--size', '320x240', '--rate', 8)
    code, output, errors = demo.finish()
    assert code == 0, output + errors
    report = json.loads((demo.output / 'report.json').read_text())
    assert report['true_masks'] is True and report['model'] == 'true_masks'
    assert report['faults'] == [] and report['published'] == 16
    costmap = report['costmap']
    assert costmap['ground_iou'] > 0.95 and costmap['all_known_cells']['ground_iou'] > 0.95
    assert costmap['obstacle_recall'] > 0.9 and costmap['false_obstacle_rate'] < 0.01
    assert costmap['after_the_drive']['ground_iou'] > 0.9
    # At most 5 a second for 2 s, and a machine at work on something else may lose some.
    assert 2 <= costmap['received'] <= 12 and costmap['invalid'] == 0
    names = {'pavement', 'people', 'structures', 'vehicles'}
    assert set(costmap['layers_received']) == names
    assert (costmap['size_cells'], costmap['resolution'], costmap['frame']) == (
        [200, 200], 0.1, 'odom',
    )  # fmt: skip
    assert 0 < costmap['update_ms']['p50'] <= costmap['update_ms']['p95']
    assert 'ground IoU' in output and str(demo.output / 'costmap.png') in output
    sheet = cv2.imread(str(demo.output / 'costmap.png'))
    # Four rows of 480 pixels: 320x240 is drawn 640 wide, the maps are square.
    assert sheet.shape[1] == 16 + 640 + 12 + 640 + 12 + 480 + 12 + 480 + 16
    assert sheet.shape[0] > 4 * 480
    check_map_video(demo.output / 'costmap.mp4')


def check_map_video(path: Path) -> None:
    """Check that free ground is drawn ahead of the robot all the time."""
    import av

    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 8
        frames = [f.to_ndarray(format='bgr24') for f in container.decode(video=0)]
    assert len(frames) == 16
    costmaps = [f[16 : 16 + 480, 16 + 640 + 12 :][:, :480].astype(int) for f in frames]
    # 3 m ahead of the robot, 9 m of 12 being above it.
    for costmap in costmaps:
        assert np.abs(costmap[240, 240] - palette()[0]).max() < 12


def check_sheet(path: Path) -> None:
    """Check that the masks of pictures 0, 3, 6 and 9 stand beside the right images."""
    sheet = cv2.imread(str(path))
    # Pictures of 64x48 are drawn 480 wide, so 360 high; title and headings come first.
    tops = [16 + 28 + 28 + row * (360 + 10) for row in range(4)]
    for top, split in zip(tops, (8, 32, 8, 32), strict=True):
        row = sheet[top + 180]
        image, mask = row[16 : 16 + 480], row[16 + 490 : 16 + 970]
        assert image[5].tolist() == [0, 220, split]
        # The edge is blurred over the 7.5 pixels that one pixel of the mask has become.
        assert share(mask, GREEN_BGR) == pytest.approx(split / 64, abs=0.02)
        assert share(mask, DARK_BGR) == pytest.approx(1 - split / 64, abs=0.02)


def check_video(path: Path) -> None:
    """Check that overlays stand beside the images, in the order of the drive."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert stream.average_rate == 5
        frames = [f.to_ndarray(format='bgr24') for f in container.decode(stream)]
    assert len(frames) == 10
    for index, frame in enumerate(frames):
        split = 8 * (1 + index % 6)
        middle = frame.shape[1] // 2
        left = frame[200, : middle * split // 64 - 12].astype(int)
        right = frame[200, middle : middle + middle * split // 64 - 12].astype(int)
        # Half of the green image, half of the class's colour, as after lossy coding.
        assert np.abs(left.mean(axis=0) - (0, 220, split)).max() < 12
        assert np.abs(right.mean(axis=0) - (50, 120, split / 2)).max() < 12


@pytest.mark.parametrize('moment', ['preparing images', 'running on', 'segmenting the images'])
def test_ctrl_c_ends_everything_without_a_traceback(moment, start, pictures, green_model):
    demo = start('--source', pictures, '--model', green_model, '--rate', 1)
    demo.wait_for(moment)
    children = demo.children()
    assert moment == 'preparing images' or len(children) >= 2
    demo.process.send_signal(signal.SIGINT)
    code, output, errors = demo.finish()
    assert code == 130, errors
    assert 'Traceback' not in errors and output == ''
    assert have_ended(children)
    assert not list(demo.temporary.iterdir())


def test_no_process_outlives_a_demo_that_was_killed(start, pictures, green_model):
    demo = start('--source', pictures, '--model', green_model, '--rate', 1)
    demo.wait_for('segmenting the images')
    children = demo.children()
    assert len(children) == 3
    demo.process.kill()
    assert have_ended(children)


def test_a_node_that_can_not_start_says_why(start, pictures, green_model):
    demo = start('--source', pictures, '--model', green_model, '--backend', 'onnx',
                 '--device', 'cuda:7')  # fmt: skip
    code, output, errors = demo.finish()
    assert code == 2 and output == ''
    assert 'the node does not start: ' in errors and 'cuda:7' in errors
    assert 'Traceback' not in errors


def test_without_discovery_nothing_is_waited_for(pictures, green_model, monkeypatch, capsys):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    text = demo_error(capsys, '--source', pictures, '--model', green_model)
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: unset it or set it to LOCALHOST' in text
    assert 'preparing' not in text


def demo_error(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(['demo', *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count('\n') == 1, captured.err
    return captured.err


def test_a_missing_model_is_one_line(tmp_path, capsys, pictures):
    text = demo_error(capsys, '--source', pictures, '--model', tmp_path / 'none')
    assert 'no model' in text


def test_an_unknown_backend_is_one_line(green_model, pictures, capsys):
    arguments = ('--source', pictures, '--model', green_model, '--backend', 'openvin')
    assert 'openvin' in demo_error(capsys, *arguments)


def test_a_source_without_images_is_one_line(green_model, tmp_path, capsys):
    assert 'no pictures in' in demo_error(capsys, '--source', tmp_path, '--model', green_model)


@pytest.mark.parametrize('name', ['0.png', '9.png'])
def test_a_refused_source_leaves_no_output_behind(name, pictures, green_model, tmp_path, capsys):
    (pictures / name).write_text('text')
    output = tmp_path / 'new' / 'out'
    arguments = ('--source', pictures, '--model', green_model, '--output', output)
    assert main(['demo', *map(str, arguments)]) == 2
    assert f'{name} is not a picture' in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()


def test_an_output_that_can_not_be_made_is_one_line(green_model, pictures, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    output = tmp_path / 'file' / 'out'
    with pytest.raises(SystemExit, match='2'):
        demo_error(capsys, '--source', pictures, '--model', green_model, '--output', output)
    text = capsys.readouterr().err
    assert text.count('\n') == 1 and f'{output} cannot be written into' in text


def test_true_masks_take_no_model_and_no_other_source(green_model, pictures, capsys):
    text = demo_error(capsys, '--true-masks', '--model', green_model)
    assert 'leave out --model or --true-masks' in text
    assert "only the source 'street'" in demo_error(capsys, '--true-masks', '--source', pictures)
    assert 'nearest are' in demo_error(capsys, '--true-masks', '--size', '100x80')


def test_without_ros_the_cure_is_named(monkeypatch, capsys):
    monkeypatch.setattr(run_module, '_ROS_PARTS', ('rclpy', 'no_such_msgs'))
    text = demo_error(capsys)
    assert 'no no_such_msgs' in text and 'make demo' in text and '/opt/ros' in text
