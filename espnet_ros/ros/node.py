"""The lifecycle node: images in, masks out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription
from std_srvs.srv import SetBool

from espnet_ros.backends.open_model import OpenModel
from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.config import find_spec
from espnet_ros.core.config_rules import check_cameras
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.labels import Labels
from espnet_ros.core.names import NODE
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.ros.camera import Camera, Segmented
from espnet_ros.ros.clocks import steady_timer
from espnet_ros.ros.console_logger import ConsoleLogger
from espnet_ros.ros.costmap import CostmapFeed
from espnet_ros.ros.diagnostics import active_statuses, idle_statuses
from espnet_ros.ros.label_info import publish_label_info
from espnet_ros.ros.log import details
from espnet_ros.ros.model import NO_FACTS, load_model
from espnet_ros.ros.parameters import (
    as_declared,
    check_overrides,
    declare_parameters,
    read_config,
    unknown_parameters,
)
from espnet_ros.ros.poses import create_poses
from espnet_ros.ros.progress import Progress
from espnet_ros.ros.segmenting import Segmenting
from espnet_ros.ros.transitions import answer_refusals
from espnet_ros.ros.worker import Worker


class SegmentationNode(LifecycleNode):
    """Node ``segmentation``; its parameters are those of `espnet_ros.core.config`.

    :raises ParameterError: if a parameter was given that does not exist or fit.
    """

    def __init__(self) -> None:
        try:
            super().__init__(NODE)
        except InvalidParameterTypeException:
            # Raised for a parameter that rclpy itself declares; this names it with all the others.
            check_overrides(self)
            raise
        # Replaces rclpy's own logger, through which rclpy logs for this node, too.
        self._logger = ConsoleLogger(self.get_logger().name)
        answer_refusals(self)
        self._model: OpenModel | None = None
        self._cameras: list[Camera] = []
        self._worker: Worker | None = None
        self._costmap: CostmapFeed | None = None
        # The model, and publishers that belong to no camera.
        self._made = ExitStack()
        self._configure_error = ''
        self._progress = Progress()
        try:
            self._config = declare_parameters(self)
        except EspnetRosError:
            self.destroy_node()
            raise
        self._enable = self.create_service(SetBool, '~/enable', self._on_enable)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._timer = steady_timer(self, self._config.diagnostics.period, self._report)

    @property
    def subscriptions(self) -> Iterator[Subscription[Any]]:
        """Yield the subscriptions, those to images first."""
        # Executors serve what is ready in this order, and odometry comes with every image.
        images = [camera.image_subscription for camera in self._cameras]
        yield from sorted(super().subscriptions, key=lambda s: s not in images)

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so."""
        if not self._config.autostart:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop all work and free the model, in whatever state the node is."""
        self._stop()
        self._release()

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load the model and make the publishers."""
        self._configure_error = ''
        try:
            with self._progress.reported_at_once(self._report):
                model = load_model(self._config, self._progress.tell)
                self._model = self._made.enter_context(model)
            labels = self._model.bundle.labels
            for name in self._config.camera_names:
                # One by one, so that those already made are destroyed if another one fails.
                self._cameras.append(Camera(self, name, labels, lambda: self._config))
            publish_label_info(self._made, self, labels)
            self._costmap = self._make_costmap(labels)
        except Exception as error:
            self._tell_failure('configured', error)
            self._release()
            return TransitionCallbackReturn.FAILURE
        self.destroy_timer(self._timer)
        self._timer = steady_timer(self, self._config.diagnostics.period, self._report)
        facts = ', '.join(f'{key} {value}' for key, value in self._model.facts.items())
        self.get_logger().info(f'configured: {facts}')
        return super().on_configure(state)

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Start the workers and subscribe."""
        try:
            self._start()
        except Exception as error:
            self._tell_failure('activated', error)
            return TransitionCallbackReturn.ERROR
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Unsubscribe and stop the worker."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Free the model and destroy the publishers."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: Any) -> TransitionCallbackReturn:
        """Stop and free everything, to be configured anew."""
        self.close()
        return super().on_error(state)

    def set_parameters_atomically(
        self, parameter_list: list[Parameter[Any]]
    ) -> SetParametersResult:
        """Set parameters; an unknown name is refused with the nearest real one."""
        unknown = unknown_parameters(self, parameter_list)
        if unknown:
            return SetParametersResult(successful=False, reason='; '.join(unknown))
        result = super().set_parameters_atomically([as_declared(p) for p in parameter_list])
        if result.successful:
            self._config = read_config(self)
            self._tell_what_waits({p.name for p in parameter_list})
        return result

    def _start(self) -> None:
        if self._costmap is not None:
            self._costmap.activate()
        model = self._model
        assert model is not None
        steps = Segmenting(partial(self._infer, model), self._deliver, self.get_logger())
        self._worker = Worker(
            tuple(self._cameras),
            steps.segment,
            steps.publish,
            at_most=lambda: model.images_at_once,
        )
        for camera in self._cameras:
            camera.subscribe(self._worker.put)

    def _tell_failure(self, what: str, error: Exception) -> None:
        """Say why a transition failed, as rclpy swallows what a callback raises."""
        self._configure_error = str(error) or type(error).__name__
        self.get_logger().error(f'not {what}: {self._configure_error}{details(error)}')

    def _tell_what_waits(self, names: set[str]) -> None:
        specs = map(find_spec, sorted(names))
        waiting = [spec.name for spec in specs if spec is not None and spec.applies != 'live']
        if waiting and self._model is not None:
            self.get_logger().info(
                f'{", ".join(waiting)} will take effect after deactivate, cleanup and configure'
            )

    def _infer(self, model: OpenModel, images: list[ColorImage]) -> list[Segmentation]:
        try:
            return model.segmenter.segment_together(images)
        finally:
            # Backend auto may have moved on to one that built an engine first.
            self._progress.clear()

    def _deliver(self, camera: str, segmented: Segmented) -> None:
        if self._costmap is not None:
            self._costmap.put(camera, segmented)

    def _make_costmap(self, labels: Labels) -> CostmapFeed:
        check_cameras(self._config)
        poses = create_poses(self, self._config)
        depths = {c.name: c.depth for c in self._cameras if c.depth is not None}
        try:
            return CostmapFeed(
                self, lambda: self._config, labels, poses, depths, self._why_no_mask
            )
        except Exception:
            poses.destroy()
            raise

    def _why_no_mask(self, camera: str) -> str:
        found = next(c for c in self._cameras if c.name == camera)
        monitor = found.monitor
        # Before the first image, the camera has waited a moment less than the costmaps.
        if not monitor.received or monitor.silent_s > self._config.grid.stale_after:
            return f'no image for {monitor.silent_s:.1f} s, {found.why_silent()}'
        return monitor.error

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> Any:
        result = self.set_parameters_atomically([Parameter('enabled', value=request.data)])
        response.success = result.successful
        response.message = result.reason or ('enabled' if request.data else 'disabled')
        return response

    def _report(self) -> None:
        name = self.get_fully_qualified_name()
        state = self._state_machine.current_state[1]
        facts = {'state': state, **(self._model.facts if self._model else NO_FACTS)}
        if self._cameras:
            statuses = active_statuses(
                name, facts, self._config, self._cameras, self._costmap, self._progress.sentence
            )
        else:
            names = self._config.cameras or ('image',)
            statuses = idle_statuses(
                name, facts, names, self._configure_error, self._progress.sentence
            )
        array = DiagnosticArray(status=statuses)
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _stop(self) -> None:
        # First, because what stops a robot must not wait for the image in hand, and no mask may
        # wait for depth from a camera that has unsubscribed.
        if self._costmap is not None:
            self._costmap.deactivate()
        # The image in hand still needs the subscriptions of its camera.
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        for camera in self._cameras:
            camera.unsubscribe()

    def _release(self) -> None:
        for camera in self._cameras:
            camera.destroy()
        self._cameras = []
        if self._costmap is not None:
            self._costmap.destroy()
            self._costmap = None
        self._made.close()
        self._model = None
        self._progress.clear()
