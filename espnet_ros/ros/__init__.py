"""The ROS 2 side: the only package that imports rclpy or message packages."""
