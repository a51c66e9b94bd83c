"""Export: from a checkpoint to a model file that any ONNX program can run."""
