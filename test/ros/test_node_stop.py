"""That the robot is stopped although something in the node's process hangs.

Its inference, or whoever is to read its log: each is a real process whose terminal is stopped, or
whose pipe or socket is full.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import termios
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from costmap_rig import LATCHED, NODE, Rig, cells, view
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.msg import Log
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile

DEADLINE_S = 30
COSTMAP = '/segmentation/costmap'
MISSING = 'lines of the log are missing here (about '
# Red is nothing to the model by hand: the first image with it is the one that hangs, until the
# other end of a named pipe is closed.
HANGS = 99
HANGING_PROGRAM = f"""
import os, sys
from espnet_ros.core.pipeline import Segmenter
segment_together = Segmenter.segment_together
def segment(self, images):
    if (images[0].bgr[..., 2] == {HANGS}).all() and os.path.exists(os.environ['HANGS_ON']):
        with open(os.environ['HANGS_ON']) as pipe:
            os.unlink(pipe.name)
            pipe.read()
    return segment_together(self, images)
Segmenter.segment_together = segment
from espnet_ros.ros.segmentation_node import main
sys.exit(main())
"""


def is_lethal(grid):
    return bool((cells(grid) == 100).all())


def send_until_drivable(rig):
    count = len(rig.grids())
    rig.send_until(lambda: not all(map(is_lethal, rig.grids()[count:])), 'costmap')


def wait_until_lethal(rig):
    rig.peer.wait(lambda: is_lethal(rig.grids()[-1]), 'lethal map')


@pytest.fixture
def start(peer, start_node, toy_model):
    """Return a function that starts a node with costmaps and returns its rig."""
    peer.listen(OccupancyGrid, COSTMAP, LATCHED)

    def start(**how):
        peer.heard[COSTMAP].clear()
        rig = Rig(peer, start_node(model=toy_model, **{**NODE, **how}))
        send_until_drivable(rig)
        return rig

    return start


@pytest.fixture
def hanging(start, tmp_path):
    """Return the rig of a node whose inference hangs, and what ends that."""
    pipe = tmp_path / 'hangs_on'
    os.mkfifo(pipe)
    # Long enough that no map is lethal because no image comes.
    rig = start(
        program=HANGING_PROGRAM, environment={'HANGS_ON': str(pipe)}, grid__stale_after=600.0
    )
    image = view()
    image[..., 2] = HANGS
    ends = []

    def hangs():
        # Refused until the node reads it.
        with contextlib.suppress(OSError):
            if not ends:
                ends.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return ends

    rig.send_until(hangs, 'inference that hangs', image)
    go_on = contextlib.ExitStack()
    go_on.callback(os.close, ends[0])
    with go_on:
        yield rig, go_on.close


def test_a_deactivation_stops_the_robot_before_the_image_in_hand_is_done(hanging):
    rig, go_on = hanging
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(rig.peer.call, ChangeState, '/segmentation/change_state', request)
        wait_until_lethal(rig)
        assert not answer.done()
        go_on()
        assert answer.result(DEADLINE_S).success
    # The mask of that image has left everything as it is.
    heard = len(rig.grids())
    rig.peer.listen(OccupancyGrid, COSTMAP, LATCHED)
    rig.peer.wait(lambda: len(rig.grids()) > heard, 'the map that is latched')
    assert all(map(is_lethal, rig.grids()[heard:]))
    assert rig.process.stop() == 0


def test_ctrl_c_stops_the_robot_although_inference_hangs(hanging):
    rig, _ = hanging
    rig.process.process.send_signal(signal.SIGINT)
    wait_until_lethal(rig)
    assert rig.process.process.wait(DEADLINE_S) == 0


class Terminal:
    """A terminal that may be stopped, as by Ctrl-S."""

    def __init__(self, made):
        self.reader, self.writer = pty.openpty()
        made.callback(os.close, self.reader)
        made.callback(os.close, self.writer)

    def stop(self):
        termios.tcflow(self.writer, termios.TCOOFF)

    def go_on(self):
        termios.tcflow(self.writer, termios.TCOON)
        return ''


class Pipe:
    """A pipe that is full while it is stopped."""

    def __init__(self, made):
        self.reader, self.writer = os.pipe()
        made.callback(os.close, self.reader)
        made.callback(os.close, self.writer)
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 65536)

    def stop(self):
        os.set_blocking(self.writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b'x' * 4096)

    def go_on(self):
        """Return all that is there."""
        text = ''
        while select.select([self.reader], [], [], 0.0)[0]:
            text += os.read(self.reader, 65536).decode()
        return text


class Socket(Pipe):
    """A socket, as systemd's journal gives one."""

    def __init__(self, made):
        reader, self._writer = socket.socketpair()
        made.enter_context(reader)
        made.enter_context(self._writer)
        self.reader, self.writer = reader.fileno(), self._writer.fileno()

    def stop(self):
        # The node has the same flags, so this one is to be in no flag.
        with contextlib.suppress(BlockingIOError):
            while True:
                self._writer.send(b'x' * 4096, socket.MSG_DONTWAIT)


def read_until(reader, *words, text=''):
    """Read a console on until all of some words have come."""
    end_s = time.monotonic() + DEADLINE_S
    while not all(w in text for w in words):
        ready, _, _ = select.select([reader], [], [], max(0.0, end_s - time.monotonic()))
        assert ready, f'waited in vain for {words!r}, got {text.strip("x")!r}'
        text += os.read(reader, 65536).decode()


@pytest.fixture(params=[Terminal, Pipe, Socket])
def console(request):
    with contextlib.ExitStack() as made:
        yield request.param(made)


def test_a_node_whose_log_nobody_reads_goes_on_and_ends(start, peer, console):
    late = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    peer.listen(Log, '/rosout', late)
    peer.heard['/rosout'].clear()
    rig = start(console=console.writer)
    read_until(console.reader, 'configured: ')

    console.stop()
    wait_until_lethal(rig)
    send_until_drivable(rig)
    if not isinstance(console, Socket):
        told = 'costmaps are fresh again'
        peer.wait(lambda: any(m.msg == told for m in peer.heard['/rosout']), 'it on /rosout')
    text = console.go_on()
    # The node has something to say about it.
    frame = Parameter('grid.frame', value='odom').to_parameter_msg()
    request = SetParameters.Request(parameters=[frame])
    assert peer.call(SetParameters, '/segmentation/set_parameters', request).results[0].successful
    read_until(console.reader, MISSING, 'grid.frame will take effect', text=text)

    console.stop()
    send_until_drivable(rig)
    rig.process.process.send_signal(signal.SIGTERM)
    wait_until_lethal(rig)
    assert rig.process.process.wait(DEADLINE_S) == 0
