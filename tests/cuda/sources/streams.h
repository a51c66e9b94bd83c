/* What streams and captured graphs share, behind stand_in.h. */
#pragma once
#define _GNU_SOURCE
#include "stand_in.h"

#include <pthread.h>

typedef struct Work {
    enum { COPY, FILL, CALL, WAIT, KERNEL } kind;
    void *to;
    const void *from;
    size_t bytes;
    int value;
    int to_theirs, from_theirs; /* of the GPU, or pinned: has to be there when it is done */
    void *staged; /* pageable memory is read when the copy is asked for, not when it is done */
    void (*function)(void *);
    Stream *other;
    unsigned long place;
    struct Work *next;
} Work;

/* What is destroyed is never freed, so that who uses it is found out: the process ends. */
struct Graph {
    Work *first, **end;
    CaptureMode mode;
    pthread_t thread; /* that began the capture */
    int invalid;      /* somebody did meanwhile what is forbidden */
    int launches;     /* it was instantiated */
    int destroyed;
};

struct Stream {
    Work *first, **end;
    unsigned long queued, done;
    int independent; /* of the default stream */
    int origin;      /* of the capture */
    int destroyed;
    Graph *capturing;
    Stream *next;
};

struct Event {
    Stream *stream;
    unsigned long place;
    Graph *capturing;
    int destroyed;
};

extern pthread_mutex_t stand_in_lock; /* recursive */
extern Stream *stand_in_streams;

Stream *stand_in_real(Stream *stream);
void stand_in_append(Work ***end, Work work);
void stand_in_queue(Stream *stream, Work work);
void stand_in_misused(const char *what);
