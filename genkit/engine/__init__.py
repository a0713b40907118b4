"""What runs a loaded network: numpy arrays in, numpy arrays out, and the engine behind is nobody's business."""
