// The operators on the CPU, pixel by pixel: what the GPU's kernels are held against.
#include "launch.h"

const char* const PROVIDER = "CPUExecutionProvider";

const char* launch(const Begin& task, int64_t batch, void*) {
    for (int64_t n = 0; n < batch; ++n)
        for (int y = 0; y < task.out_h(); ++y)
            for (int x = 0; x < task.out_w(); ++x) task.pixel(n, y, x);
    return nullptr;
}

const char* launch(const Normalize& task, int64_t batch, void*) {
    for (int64_t n = 0; n < batch; ++n) {
        for (int v = 0; v < task.vectors(); ++v) {
            double sum[VECTOR] = {}, squares[VECTOR] = {};
            const Vector first = task.at(n, 0, 0, v);
            for (int y = 0; y < task.inside_h(); ++y)
                for (int x = 0; x < task.inside_w(); ++x)
                    for (int k = 0; k < VECTOR; ++k) {
                        double off = real(task.at(n, y, x, v).values[k]) - real(first.values[k]);
                        sum[k] += off, squares[k] += off * off;
                    }
            for (int k = 0; k < VECTOR; ++k)
                task.settle(n, v * VECTOR + k, float(sum[k]), float(squares[k]));
        }
        for (int y = 0; y < task.out_h(); ++y)
            for (int x = 0; x < task.out_w(); ++x)
                for (int v = 0; v < task.vectors(); ++v) task.pixel(n, y, x, v);
    }
    return nullptr;
}

const char* launch(const Finish& task, int64_t batch, void*) {
    for (int64_t n = 0; n < batch; ++n)
        for (int y = 0; y < task.height; ++y)
            for (int x = 0; x < task.width; ++x) task.pixel(n, y, x);
    return nullptr;
}
