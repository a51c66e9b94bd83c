/* Stands in for the part of TensorRT that runs engines, beneath its real Python bindings.
 *
 * The bindings reach everything through tables of functions; which place a function has differs
 * between TensorRT 10 (OLD) and TensorRT 11 and TensorRT-RTX. An "engine" is a line of text,
 *
 *     stand-in engine SCALE  N H W  N H W  C     (its smallest and its largest picture, channels)
 *
 * that paints by copying: "image" to "image_out", on the stream that it is given; with channels also
 * "statistics" to "statistics_out", whatever it is to keep. The stand-in driver beneath orders the copies, counts memory and fails when asked to; "deserialize", "context",
 * "enqueue" and "destroy" are calls to it too. STAND_IN_TENSORS is how many tensors an engine has
 * (2, or 5 with channels).
 */
#include "stand_in.h"

#ifdef OLD
enum { LOG = 0 };
enum { GET_NAME = 31, NUM_TENSORS = 30, SHAPE_OF = 19, MODE = 23, NEW_CONFIG = 56, NEW_CONTEXT = 55 };
enum { SET_SHAPE = 21, SET_ADDRESS = 24, ENQUEUE = 37, MEMORY_FOR_SHAPES = 48, SET_MEMORY = 49 };
#else
enum { LOG = 4 };
enum { GET_NAME = 27, NUM_TENSORS = 26, SHAPE_OF = 15, MODE = 19, NEW_CONFIG = 48, NEW_CONTEXT = 47 };
enum { SET_SHAPE = 20, SET_ADDRESS = 23, ENQUEUE = 36, MEMORY_FOR_SHAPES = 47, SET_MEMORY = 48 };
#endif
enum { DESERIALIZE = 3, SET_STRATEGY = 3, NEW_CACHE = 5, SET_CACHE = 6, SET_KERNELS = 8, SET_GRAPHS = 10 };
enum { CACHE_SERIALIZE = 2, CACHE_DESERIALIZE = 3, DATA = 2, SIZE = 3, TYPE = 4 };

#define ERROR 1
#define USER_MANAGED 2
#define BYTES 5 /* the type of numbers */
#define WORKSPACE 64 /* bytes for each pixel */
#define WEIGHTS (1 << 20)

typedef void (*Function)(void);
typedef struct {
    int32_t count;
    int64_t sizes[8];
} Shape;

/* What the bindings hold: a table of destructors, and behind it the object that does the work. */
typedef struct Outer {
    Function *destructors;
    void *inner;
} Outer;

static void *logger;

static void say(const char *text) {
    Function *table = *(Function **)logger;
    ((void (*)(void *, int, const char *))table[LOG])(logger, ERROR, text);
}

static void nothing(void) {}

static void missing(void) {
    fprintf(stderr, "TensorRT was asked for what has no stand-in\n");
    abort();
}

/* Every object begins with its table; `destroy` is called when the bindings let it go. */
typedef struct Object {
    Function *table;
    Outer outer;
    void (*destroy)(struct Object *);
} Object;

static void let_go(Outer *outer) {
    Object *object = outer->inner;
    stand_in_called("destroy");
    if (object->destroy) object->destroy(object);
    free(object);
}

static void *made(size_t bytes, Function *table) {
    static Function destructors[] = {nothing, (Function)let_go};
    Object *object = calloc(1, bytes);
    object->table = table;
    object->outer = (Outer){destructors, object};
    return object;
}

#define TABLE(name, ...) \
    static Function name[] = {[0 ... 63] = missing, __VA_ARGS__}
#define AT(place, function) [place] = (Function)function

/* -- what RTX keeps of kernels that it finished */

typedef struct {
    Object object;
    int shapes;
} Cache;

typedef struct {
    Object object;
    char text[64];
} Memory;

static const char *memory_data(Memory *self) { return self->text; }

static size_t memory_size(Memory *self) { return strlen(self->text); }

static int memory_type(Memory *self) { return BYTES; }

TABLE(memory_table, AT(DATA, memory_data), AT(SIZE, memory_size), AT(TYPE, memory_type));

static Outer *cache_serialize(Cache *self) {
    Memory *memory = made(sizeof *memory, memory_table);
    snprintf(memory->text, sizeof memory->text, "stand-in cache %d", self->shapes);
    return &memory->object.outer;
}

static int cache_deserialize(Cache *self, const char *data, size_t size) {
    char text[64] = "";
    memcpy(text, data, size < 63 ? size : 63);
    int read = sscanf(text, "stand-in cache %d", &self->shapes) == 1;
    if (!read) say("IRuntimeCache::deserialize: Error Code 3: API Usage Error (of another version)");
    return read;
}

TABLE(cache_table, AT(CACHE_SERIALIZE, cache_serialize), AT(CACHE_DESERIALIZE, cache_deserialize));

typedef struct {
    Object object;
    int strategy, graphs;
    Cache *cache;
} Config;

static void config_strategy(Config *self, int strategy) { self->strategy = strategy; }

static Outer *config_new_cache(Config *self) {
    Cache *cache = made(sizeof *cache, cache_table);
    return &cache->object.outer;
}

static int config_cache(Config *self, Outer *cache) {
    self->cache = cache->inner;
    return 1;
}

static int config_graphs(Config *self, int strategy) {
    self->graphs = strategy;
    return 1;
}

TABLE(config_table, AT(SET_STRATEGY, config_strategy), AT(NEW_CACHE, config_new_cache),
      AT(SET_CACHE, config_cache), AT(SET_KERNELS, nothing), AT(SET_GRAPHS, config_graphs));

/* -- engines and their contexts */

static const char *NAMES[] = {"image", "statistics", "keep", "image_out", "statistics_out"};
enum { IMAGE, STATISTICS, KEEP, PAINTING, STATISTICS_OUT, ALL };

static int place_of(const char *name) {
    int place = 0;
    while (place < ALL - 1 && strcmp(name, NAMES[place])) place++;
    return place;
}

typedef struct {
    Object object;
    int scale;
    int64_t smallest[3], largest[3], channels;
    void *weights;
} Engine;

typedef struct {
    Object object;
    Engine *engine;
    Cache *cache;
    Shape shape;
    void *addresses[ALL], *memory;
    int64_t size;
    int warm, busy;
} Context;

static void done(void *context) { ((Context *)context)->busy--; }

static void context_destroy(Object *object) {
    if (((Context *)object)->busy) {
        fprintf(stderr, "a context was let go while it painted\n");
        abort();
    }
}

static int engine_has(Engine *self, int place) {
    return self->channels || place == IMAGE || place == PAINTING;
}

static int64_t pixels(Context *self) {
    return self->shape.sizes[0] * self->shape.sizes[1] * self->shape.sizes[2];
}

static int context_shape(Context *self, const char *name, const Shape *shape) {
    int fits = shape->count == 4 && shape->sizes[3] == 3;
    for (int axis = 0; fits && axis < 3; axis++)
        fits = shape->sizes[axis] >= self->engine->smallest[axis] &&
               shape->sizes[axis] <= self->engine->largest[axis];
    if (!fits) say("IExecutionContext::setInputShape: Error Code 3: API Usage Error (no such size)");
    else self->shape = *shape;
    return fits;
}

static int context_address(Context *self, const char *name, void *address) {
    self->addresses[place_of(name)] = address;
    return 1;
}

static size_t context_needs(Context *self) { return pixels(self) * WORKSPACE; }

static void context_memory(Context *self, void *memory, int64_t size) {
    self->memory = memory;
    self->size = size;
}

static int context_enqueue(Context *self, Stream *stream) {
    int failed = stand_in_called("enqueue");
    char text[256];
    if (failed) {
        snprintf(text, sizeof text, "IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (%s)",
                 stand_in_message(failed));
        say(text);
        return 0;
    }
    int there = self->size >= (int64_t)context_needs(self);
    for (int place = 0; place < ALL; place++)
        there &= self->addresses[place] || !engine_has(self->engine, place);
    if (!there) {
        say("IExecutionContext::enqueueV3: Error Code 3: API Usage Error (memory is not all there)");
        return 0;
    }
    if (!self->warm && stand_in_capturing(stream)) {
        say("IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (operation not permitted "
            "when stream is capturing)");
        return 0;
    }
    if (!self->warm && self->cache) self->cache->shapes++;
    self->warm = 1;
    stand_in_fill(self->memory, 0x5A, context_needs(self), stream);
    void **at = self->addresses;
    stand_in_copy(at[PAINTING], at[IMAGE], pixels(self) * 3, DEVICE_TO_DEVICE, stream);
    if (self->engine->channels)
        stand_in_copy(at[STATISTICS_OUT], at[STATISTICS], self->engine->channels * 2 * sizeof(float),
                      DEVICE_TO_DEVICE, stream);
    if (!stand_in_capturing(stream)) {
        self->busy++;
        stand_in_call(stream, done, self);
    }
    return 1;
}

TABLE(context_table, AT(SET_SHAPE, context_shape), AT(SET_ADDRESS, context_address),
      AT(MEMORY_FOR_SHAPES, context_needs), AT(SET_MEMORY, context_memory),
      AT(ENQUEUE, context_enqueue));

static Outer *engine_context(Engine *self, Outer *config) {
    Config *given = config->inner;
    if (stand_in_called("context") || given->strategy != USER_MANAGED) {
        say("ICudaEngine::createExecutionContext: Error Code 1: Cuda Runtime (out of memory)");
        return NULL;
    }
    if (given->graphs) stand_in_called("context that captures graphs");
    Context *context = made(sizeof *context, context_table);
    context->engine = self;
    context->cache = given->cache;
    context->object.destroy = context_destroy;
    return &context->object.outer;
}

static Outer *engine_config(Engine *self) {
    Config *config = made(sizeof *config, config_table);
    return &config->object.outer;
}

static int engine_tensors(Engine *self) {
    return stand_in_number("STAND_IN_TENSORS", self->channels ? ALL : 2);
}

static const char *engine_name(Engine *self, int index) {
    return NAMES[self->channels ? index : index ? PAINTING : IMAGE];
}

static int engine_mode(Engine *self, const char *name) { return place_of(name) < PAINTING ? 1 : 2; }

static Shape engine_shape(Engine *self, const char *name) {
    int place = place_of(name);
    if (place == KEEP) return (Shape){1, {1}};
    if (place == STATISTICS || place == STATISTICS_OUT) return (Shape){3, {1, 2, self->channels}};
    return (Shape){4, {-1, -1, -1, 3}};
}

TABLE(engine_table, AT(NUM_TENSORS, engine_tensors), AT(GET_NAME, engine_name),
      AT(SHAPE_OF, engine_shape), AT(MODE, engine_mode), AT(NEW_CONFIG, engine_config),
      AT(NEW_CONTEXT, engine_context));

static void engine_destroy(Object *object) { stand_in_release(((Engine *)object)->weights, DEVICE); }

static Outer *deserialize(Object *self, const char *data, size_t size) {
    char text[256] = "";
    memcpy(text, data, size < 255 ? size : 255);
    int failed = stand_in_called("deserialize");
    if (failed) {
        char why[256];
        snprintf(why, sizeof why, "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (%s)",
                 stand_in_message(failed));
        say(why);
        return NULL;
    }
    Engine *engine = made(sizeof *engine, engine_table);
    int64_t *low = engine->smallest, *high = engine->largest;
    int read = sscanf(text, "stand-in engine %d %ld %ld %ld %ld %ld %ld %ld", &engine->scale, low,
                      low + 1, low + 2, high, high + 1, high + 2, &engine->channels);
    if (read < 7) {
        say("IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion "
            "magicTagRead == kMAGIC_TAG failed.Magic tag does not match)");
        free(engine);
        return NULL;
    }
    if (stand_in_take(&engine->weights, WEIGHTS, DEVICE)) {
        say("IRuntime::deserializeCudaEngine: Error Code 2: OutOfMemory (Requested size was 1048576 "
            "bytes.)");
        free(engine);
        return NULL;
    }
    engine->object.destroy = engine_destroy;
    return &engine->object.outer;
}

TABLE(run_time_table, AT(DESERIALIZE, deserialize));

/* -- the C functions that the bindings are linked to */

Outer *createInferRuntime_INTERNAL(void *given, int32_t version) {
    logger = given;
    if (stand_in_called("runtime")) {
        say("createInferRuntime: Error Code 6: API Usage Error (CUDA initialization failure with "
            "error: 35)");
        return NULL;
    }
    Object *run_time = made(sizeof *run_time, run_time_table);
    return &run_time->outer;
}

void *createInferBuilder_INTERNAL(void *given, int32_t version) { return NULL; }

void *createInferRefitter_INTERNAL(void *engine, void *given, int32_t version) { return NULL; }

void *createNvOnnxParser_INTERNAL(void *network, void *given, int32_t version) { return NULL; }

void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *given, int32_t version) {
    return NULL;
}

void *getPluginRegistry(void) { return NULL; }

void *getBuilderPluginRegistry(int32_t capability) { return NULL; }

void *getLogger(void) { return NULL; }

int32_t getInferLibVersion(void) { return 0; }

int32_t getNvOnnxParserVersion(void) { return 0; }

int initLibNvInferPlugins(void *given, const char *names) { return 0; }
