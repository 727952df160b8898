"""What a Nav2 parameter file must say for the outputs of the node to steer a robot."""
