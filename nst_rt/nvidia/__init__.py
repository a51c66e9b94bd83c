"""NVIDIA's driver, CUDA and TensorRT: what is installed, what is missing, and how we use it."""
