// The order in which the kernels of an operator start: as many blocks as are said, or rows shared out
// among as many as there is room for.
#pragma once

const char* launch(const Begin& task, int64_t batch, void* stream) {
    share(begin, task.out_h(), batch, stream, task);
    return complaint();
}

const char* launch(const Normalize& task, int64_t batch, void* stream) {
    start(measure, task.parts, batch, stream, task);
    start(settle, (task.channels + WARPS - 1) / WARPS, batch, stream, task);
    share(apply, task.out_h(), batch, stream, task);
    return complaint();
}

const char* launch(const Finish& task, int64_t batch, void* stream) {
    share(finish, task.height, batch, stream, task);
    return complaint();
}
