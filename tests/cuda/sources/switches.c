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

int stand_in_capability(void) { return stand_in_number("STAND_IN_CAPABILITY", 89); }

/* STAND_IN_FAIL is "name:code,name:code". */
static int asked(const char *name) {
    const char *place = getenv("STAND_IN_FAIL");
    size_t length = strlen(name);
    for (; place && *place; place = strchr(place, ',') ? strchr(place, ',') + 1 : NULL)
        if (!strncmp(place, name, length) && place[length] == ':') return atoi(place + length + 1);
    return 0;
}

int stand_in_called(const char *name) {
    const char *path = getenv("STAND_IN_TRACE");
    if (path && *path) {
        char line[128];
        int length = snprintf(line, sizeof line, "%s\n", name);
        int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (file >= 0) {
            if (write(file, line, length) < 0) perror(path);
            close(file);
        }
    }
    int code = asked(name);
    if (code) last_error = code;
    return code;
}

int stand_in_last_error(int forget) {
    int code = last_error;
    if (forget) last_error = 0;
    return code;
}

const char *stand_in_message(int code) {
    switch (code) {
        case 0: return "no error";
        case NO_MEMORY: return "out of memory";
        case 35: return "CUDA driver version is insufficient for CUDA runtime version";
        case NO_DEVICE: return "no CUDA-capable device is detected";
        case INVALID_DEVICE: return "invalid device ordinal";
        case 700: return "an illegal memory access was encountered";
        case NOT_WHILE_CAPTURING: return "operation not permitted when stream is capturing";
        default: return "an error of the stand-in";
    }
}
