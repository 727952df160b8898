"""Answers to every request for a transition, one that does not fit the node's state too."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode


def answer_refusals(node: LifecycleNode) -> None:
    """Have a node answer requests for transitions that its state does not have.

    On Humble and Jazzy rclpy raises then and answers nothing, and Nav2's lifecycle manager of
    Humble, which would configure a node that did so by itself (`autostart`), waits for ever.
    """
    service = node._service_change_state
    change_state = service.callback

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except RuntimeError as error:  # RCLError is one
            node.get_logger().error(f'transition {request.transition.id} refused: {error}')
            response.success = False
            return response

    service.callback = answer
