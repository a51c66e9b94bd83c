/* Streams and events.
 *
 * Work is queued. At once, or with STAND_IN_LAZY=1 as late as CUDA may: when somebody waits for it.
 * So a result that is read without waiting is seen to be stale, and memory that is freed too early to
 * be gone. Kernels compute nothing.
 */
#include "streams.h"

pthread_mutex_t stand_in_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static Stream plain = {.end = &plain.first};
Stream *stand_in_streams = &plain;

static void run(Stream *stream, unsigned long place);

void stand_in_misused(const char *what) {
    fprintf(stderr, "%s is used that was destroyed, or never was there\n", what);
    abort();
}

Stream *stand_in_real(Stream *stream) {
    if ((uintptr_t)stream <= 2) return &plain;
    for (Stream *one = stand_in_streams; one; one = one->next)
        if (one == stream && !one->destroyed) return stream;
    stand_in_misused("a stream");
    return NULL;
}

static void perform(Work *work) {
    switch (work->kind) {
        case COPY:
            if (work->from_theirs) stand_in_need(work->from, work->bytes, "read");
            if (work->to_theirs) stand_in_need(work->to, work->bytes, "written");
            memmove(work->to, work->staged ? work->staged : work->from, work->bytes);
            break;
        case FILL:
            stand_in_need(work->to, work->bytes, "filled");
            memset(work->to, work->value, work->bytes);
            break;
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
    for (Stream *stream = stand_in_streams; stream; stream = stream->next)
        if (!stream->independent) run(stream, stream->queued);
}

void stand_in_append(Work ***end, Work work) {
    Work *copy = malloc(sizeof *copy);
    work.next = NULL;
    *copy = work;
    **end = copy;
    *end = &copy->next;
}

void stand_in_queue(Stream *stream, Work work) {
    stream = stand_in_real(stream);
    pthread_mutex_lock(&stand_in_lock);
    if (stream->capturing) {
        stand_in_append(&stream->capturing->end, work);
    } else {
        if (stream == &plain) run_blocking();
        stand_in_append(&stream->end, work);
        stream->queued++;
        if (!stand_in_number("STAND_IN_LAZY", 0)) run(stream, stream->queued);
    }
    pthread_mutex_unlock(&stand_in_lock);
}

int stand_in_stream(Stream **stream, unsigned flags) {
    Stream *made = calloc(1, sizeof *made);
    made->end = &made->first;
    made->independent = flags & 1;
    pthread_mutex_lock(&stand_in_lock);
    made->next = stand_in_streams;
    stand_in_streams = made;
    pthread_mutex_unlock(&stand_in_lock);
    *stream = made;
    return 0;
}

int stand_in_stream_flags(Stream *stream) { return stand_in_real(stream)->independent; }

/* Nobody waits: what it was given is still done. */
int stand_in_stream_destroy(Stream *stream) {
    stand_in_real(stream)->destroyed = 1;
    return 0;
}

int stand_in_copy(void *to, const void *from, size_t bytes, Direction direction, Stream *stream) {
    stream = stand_in_real(stream);
    Work work = {.kind = COPY, .to = to, .from = from, .bytes = bytes};
    work.from_theirs = stand_in_kind(from) || direction == DEVICE_TO_HOST || direction == DEVICE_TO_DEVICE;
    work.to_theirs = stand_in_kind(to) || direction == HOST_TO_DEVICE || direction == DEVICE_TO_DEVICE;
    if (!stream->capturing && !work.from_theirs) {
        work.staged = malloc(bytes ? bytes : 1);
        memcpy(work.staged, from, bytes);
    }
    stand_in_queue(stream, work);
    return work.to_theirs || stream->capturing ? 0 : stand_in_finish(stream);
}

int stand_in_copy_now(void *to, const void *from, size_t bytes, Direction direction) {
    if (stand_in_forbidden()) return NOT_WHILE_CAPTURING;
    stand_in_copy(to, from, bytes, direction, NULL);
    return stand_in_finish(NULL);
}

int stand_in_fill(void *to, int value, size_t bytes, Stream *stream) {
    stand_in_queue(stream, (Work){.kind = FILL, .to = to, .value = value, .bytes = bytes});
    return 0;
}

int stand_in_call(Stream *stream, void (*function)(void *), void *argument) {
    stand_in_queue(stream, (Work){.kind = CALL, .function = function, .to = argument});
    return 0;
}

int stand_in_launch(Stream *stream) {
    stand_in_queue(stream, (Work){.kind = KERNEL});
    return 0;
}

int stand_in_finish(Stream *stream) {
    stream = stand_in_real(stream);
    if (stream->capturing) {
        stream->capturing->invalid = 1;
        return NOT_WHILE_CAPTURING;
    }
    pthread_mutex_lock(&stand_in_lock);
    if (stream == &plain) run_blocking();
    run(stream, stream->queued);
    pthread_mutex_unlock(&stand_in_lock);
    return 0;
}

int stand_in_finish_all(void) {
    pthread_mutex_lock(&stand_in_lock);
    for (Stream *stream = stand_in_streams; stream; stream = stream->next)
        run(stream, stream->queued);
    pthread_mutex_unlock(&stand_in_lock);
    return 0;
}

/* Asking is no waiting, but who asks again and again has to see an end. */
int stand_in_done(Stream *stream) {
    stream = stand_in_real(stream);
    pthread_mutex_lock(&stand_in_lock);
    int done = stream->done == stream->queued;
    if (!done) run(stream, stream->done + 1);
    pthread_mutex_unlock(&stand_in_lock);
    return done;
}

static Event *there(Event *event) {
    if (event->destroyed) stand_in_misused("an event");
    return event;
}

int stand_in_event(Event **event) {
    *event = calloc(1, sizeof **event);
    return 0;
}

int stand_in_event_destroy(Event *event) {
    there(event)->destroyed = 1;
    return 0;
}

int stand_in_record(Event *event, Stream *stream) {
    stream = stand_in_real(stream);
    pthread_mutex_lock(&stand_in_lock);
    *there(event) = (Event){stream, stream->queued, stream->capturing};
    pthread_mutex_unlock(&stand_in_lock);
    return 0;
}

int stand_in_wait(Stream *stream, Event *event) {
    stream = stand_in_real(stream);
    if (there(event)->capturing)
        stream->capturing = event->capturing;
    else if (event->stream)
        stand_in_queue(stream, (Work){.kind = WAIT, .other = event->stream, .place = event->place});
    return 0;
}

int stand_in_event_finish(Event *event) {
    if (there(event)->capturing) return NOT_WHILE_CAPTURING;
    pthread_mutex_lock(&stand_in_lock);
    if (event->stream) run(event->stream, event->place);
    pthread_mutex_unlock(&stand_in_lock);
    return 0;
}

int stand_in_event_done(Event *event) {
    pthread_mutex_lock(&stand_in_lock);
    int done = !there(event)->stream || event->stream->done >= event->place;
    if (!done) run(event->stream, event->stream->done + 1);
    pthread_mutex_unlock(&stand_in_lock);
    return done;
}
