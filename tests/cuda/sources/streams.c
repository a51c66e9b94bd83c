/* Streams, events and captured graphs.
 *
 * Work is queued. At once, or with STAND_IN_LAZY=1 as late as CUDA may: when somebody waits for it.
 * So a result that is read without waiting is seen to be stale. Kernels compute nothing.
 */
#define _GNU_SOURCE
#include "stand_in.h"

#include <pthread.h>

typedef struct Work {
    enum { COPY, FILL, CALL, WAIT, KERNEL } kind;
    void *to;
    const void *from;
    size_t bytes;
    int value;
    Direction direction;
    void *staged; /* pageable memory is read when the copy is asked for, not when it is done */
    void (*function)(void *);
    Stream *other;
    unsigned long place;
    struct Work *next;
} Work;

struct Graph {
    Work *first, **end;
};

struct Stream {
    Work *first, **end;
    unsigned long queued, done;
    int independent; /* of the default stream */
    int origin;      /* of the capture */
    Graph *capturing;
    Stream *next;
};

struct Event {
    Stream *stream;
    unsigned long place;
    Graph *capturing;
};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static Stream plain = {.end = &plain.first};
static Stream *streams = &plain; /* never freed: events may still name them */

static void run(Stream *stream, unsigned long place);

static Stream *real(Stream *stream) { return (uintptr_t)stream <= 2 ? &plain : stream; }

/* GPU memory has to be there when it is worked on, as a GPU would find out. */
static void need(const void *address, const char *use) {
    if (stand_in_kind(address)) return;
    fprintf(stderr, "GPU memory is %s that was freed, or never was there\n", use);
    abort();
}

static void copy(Work *work) {
    if (work->direction == DEVICE_TO_HOST || work->direction == DEVICE_TO_DEVICE)
        need(work->from, "read");
    if (work->direction == HOST_TO_DEVICE || work->direction == DEVICE_TO_DEVICE)
        need(work->to, "written");
    memmove(work->to, work->staged ? work->staged : work->from, work->bytes);
}

static void fill(Work *work) {
    need(work->to, "filled");
    memset(work->to, work->value, work->bytes);
}

static void perform(Work *work) {
    switch (work->kind) {
        case COPY: copy(work); break;
        case FILL: fill(work); break;
        case CALL: work->function(work->to); break;
        case WAIT: run(work->other, work->place); break;
        case KERNEL: break;
    }
}

static void run(Stream *stream, unsigned long place) {
    while (stream->done < place) {
        Work *work = stream->first;
        stream->first = work->next;
        if (!stream->first) stream->end = &stream->first;
        stream->done++;
        perform(work);
        free(work->staged);
        free(work);
    }
}

static void run_blocking(void) {
    for (Stream *stream = streams; stream; stream = stream->next)
        if (!stream->independent) run(stream, stream->queued);
}

static void append(Work ***end, Work work) {
    Work *copy = malloc(sizeof *copy);
    work.next = NULL;
    *copy = work;
    **end = copy;
    *end = &copy->next;
}

static int queue(Stream *stream, Work work) {
    stream = real(stream);
    pthread_mutex_lock(&lock);
    if (stream->capturing) {
        append(&stream->capturing->end, work);
    } else {
        if (stream == &plain) run_blocking();
        append(&stream->end, work);
        stream->queued++;
        if (!stand_in_number("STAND_IN_LAZY", 0)) run(stream, stream->queued);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

int stand_in_stream(Stream **stream, unsigned flags) {
    Stream *made = calloc(1, sizeof *made);
    made->end = &made->first;
    made->independent = flags & 1;
    pthread_mutex_lock(&lock);
    made->next = streams;
    streams = made;
    pthread_mutex_unlock(&lock);
    *stream = made;
    return 0;
}

int stand_in_copy(void *to, const void *from, size_t bytes, Direction direction, Stream *stream) {
    stream = real(stream);
    Work work = {.kind = COPY, .to = to, .from = from, .bytes = bytes, .direction = direction};
    int to_pageable = direction != DEVICE_TO_DEVICE && !stand_in_kind(to);
    if (!stream->capturing && direction != DEVICE_TO_DEVICE && !stand_in_kind(from)) {
        work.staged = malloc(bytes ? bytes : 1);
        memcpy(work.staged, from, bytes);
    }
    queue(stream, work);
    return to_pageable && !stream->capturing ? stand_in_finish(stream) : 0;
}

int stand_in_copy_now(void *to, const void *from, size_t bytes, Direction direction) {
    if (stand_in_anything_capturing()) return NOT_WHILE_CAPTURING;
    stand_in_copy(to, from, bytes, direction, NULL);
    return stand_in_finish(NULL);
}

int stand_in_fill(void *to, int value, size_t bytes, Stream *stream) {
    return queue(stream, (Work){.kind = FILL, .to = to, .value = value, .bytes = bytes});
}

int stand_in_call(Stream *stream, void (*function)(void *), void *argument) {
    return queue(stream, (Work){.kind = CALL, .function = function, .to = argument});
}

int stand_in_launch(Stream *stream) { return queue(stream, (Work){.kind = KERNEL}); }

int stand_in_finish(Stream *stream) {
    stream = real(stream);
    if (stream->capturing) return NOT_WHILE_CAPTURING;
    pthread_mutex_lock(&lock);
    if (stream == &plain) run_blocking();
    run(stream, stream->queued);
    pthread_mutex_unlock(&lock);
    return 0;
}

int stand_in_finish_all(void) {
    if (stand_in_anything_capturing()) return NOT_WHILE_CAPTURING;
    pthread_mutex_lock(&lock);
    for (Stream *stream = streams; stream; stream = stream->next) run(stream, stream->queued);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Asking is no waiting, but who asks again and again has to see an end. */
int stand_in_done(Stream *stream) {
    stream = real(stream);
    pthread_mutex_lock(&lock);
    int done = stream->done == stream->queued;
    if (!done) run(stream, stream->done + 1);
    pthread_mutex_unlock(&lock);
    return done;
}

int stand_in_event(Event **event) {
    *event = calloc(1, sizeof **event);
    return 0;
}

int stand_in_record(Event *event, Stream *stream) {
    stream = real(stream);
    pthread_mutex_lock(&lock);
    *event = (Event){stream, stream->queued, stream->capturing};
    pthread_mutex_unlock(&lock);
    return 0;
}

int stand_in_wait(Stream *stream, Event *event) {
    if (event->capturing) {
        real(stream)->capturing = event->capturing;
        return 0;
    }
    if (!event->stream) return 0;
    return queue(stream, (Work){.kind = WAIT, .other = event->stream, .place = event->place});
}

int stand_in_event_finish(Event *event) {
    if (event->capturing) return NOT_WHILE_CAPTURING;
    pthread_mutex_lock(&lock);
    if (event->stream) run(event->stream, event->place);
    pthread_mutex_unlock(&lock);
    return 0;
}

int stand_in_event_done(Event *event) {
    int done = !event->stream || event->stream->done >= event->place;
    if (!done) stand_in_done(event->stream);
    return done;
}

int stand_in_capture(Stream *stream) {
    stream = real(stream);
    if (stream == &plain || stream->capturing) return NOT_WHILE_CAPTURING;
    stream->capturing = calloc(1, sizeof(Graph));
    stream->capturing->end = &stream->capturing->first;
    stream->origin = 1;
    return 0;
}

int stand_in_captured(Stream *stream, Graph **graph) {
    stream = real(stream);
    if (!stream->capturing || !stream->origin) return 901; /* no capture began here */
    *graph = stream->capturing;
    stream->origin = 0;
    for (Stream *other = streams; other; other = other->next)
        if (other->capturing == *graph) other->capturing = NULL;
    return 0;
}

int stand_in_capturing(Stream *stream) { return real(stream)->capturing ? 1 : 0; }

int stand_in_anything_capturing(void) {
    for (Stream *stream = streams; stream; stream = stream->next)
        if (stream->capturing) return 1;
    return 0;
}

int stand_in_replay(Graph *graph, Stream *stream) {
    for (Work *work = graph->first; work; work = work->next) queue(stream, *work);
    return 0;
}
