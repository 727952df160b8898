"""Everything that needs only NumPy and OpenCV: no ROS, no inference library."""
