"""How fast is a shipped style on this GPU, and does every way paint what PyTorch paints?

    python -m benchmarks.gpu [STYLE] [--quick | --options]

With whatever is installed: PyTorch eager in float32 and float16, torch.compile with CUDA graphs,
and ours: ONNX Runtime's CUDA and TensorRT providers, and native engines of TensorRT and
TensorRT-RTX, which are built here. uint8 N×H×W×3 in and out for all. Pictures lie in the GPU's
memory, or in the host's, pageable or pinned, from where three are kept in flight. Frames per second
stand beside the physical floor: the operations and bytes that the network cannot do without, at the
rates that a matrix product and a copy reach here.
"""
