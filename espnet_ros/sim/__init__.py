"""The virtual street: camera images with ground truth, drawn with NumPy alone."""
