"""Answers to every request for a transition, even if it does not fit the node's state."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode


def answer_refusals(node: LifecycleNode) -> None:
    """Let a node answer requests for transitions that its state does not allow.

    On Humble and Jazzy, rclpy raises then and sends no answer. Humble's Nav2 lifecycle manager
    would wait for it for ever when it configures a node that has configured itself (`autostart`).
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
