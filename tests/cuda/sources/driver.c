/* libcuda.so.1: the driver's functions that cuda-python, ctypes and ONNX Runtime ask for. */
#define _GNU_SOURCE
#include "stand_in.h"

#include <dlfcn.h>

/* The name that programs which look symbols up by themselves use. */
#define ALSO(name, as) extern __typeof__(name) as __attribute__((alias(#name)));

typedef uintptr_t Address;

int cuInit(unsigned flags) {
    CALLED;
    return stand_in_devices() ? 0 : NO_DEVICE;
}

int cuDriverGetVersion(int *version) {
    CALLED;
    *version = stand_in_driver();
    return 0;
}

int cuDeviceGetCount(int *count) {
    CALLED;
    *count = stand_in_devices();
    return 0;
}

int cuDeviceGet(int *device, int ordinal) {
    CALLED;
    *device = ordinal;
    return ordinal >= 0 && ordinal < stand_in_devices() ? 0 : INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int length, int device) {
    CALLED;
    snprintf(name, length, "Stand-in GPU");
    return 0;
}

int cuDeviceTotalMem(size_t *bytes, int device) {
    CALLED;
    *bytes = stand_in_total();
    return 0;
}
ALSO(cuDeviceTotalMem, cuDeviceTotalMem_v2)

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    CALLED;
    *value = attribute == 75   ? stand_in_capability() / 10
             : attribute == 76 ? stand_in_capability() % 10
                               : 1;
    return 0;
}

static int context, *current;

int cuDevicePrimaryCtxRetain(void **made, int device) {
    CALLED;
    *made = &context;
    return 0;
}
EMPTY(cuDevicePrimaryCtxRelease)
EMPTY(cuDevicePrimaryCtxSetFlags)

int cuCtxSetCurrent(void *chosen) {
    CALLED;
    current = chosen;
    return 0;
}

int cuCtxGetCurrent(void **found) {
    CALLED;
    *found = current;
    return 0;
}

int cuCtxPushCurrent(void *chosen) { return cuCtxSetCurrent(chosen); }

int cuCtxPopCurrent(void **found) { return cuCtxGetCurrent(found); }

int cuCtxGetDevice(int *device) {
    CALLED;
    *device = 0;
    return 0;
}

int cuCtxSynchronize(void) {
    CALLED;
    FORBIDDEN;
    return stand_in_finish_all();
}

int cuMemGetInfo(size_t *left, size_t *total) {
    CALLED;
    *left = stand_in_free();
    *total = stand_in_total();
    return 0;
}

int cuMemAlloc(void **address, size_t bytes) {
    CALLED;
    FORBIDDEN;
    return stand_in_take(address, bytes, DEVICE);
}

int cuMemAllocAsync(void **address, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_take(address, bytes, DEVICE);
}

int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
    CALLED;
    FORBIDDEN;
    return stand_in_take(address, bytes, PINNED);
}

int cuMemAllocHost(void **address, size_t bytes) { return cuMemHostAlloc(address, bytes, 0); }

int cuMemFree(void *address) {
    CALLED;
    FORBIDDEN;
    stand_in_finish_all();
    return stand_in_release(address, DEVICE);
}

int cuMemFreeHost(void *address) {
    CALLED;
    FORBIDDEN;
    stand_in_finish_all();
    return stand_in_release(address, PINNED);
}

static void release(void *address) { stand_in_release(address, DEVICE); }

int cuMemFreeAsync(void *address, Stream *stream) {
    CALLED;
    return stand_in_call(stream, release, address);
}
EMPTY(cuMemHostRegister)
EMPTY(cuMemHostUnregister)

int cuMemHostGetDevicePointer(void **device, void *host, unsigned flags) {
    CALLED;
    *device = host;
    return 0;
}

int cuMemcpy(Address to, Address from, size_t bytes) {
    CALLED;
    return stand_in_copy_now((void *)to, (void *)from, bytes, BY_ADDRESS);
}

int cuMemcpyHtoD(Address to, const void *from, size_t bytes) {
    CALLED;
    return stand_in_copy_now((void *)to, from, bytes, HOST_TO_DEVICE);
}

int cuMemcpyDtoH(void *to, Address from, size_t bytes) {
    CALLED;
    return stand_in_copy_now(to, (void *)from, bytes, DEVICE_TO_HOST);
}

int cuMemcpyAsync(Address to, Address from, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_copy((void *)to, (void *)from, bytes, BY_ADDRESS, stream);
}

int cuMemcpyHtoDAsync(Address to, const void *from, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_copy((void *)to, from, bytes, HOST_TO_DEVICE, stream);
}

int cuMemcpyDtoHAsync(void *to, Address from, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_copy(to, (void *)from, bytes, DEVICE_TO_HOST, stream);
}

int cuMemcpyDtoDAsync(Address to, Address from, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_copy((void *)to, (void *)from, bytes, DEVICE_TO_DEVICE, stream);
}

int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, Stream *stream) {
    CALLED;
    return stand_in_fill((void *)to, value, bytes, stream);
}

int cuPointerGetAttribute(void *value, int attribute, Address address) {
    CALLED;
    if (attribute != 2) return 1; /* only the kind of memory is known */
    Kind kind = stand_in_kind((void *)address);
    *(unsigned *)value = kind == PINNED ? 1 : 2;
    return kind ? 0 : 1;
}

int cuStreamCreate(Stream **stream, unsigned flags) {
    CALLED;
    return stand_in_stream(stream, flags);
}

int cuStreamCreateWithPriority(Stream **stream, unsigned flags, int priority) {
    CALLED;
    return stand_in_stream(stream, flags);
}

int cuStreamGetFlags(Stream *stream, unsigned *flags) {
    CALLED;
    *flags = stand_in_stream_flags(stream);
    return 0;
}

int cuStreamDestroy(Stream *stream) {
    CALLED;
    return stand_in_stream_destroy(stream);
}

int cuStreamSynchronize(Stream *stream) {
    CALLED;
    return stand_in_finish(stream);
}

int cuStreamQuery(Stream *stream) {
    CALLED;
    return stand_in_done(stream) ? 0 : 600;
}

int cuStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
    CALLED;
    return stand_in_wait(stream, event);
}

int cuLaunchHostFunc(Stream *stream, void (*function)(void *), void *argument) {
    CALLED;
    return stand_in_call(stream, function, argument);
}

int cuEventCreate(Event **event, unsigned flags) {
    CALLED;
    return stand_in_event(event);
}

int cuEventDestroy(Event *event) {
    CALLED;
    return stand_in_event_destroy(event);
}

int cuEventRecord(Event *event, Stream *stream) {
    CALLED;
    return stand_in_record(event, stream);
}

int cuEventSynchronize(Event *event) {
    CALLED;
    FORBIDDEN;
    return stand_in_event_finish(event);
}

int cuEventQuery(Event *event) {
    CALLED;
    FORBIDDEN;
    return stand_in_event_done(event) ? 0 : 600;
}

int cuEventElapsedTime(float *milliseconds, Event *from, Event *to) {
    CALLED;
    *milliseconds = 1;
    return 0;
}

int cuStreamBeginCapture(Stream *stream, int mode) {
    CALLED;
    return stand_in_capture(stream, mode);
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
    CALLED;
    return stand_in_captured(stream, graph);
}

int cuStreamIsCapturing(Stream *stream, int *status) {
    CALLED;
    *status = stand_in_capturing(stream);
    return 0;
}

int cuThreadExchangeStreamCaptureMode(CaptureMode *mode) {
    CALLED;
    return stand_in_exchange_mode(mode);
}

int cuGraphInstantiate(Graph **made, Graph *graph, uint64_t flags) {
    CALLED;
    return stand_in_instantiate(made, graph);
}
ALSO(cuGraphInstantiate, cuGraphInstantiateWithFlags)
EMPTY(cuGraphUpload)

int cuGraphDestroy(Graph *graph) {
    CALLED;
    return stand_in_graph_destroy(graph);
}

int cuGraphExecDestroy(Graph *graph) {
    CALLED;
    return stand_in_graph_destroy(graph);
}

int cuGraphLaunch(Graph *graph, Stream *stream) {
    CALLED;
    return stand_in_replay(graph, stream);
}

int cuGetErrorName(int code, const char **name) {
    *name = stand_in_name(code);
    return 0;
}

int cuGetErrorString(int code, const char **text) {
    *text = stand_in_message(code);
    return 0;
}
EMPTY(cuTensorMapEncodeTiled)

/* How cuda-python finds each of the above. What is not there it misses only when it calls it. */
int cuGetProcAddress_v2(const char *name, void **found, int version, uint64_t flags, int *status) {
    static void *own;
    Dl_info place;
    if (!own && dladdr((void *)cuInit, &place)) own = dlopen(place.dli_fname, RTLD_LAZY);
    *found = strcmp(name, "cuGetProcAddress") ? dlsym(own, name) : (void *)cuGetProcAddress_v2;
    if (status) *status = *found ? 0 : 1;
    return *found ? 0 : 500;
}
ALSO(cuGetProcAddress_v2, cuGetProcAddress)
