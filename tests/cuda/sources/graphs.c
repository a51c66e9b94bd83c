/* Captured graphs, and what may not be done while something is captured. */
#include "streams.h"

static __thread CaptureMode mode_here = GLOBAL;

static Graph *there(Graph *graph) {
    if (graph->destroyed) stand_in_misused("a graph");
    return graph;
}

int stand_in_capture(Stream *stream, CaptureMode mode) {
    stream = stand_in_real(stream);
    if (stream == stand_in_real(NULL) || stream->capturing) return NOT_WHILE_CAPTURING;
    Graph *graph = calloc(1, sizeof *graph);
    graph->end = &graph->first;
    graph->mode = mode;
    graph->thread = pthread_self();
    pthread_mutex_lock(&stand_in_lock);
    stream->capturing = graph;
    stream->origin = 1;
    pthread_mutex_unlock(&stand_in_lock);
    return 0;
}

int stand_in_captured(Stream *stream, Graph **graph) {
    stream = stand_in_real(stream);
    *graph = NULL;
    if (!stream->capturing || !stream->origin) return 903; /* no capture began here */
    pthread_mutex_lock(&stand_in_lock);
    Graph *captured = stream->capturing;
    stream->origin = 0;
    for (Stream *other = stand_in_streams; other; other = other->next)
        if (other->capturing == captured) other->capturing = NULL;
    pthread_mutex_unlock(&stand_in_lock);
    if (captured->invalid) return CAPTURE_INVALIDATED;
    *graph = captured;
    return 0;
}

int stand_in_capturing(Stream *stream) { return stand_in_real(stream)->capturing ? 1 : 0; }

/* Calls that may wait for the GPU. Who makes one all the same breaks the captures that forbid it. */
int stand_in_forbidden(void) {
    int forbidden = 0;
    pthread_mutex_lock(&stand_in_lock);
    for (Stream *stream = stand_in_streams; stream && mode_here != RELAXED; stream = stream->next) {
        Graph *graph = stream->capturing;
        if (!graph || graph->mode == RELAXED) continue;
        int own = pthread_equal(graph->thread, pthread_self());
        if (!own && (graph->mode != GLOBAL || mode_here != GLOBAL)) continue;
        graph->invalid = 1;
        forbidden = NOT_WHILE_CAPTURING;
    }
    pthread_mutex_unlock(&stand_in_lock);
    return forbidden;
}

int stand_in_exchange_mode(CaptureMode *mode) {
    CaptureMode before = mode_here;
    mode_here = *mode;
    *mode = before;
    return 0;
}

int stand_in_instantiate(Graph **made, Graph *graph) {
    Graph *copy = calloc(1, sizeof *copy);
    copy->end = &copy->first;
    copy->launches = 1;
    for (Work *work = there(graph)->first; work; work = work->next)
        stand_in_append(&copy->end, *work);
    *made = copy;
    return 0;
}

int stand_in_replay(Graph *graph, Stream *stream) {
    if (!there(graph)->launches) stand_in_misused("a graph that can be launched");
    for (Work *work = graph->first; work; work = work->next) stand_in_queue(stream, *work);
    return 0;
}

int stand_in_graph_destroy(Graph *graph) {
    if (!graph) return 400;
    there(graph)->destroyed = 1;
    while (graph->first) {
        Work *work = graph->first;
        graph->first = work->next;
        free(work);
    }
    return 0;
}
