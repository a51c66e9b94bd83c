// The operators' kernels. Rows of pixels are shared out among blocks; neighbouring threads read and
// write neighbouring 16 bytes. Sums are added in one order only: same picture, same bytes.
#pragma once
#include "pixels.h"

namespace {

constexpr int THREADS = 256, WARP = 32, WARPS = THREADS / WARP;

// A thread always has the same 8 channels; `vectors` is a power of two up to 32.
__global__ void measure(Normalize task) {
    __shared__ float sums[WARPS][WARP][2 * VECTOR];
    const int vectors = task.vectors(), v = threadIdx.x % vectors;
    const int64_t n = blockIdx.y;
    float sum[VECTOR] = {}, squares[VECTOR] = {}, first[VECTOR];
    for (int k = 0; k < VECTOR; ++k) first[k] = real(task.at(n, 0, 0, v).values[k]);
    for (int y = blockIdx.x; y < task.inside_h(); y += gridDim.x)
        for (int x = threadIdx.x / vectors; x < task.inside_w(); x += THREADS / vectors) {
            const Vector pixel = task.at(n, y, x, v);
            for (int k = 0; k < VECTOR; ++k) {
                float off = real(pixel.values[k]) - first[k];
                sum[k] += off, squares[k] += off * off;
            }
        }
    const int lane = threadIdx.x % WARP;
    for (int k = 0; k < VECTOR; ++k) {
        for (int other = WARP / 2; other >= vectors; other /= 2) {
            sum[k] += __shfl_xor_sync(~0u, sum[k], other);
            squares[k] += __shfl_xor_sync(~0u, squares[k], other);
        }
        if (lane < vectors) {
            sums[threadIdx.x / WARP][lane][k] = sum[k];
            sums[threadIdx.x / WARP][lane][VECTOR + k] = squares[k];
        }
    }
    __syncthreads();
    float* mine = task.partial + (n * gridDim.x + blockIdx.x) * 2 * task.channels;
    for (int c = threadIdx.x; c < task.channels; c += THREADS)
        for (int moment = 0; moment < 2; ++moment) {
            float whole = 0;
            for (int warp = 0; warp < WARPS; ++warp)
                whole += sums[warp][c / VECTOR][moment * VECTOR + c % VECTOR];
            mine[moment * task.channels + c] = whole;
        }
}

// A warp for each channel.
__global__ void settle(Normalize task) {
    const int lane = threadIdx.x % WARP, c = blockIdx.x * WARPS + threadIdx.x / WARP;
    const int64_t n = blockIdx.y;
    if (c >= task.channels) return;
    float sum = 0, squares = 0;
    for (int part = lane; part < task.parts; part += WARP) {
        const float* theirs = task.partial + (n * task.parts + part) * 2 * task.channels;
        sum += theirs[c], squares += theirs[task.channels + c];
    }
    for (int other = WARP / 2; other; other /= 2) {
        sum += __shfl_xor_sync(~0u, sum, other);
        squares += __shfl_xor_sync(~0u, squares, other);
    }
    if (lane == 0) task.settle(n, c, sum, squares);
}

__global__ void apply(Normalize task) {
    const int vectors = task.vectors(), v = threadIdx.x % vectors;
    for (int y = blockIdx.x; y < task.out_h(); y += gridDim.x)
        for (int x = threadIdx.x / vectors; x < task.out_w(); x += THREADS / vectors)
            task.pixel(blockIdx.y, y, x, v);
}

__global__ void begin(Begin task) {
    for (int y = blockIdx.x; y < task.out_h(); y += gridDim.x)
        for (int x = threadIdx.x; x < task.out_w(); x += THREADS) task.pixel(blockIdx.y, y, x);
}

__global__ void finish(Finish task) {
    for (int y = blockIdx.x; y < task.height; y += gridDim.x)
        for (int x = threadIdx.x; x < task.width; x += THREADS) task.pixel(blockIdx.y, y, x);
}

}  // namespace
