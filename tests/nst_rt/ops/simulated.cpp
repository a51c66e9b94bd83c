// Runs the GPU's kernels on the CPU, thread by thread: every thread of a block is a fiber, and where
// they meet (a barrier, an exchange within a warp) each waits for the others. Blocks run one by one.
// From one fiber to the next it jumps: swapcontext asks the system for signals each time.
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <vector>

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
static dim3 threadIdx, blockIdx, blockDim, gridDim;
#define __global__ static
#define __shared__ static

static void meet();
static float exchanged[1024];
static float __shfl_xor_sync(unsigned, float value, int other) {
    exchanged[threadIdx.x] = value;
    meet();
    float theirs = exchanged[threadIdx.x ^ other];
    meet();
    return theirs;
}
#define __syncthreads meet

#include "kernels.h"
#include "launch.h"

const char* const PROVIDER = "CPUExecutionProvider";

namespace {

struct Fiber {
    ucontext_t beginning;
    jmp_buf place;
    std::vector<char> stack = std::vector<char>(64 << 10);
    bool begun, over;
};
Fiber fibers[THREADS];
jmp_buf scheduler;
void (*entered)(const void*);
const void* given;

void enter() {
    entered(given);
    fibers[threadIdx.x].over = true;
    _longjmp(scheduler, 1);
}

// Until it meets others or is over.
void run(Fiber& fiber) {
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.place, 1);
    fiber.begun = true;
    setcontext(&fiber.beginning);
}

void run_block() {
    for (Fiber& fiber : fibers) {
        getcontext(&fiber.beginning);
        fiber.beginning.uc_stack.ss_sp = fiber.stack.data();
        fiber.beginning.uc_stack.ss_size = fiber.stack.size();
        fiber.begun = fiber.over = false;
        makecontext(&fiber.beginning, enter, 0);
    }
    for (bool alive = true; alive;) {
        alive = false;
        for (unsigned thread = 0; thread < THREADS; ++thread)
            if (!fibers[thread].over) {
                alive = true;
                threadIdx.x = thread;
                run(fibers[thread]);
            }
    }
}

template <typename Task>
void start(void (*kernel)(Task), int blocks, int64_t batch, void*, const Task& task) {
    static void (*chosen)(Task);
    chosen = kernel;
    entered = [](const void* task) { chosen(*static_cast<const Task*>(task)); };
    given = &task;
    blockDim.x = THREADS, gridDim.x = blocks, gridDim.y = batch;
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) run_block();
}

// Of few blocks each has many rows.
template <typename Task>
void share(void (*kernel)(Task), int rows, int64_t batch, void* stream, const Task& task) {
    start(kernel, std::min(rows, 5), batch, stream, task);
}

const char* complaint() { return nullptr; }

}  // namespace

static void meet() {
    unsigned me = threadIdx.x;
    if (!_setjmp(fibers[me].place)) _longjmp(scheduler, 1);
    threadIdx.x = me;
}

#include "start.h"
