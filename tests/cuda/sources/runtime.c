/* libcudart.so.13: the runtime's functions that ONNX Runtime asks for, over the stand-in driver. */
#include "stand_in.h"

typedef struct {
    unsigned x, y, z;
} Size;

int cudaGetDeviceCount(int *count) {
    *count = 0;
    CALLED;
    *count = stand_in_devices();
    return *count ? 0 : NO_DEVICE;
}

int cudaGetDevice(int *device) {
    *device = 0;
    return 0;
}

int cudaSetDevice(int device) {
    CALLED;
    return device >= 0 && device < stand_in_devices() ? 0 : INVALID_DEVICE;
}

static void put(char *properties, size_t offset, int value) {
    memcpy(properties + offset, &value, sizeof value);
}

static void put_size(char *properties, size_t offset, size_t value) {
    memcpy(properties + offset, &value, sizeof value);
}

/* The numbers are offsets in cudaDeviceProp of CUDA 13. */
int cudaGetDeviceProperties(char *properties, int device) {
    CALLED;
    memset(properties, 0, 1008);
    strcpy(properties, "Stand-in GPU");
    put_size(properties, 288, stand_in_total());
    put_size(properties, 296, 49152); /* shared memory of a block */
    put(properties, 304, 65536);      /* registers of a block */
    put(properties, 308, 32);         /* threads of a warp */
    put(properties, 320, 1024);       /* threads of a block */
    for (int axis = 0; axis < 3; axis++) put(properties, 324 + 4 * axis, axis == 2 ? 64 : 1024);
    for (int axis = 0; axis < 3; axis++) put(properties, 336 + 4 * axis, axis ? 65535 : 2147483647);
    put_size(properties, 352, 65536); /* constant memory */
    put(properties, 360, stand_in_capability() / 10);
    put(properties, 364, stand_in_capability() % 10);
    put(properties, 384, 24);          /* multiprocessors */
    put(properties, 596, 32 << 20);    /* level-2 cache */
    put(properties, 604, 1536);        /* threads of a multiprocessor */
    put_size(properties, 624, 102400); /* its shared memory */
    put(properties, 632, 65536);       /* its registers */
    put_size(properties, 672, 101376); /* shared memory that a block may ask for */
    return 0;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    CALLED;
    switch (attribute) {
        case 10: *value = 32; break;
        case 16: *value = 24; break;
        case 75: *value = stand_in_capability() / 10; break;
        case 76: *value = stand_in_capability() % 10; break;
        case 97: *value = 101376; break;
        default: *value = 1;
    }
    return 0;
}

int cudaDriverGetVersion(int *version) {
    *version = stand_in_driver();
    return 0;
}

int cudaRuntimeGetVersion(int *version) {
    *version = RUNTIME;
    return 0;
}

const char *cudaGetErrorName(int code) { return stand_in_name(code); }

const char *cudaGetErrorString(int code) { return stand_in_message(code); }

int cudaGetLastError(void) { return stand_in_last_error(1); }

int cudaPeekAtLastError(void) { return stand_in_last_error(0); }

int cudaDeviceSynchronize(void) {
    CALLED;
    FORBIDDEN;
    return stand_in_finish_all();
}

int cudaMalloc(void **address, size_t bytes) {
    CALLED;
    FORBIDDEN;
    return stand_in_take(address, bytes, DEVICE);
}

int cudaMallocFromPoolAsync(void **address, size_t bytes, void *pool, Stream *stream) {
    CALLED;
    return stand_in_take(address, bytes, DEVICE);
}

int cudaHostAlloc(void **address, size_t bytes, unsigned flags) {
    CALLED;
    FORBIDDEN;
    return stand_in_take(address, bytes, PINNED);
}

int cudaMallocHost(void **address, size_t bytes) { return cudaHostAlloc(address, bytes, 0); }

int cudaFree(void *address) {
    CALLED;
    FORBIDDEN;
    stand_in_finish_all();
    return stand_in_release(address, DEVICE);
}

int cudaFreeHost(void *address) {
    CALLED;
    FORBIDDEN;
    stand_in_finish_all();
    return stand_in_release(address, PINNED);
}

static void release(void *address) { stand_in_release(address, DEVICE); }

int cudaFreeAsync(void *address, Stream *stream) {
    CALLED;
    return stand_in_call(stream, release, address);
}

int cudaMemGetInfo(size_t *left, size_t *total) {
    CALLED;
    *left = stand_in_free();
    *total = stand_in_total();
    return 0;
}

static int copied(const char *name, Direction direction) {
    char full[64];
    const char *ends[] = {"", " host to device", " device to host", " device to device", ""};
    snprintf(full, sizeof full, "%s%s", name, ends[direction]);
    stand_in_called(full);
    return 0;
}

int cudaMemcpy(void *to, const void *from, size_t bytes, Direction direction) {
    CALLED;
    copied("copy", direction);
    return stand_in_copy_now(to, from, bytes, direction);
}

int cudaMemcpyAsync(void *to, const void *from, size_t bytes, Direction direction, Stream *stream) {
    CALLED;
    copied("copy", direction);
    return stand_in_copy(to, from, bytes, direction, stream);
}

int cudaMemcpy2DAsync(char *to, size_t to_pitch, const char *from, size_t from_pitch, size_t width,
                      size_t height, Direction direction, Stream *stream) {
    CALLED;
    copied("copy", direction);
    for (size_t row = 0; row < height; row++)
        stand_in_copy(to + row * to_pitch, from + row * from_pitch, width, direction, stream);
    return 0;
}

int cudaMemset(void *to, int value, size_t bytes) {
    CALLED;
    return stand_in_fill(to, value, bytes, NULL);
}

int cudaMemsetAsync(void *to, int value, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_fill(to, value, bytes, stream);
}

static int handle(void **made) {
    static int nothing;
    *made = &nothing;
    return 0;
}

int cudaMemPoolCreate(void **pool, const void *properties) { return handle(pool); }

int cudaMemPoolGetAttribute(void *pool, int attribute, void *value) {
    memset(value, 0, sizeof(uint64_t));
    return 0;
}

int cudaPointerGetAttributes(char *attributes, const void *address) {
    Kind kind = stand_in_kind(address);
    memset(attributes, 0, 32);
    put(attributes, 0, kind == DEVICE ? 2 : kind == PINNED ? 1 : 0);
    put_size(attributes, 8, (size_t)address);
    return 0;
}

int cudaStreamCreate(Stream **stream) {
    CALLED;
    return stand_in_stream(stream, 0);
}

int cudaStreamCreateWithFlags(Stream **stream, unsigned flags) {
    CALLED;
    return stand_in_stream(stream, flags);
}

int cudaStreamDestroy(Stream *stream) {
    CALLED;
    return stand_in_stream_destroy(stream);
}

int cudaStreamSynchronize(Stream *stream) {
    CALLED;
    return stand_in_finish(stream);
}

int cudaStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
    CALLED;
    return stand_in_wait(stream, event);
}

int cudaLaunchHostFunc(Stream *stream, void (*function)(void *), void *argument) {
    CALLED;
    return stand_in_call(stream, function, argument);
}

int cudaEventCreate(Event **event) {
    CALLED;
    return stand_in_event(event);
}

int cudaEventCreateWithFlags(Event **event, unsigned flags) { return cudaEventCreate(event); }

int cudaEventDestroy(Event *event) {
    CALLED;
    return stand_in_event_destroy(event);
}

int cudaEventRecord(Event *event, Stream *stream) {
    CALLED;
    return stand_in_record(event, stream);
}

int cudaEventRecordWithFlags(Event *event, Stream *stream, unsigned flags) {
    return cudaEventRecord(event, stream);
}

int cudaEventSynchronize(Event *event) {
    CALLED;
    FORBIDDEN;
    return stand_in_event_finish(event);
}

int cudaEventElapsedTime(float *milliseconds, Event *from, Event *to) {
    *milliseconds = 1;
    return 0;
}

int cudaStreamBeginCapture(Stream *stream, int mode) {
    CALLED;
    return stand_in_capture(stream, mode);
}

int cudaStreamEndCapture(Stream *stream, Graph **graph) {
    CALLED;
    return stand_in_captured(stream, graph);
}

int cudaStreamIsCapturing(Stream *stream, int *status) {
    *status = stand_in_capturing(stream);
    return 0;
}

int cudaGraphInstantiate(Graph **made, Graph *graph, unsigned long long flags) {
    CALLED;
    return stand_in_instantiate(made, graph);
}

int cudaGraphDestroy(Graph *graph) {
    CALLED;
    return stand_in_graph_destroy(graph);
}

int cudaGraphExecDestroy(Graph *graph) {
    CALLED;
    return stand_in_graph_destroy(graph);
}

int cudaGraphLaunch(Graph *graph, Stream *stream) {
    CALLED;
    return stand_in_replay(graph, stream);
}

static int launched(Stream *stream) {
    int failed = stand_in_called("kernel");
    return failed ? failed : stand_in_launch(stream);
}

int cudaLaunchKernel(const void *kernel, Size grid, Size block, void **arguments, size_t shared,
                     Stream *stream) {
    return launched(stream);
}

int __cudaLaunchKernel(const void *kernel, Size grid, Size block, void **arguments, size_t shared,
                       Stream *stream) {
    return launched(stream);
}

int cudaLaunchCooperativeKernel(const void *kernel, Size grid, Size block, void **arguments,
                                size_t shared, Stream *stream) {
    return launched(stream);
}

int cudaLaunchKernelExC(const char *configuration, const void *kernel, void **arguments) {
    Stream *stream;
    memcpy(&stream, configuration + 32, sizeof stream);
    return launched(stream);
}

int cudaFuncGetAttributes(char *attributes, const void *kernel) {
    memset(attributes, 0, 120);
    put(attributes, 24, 1024);
    return 0;
}

int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel, int size,
                                                           size_t shared, unsigned flags) {
    *blocks = 2;
    return 0;
}

int cudaGetDriverEntryPointByVersion(const char *name, void **found, unsigned version,
                                     unsigned long long flags, int *status) {
    *found = NULL;
    if (status) *status = 1;
    return 0;
}

void **__cudaRegisterFatBinary(void *binary) {
    static void *handles[1];
    return handles;
}

void __cudaRegisterFatBinaryEnd(void **handles) {}

void __cudaUnregisterFatBinary(void **handles) {}

void __cudaRegisterFunction(void) {} /* by the ten thousand, and of no interest in a trace */

void __cudaRegisterVar(void) {}

int __cudaGetKernel(const void **kernel, const void *function) {
    *kernel = function;
    return 0;
}

/* What <<<…>>> leaves for the launch that follows in the same thread. */
static __thread struct {
    Size grid, block;
    size_t shared;
    void *stream;
} launch;

unsigned __cudaPushCallConfiguration(Size grid, Size block, size_t shared, void *stream) {
    launch.grid = grid, launch.block = block, launch.shared = shared, launch.stream = stream;
    return 0;
}

int __cudaPopCallConfiguration(Size *grid, Size *block, size_t *shared, void **stream) {
    *grid = launch.grid, *block = launch.block, *shared = launch.shared, *stream = launch.stream;
    return 0;
}
