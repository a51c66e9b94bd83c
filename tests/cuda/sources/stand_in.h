/* What the stand-ins share. libcuda defines it and the others link to it, as NVIDIA's do. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNTIME 13000 /* CUDA 13.0 */
#define NO_MEMORY 2
#define DRIVER_TOO_OLD 35
#define NO_DEVICE 100
#define INVALID_DEVICE 101
#define NOT_WHILE_CAPTURING 900
#define CAPTURE_INVALIDATED 901

typedef enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST, DEVICE_TO_DEVICE, BY_ADDRESS } Direction;
typedef enum { DEVICE = 1, PINNED } Kind;
typedef enum { GLOBAL, THREAD_LOCAL, RELAXED } CaptureMode;
typedef struct Stream Stream;
typedef struct Event Event;
typedef struct Graph Graph;

/* Writes the call into STAND_IN_TRACE; the code that STAND_IN_FAIL asks for, 0 otherwise. */
int stand_in_called(const char *name);
#define CALLED                                        \
    do {                                              \
        int asked_ = stand_in_called(__func__);       \
        if (asked_) return asked_;                    \
    } while (0)
#define EMPTY(name)                                   \
    int name(void) {                                  \
        CALLED;                                       \
        return 0;                                     \
    }

/* Goes after CALLED in what may wait for the GPU. */
#define FORBIDDEN                                            \
    do {                                                     \
        if (stand_in_forbidden()) return NOT_WHILE_CAPTURING; \
    } while (0)

int stand_in_number(const char *variable, int otherwise);
int stand_in_devices(void);
int stand_in_driver(void);
int stand_in_capability(void);
int stand_in_last_error(int forget);
const char *stand_in_name(int code);
const char *stand_in_message(int code);

/* memory.c: "device memory" is host memory that is counted. Misuse ends the process with a line. */
int stand_in_take(void **address, size_t bytes, Kind kind);
int stand_in_release(void *address, Kind kind);
Kind stand_in_kind(const void *address); /* 0 of memory that is neither */
void stand_in_need(const void *address, size_t bytes, const char *use);
size_t stand_in_total(void);
size_t stand_in_free(void);

/* streams.c: what is queued runs at once, or with STAND_IN_LAZY=1 when somebody waits for it */
int stand_in_stream(Stream **stream, unsigned flags);
int stand_in_stream_flags(Stream *stream);
int stand_in_stream_destroy(Stream *stream);
int stand_in_copy(void *to, const void *from, size_t bytes, Direction direction, Stream *stream);
int stand_in_copy_now(void *to, const void *from, size_t bytes, Direction direction);
int stand_in_fill(void *to, int value, size_t bytes, Stream *stream);
int stand_in_call(Stream *stream, void (*function)(void *), void *argument);
int stand_in_launch(Stream *stream);
int stand_in_finish(Stream *stream);
int stand_in_finish_all(void);
int stand_in_done(Stream *stream);
int stand_in_event(Event **event);
int stand_in_event_destroy(Event *event);
int stand_in_record(Event *event, Stream *stream);
int stand_in_wait(Stream *stream, Event *event);
int stand_in_event_finish(Event *event);
int stand_in_event_done(Event *event);

/* graphs.c: what a stream was given while it was captured */
int stand_in_capture(Stream *stream, CaptureMode mode);
int stand_in_captured(Stream *stream, Graph **graph);
int stand_in_capturing(Stream *stream);
int stand_in_forbidden(void);
int stand_in_exchange_mode(CaptureMode *mode);
int stand_in_instantiate(Graph **made, Graph *graph);
int stand_in_replay(Graph *graph, Stream *stream);
int stand_in_graph_destroy(Graph *graph);
