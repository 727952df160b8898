"""Entry point of the node ``segmentation``.

It imports ROS only inside `main`, so that a Ctrl-C during those imports ends the process cleanly.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

from espnet_ros.core.memory import tune_malloc
from espnet_ros.ros.process import Stop, run_until_signal

_SWITCH_S = 1e-4


def main() -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    tune_malloc()
    # An image is handed from one thread to another, which by default may wait 5 ms for its turn.
    sys.setswitchinterval(_SWITCH_S)
    return run_until_signal(_spin)


def _spin(stop: Stop) -> int:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from espnet_ros.core.errors import ParameterError
    from espnet_ros.ros.log import forwarded_log
    from espnet_ros.ros.node import SegmentationNode

    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        raise ParameterError(f'ROS arguments refused: {error}') from error
    try:
        node = SegmentationNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        stop.set_wake(executor.wake)
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


def _spin_once(executor: Any, node: Any) -> None:
    try:
        executor.spin_once()
    except Exception:
        # rclpy raises here what a broken message or request set off; the next one may be good.
        node.get_logger().error(traceback.format_exc(), throttle_duration_sec=5.0)


if __name__ == '__main__':
    sys.exit(main())
