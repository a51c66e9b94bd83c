"""Reading an ONNX file's header without the onnx package, and without trusting the file."""

from nst_rt.onnx_file.reading import MAX_DEPTH, MAX_NODES, OnnxSummary, TensorSpec, summarize

__all__ = ["MAX_DEPTH", "MAX_NODES", "OnnxSummary", "TensorSpec", "summarize"]
