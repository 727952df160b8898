"""Entry point of the node ``segmentation``.

It imports ROS only inside `main`, so that a Ctrl-C during those imports ends the process cleanly.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

from espnet_ros.core.malloc import tune_malloc
from espnet_ros.ros.console import open_closed
from espnet_ros.ros.log import QUIET_S
from espnet_ros.ros.process import Stop, run_until_signal

_SWITCH_S = 1e-4
_FORM = 'segmentation --ros-args -p model:=x'


def main() -> int:
    """Run the node until SIGINT, SIGTERM or SIGHUP; return the exit code."""
    tune_malloc()
    open_closed()
    # An image is handed from one thread to another, which by default may wait 5 ms for its turn.
    sys.setswitchinterval(_SWITCH_S)
    return run_until_signal(_spin)


def _spin(stop: Stop) -> int:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from espnet_ros.ros.console import never_wait
    from espnet_ros.ros.log import forwarded_log
    from espnet_ros.ros.node import SegmentationNode

    words = _foreign_words()
    if {'-h', '--help'}.intersection(words):
        print(_help())
        return 0
    # Not earlier: whoever asks for help wants to read all of it.
    never_wait()
    _init(words)
    try:
        node = SegmentationNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        # The executor's `wake` lets spin_once look for new entities and wait on; a task ends it.
        stop.set_wake(lambda: executor.create_task(lambda: None))
        try:
            with forwarded_log(node.get_logger()):
                if not stop.requested:
                    node.autostart()
                while not stop.requested and rclpy.ok():
                    _spin_once(executor, node)
        finally:
            stop.set_wake(None)
            node.close()
            executor.shutdown()
            node.destroy_node()
    finally:
        rclpy.shutdown()
    return 0


def _foreign_words() -> list[str]:
    """Return the words of the command line that ROS does not read, or not as they are meant.

    :raises ParameterError: if ROS refuses what follows --ros-args.
    """
    from rclpy.utilities import remove_ros_args

    from espnet_ros.core.config import find_spec
    from espnet_ros.core.errors import ParameterError

    try:
        unread = remove_ros_args(sys.argv)[1:]
    except Exception as error:
        raise ParameterError(f'ROS arguments refused: {error}') from error
    before = sys.argv[1:]
    if '--ros-args' in before:
        before = before[: before.index('--ros-args')]
    # There, name:=other still renames topics, as in early ROS 2, but sets no parameter.
    meant = [word for word in before if ':=' in word and find_spec(word.partition(':=')[0])]
    # Launch files pass an empty word if one of their substitutions is empty.
    return list(dict.fromkeys(word for word in (*meant, *unread) if word))


def _init(words: list[str]) -> None:
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from espnet_ros.core.errors import EspnetRosError, ParameterError

    if words:
        raise ParameterError(
            f'not understood: {" ".join(words)}: parameters and all other words follow '
            f'--ros-args, as in `{_FORM}` (see segmentation --help)'
        )
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        if 'logging' in str(error):
            raise EspnetRosError(
                f'ROS 2 has no folder for its log files: {error}. It uses ~/.ros/log unless told '
                'otherwise: set ROS_LOG_DIR to a folder that you may write to'
            ) from error
        raise ParameterError(f'ROS arguments refused: {error}') from error


def _help() -> str:
    from espnet_ros.core.config import parameter_specs
    from espnet_ros.core.parameter_families import FAMILIES

    specs = (*parameter_specs(), *(family.spec for family in FAMILIES))
    return '\n'.join([
        'usage: segmentation --ros-args [-p PARAMETER:=VALUE] [-r NAME:=NEW_NAME]',
        '                               [--params-file FILE] [--log-level LEVEL]',
        '',
        'The lifecycle node that segments camera images for ROS 2. Its parameters:',
        *(f'  {spec.name} ({spec.type}): {spec.description}' for spec in specs),
    ])


def _spin_once(executor: Any, node: Any) -> None:
    try:
        executor.spin_once()
    except Exception:
        # A broken message or request makes rclpy raise here; the next one may be good.
        node.get_logger().error(traceback.format_exc(), throttle_duration_sec=QUIET_S)


if __name__ == '__main__':
    sys.exit(main())
