/* Environment variables that say what the stand-ins pretend. */
#define _GNU_SOURCE
#include "stand_in.h"

#include <fcntl.h>
#include <unistd.h>

static __thread int last_error;

int stand_in_number(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    return text && *text ? atoi(text) : otherwise;
}

int stand_in_devices(void) { return stand_in_number("STAND_IN_DEVICES", 1); }

int stand_in_driver(void) { return stand_in_number("STAND_IN_DRIVER", RUNTIME); }

int stand_in_capability(void) { return stand_in_number("STAND_IN_CAPABILITY", 89); }

/* STAND_IN_FAIL is "name:code,name:code". */
static int asked(const char *name) {
    const char *place = getenv("STAND_IN_FAIL");
    size_t length = strlen(name);
    for (; place && *place; place = strchr(place, ',') ? strchr(place, ',') + 1 : NULL)
        if (!strncmp(place, name, length) && place[length] == ':') return atoi(place + length + 1);
    return 0;
}

/* STAND_IN_LOST is "name:count:code": with that call of it the GPU is gone, and every call fails. */
static int lost(const char *name) {
    static int code, calls;
    const char *text = getenv("STAND_IN_LOST");
    size_t length = strlen(name);
    if (code || !text || strncmp(text, name, length) || text[length] != ':') return code;
    int count = atoi(text + length + 1);
    if (++calls == count) code = atoi(strchr(text + length + 1, ':') + 1);
    return code;
}

static void trace(const char *name) {
    const char *path = getenv("STAND_IN_TRACE");
    if (!path || !*path) return;
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", name);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return;
    if (write(file, line, length) < 0) perror(path);
    close(file);
}

int stand_in_called(const char *name) {
    trace(name);
    int code = lost(name);
    if (!code) code = asked(name);
    if (!code && !strncmp(name, "cuda", 4)) {
        if (stand_in_driver() < RUNTIME) code = DRIVER_TOO_OLD;
        else if (!stand_in_devices()) code = NO_DEVICE;
    }
    int of_driver = !strncmp(name, "cu", 2) && strncmp(name, "cuda", 4);
    if (code && !of_driver) last_error = code; /* the runtime tells only of its own */
    return code;
}

int stand_in_last_error(int forget) {
    int code = last_error;
    if (forget) last_error = 0;
    return code;
}

static const struct {
    int code;
    const char *name, *text;
} errors[] = {
    {0, "cudaSuccess", "no error"},
    {NO_MEMORY, "cudaErrorMemoryAllocation", "out of memory"},
    {DRIVER_TOO_OLD, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {NO_DEVICE, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {700, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {NOT_WHILE_CAPTURING, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {-1, "cudaErrorUnknown", "unknown error"},
};

static int row(int code) {
    int number = 0;
    while (errors[number].code != code && errors[number].code != -1) number++;
    return number;
}

const char *stand_in_name(int code) { return errors[row(code)].name; }

const char *stand_in_message(int code) { return errors[row(code)].text; }
