// The operators on a GPU.
#include "kernels.h"
#include "launch.h"

const char* const PROVIDER = "CUDAExecutionProvider";

namespace {

constexpr int MOST_BLOCKS = 132 * 8;  // as many as a large GPU runs at once

template <typename Task>
void start(void (*kernel)(Task), int blocks, int64_t batch, void* stream, const Task& task) {
    dim3 grid(blocks, static_cast<unsigned>(batch));
    kernel<<<grid, THREADS, 0, static_cast<cudaStream_t>(stream)>>>(task);
}

template <typename Task>
void share(void (*kernel)(Task), int rows, int64_t batch, void* stream, const Task& task) {
    start(kernel, min(rows, MOST_BLOCKS), batch, stream, task);
}

const char* complaint() {
    cudaError_t code = cudaGetLastError();
    return code == cudaSuccess ? nullptr : cudaGetErrorString(code);
}

}  // namespace

#include "start.h"
