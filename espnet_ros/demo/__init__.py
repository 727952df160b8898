"""What `espnet_ros demo` runs: image sources, the three processes, the report, the pictures."""
