/* libnvinfer.so.10 and its ONNX parser, as far as ONNX Runtime's TensorRT provider asks for them.
 *
 * Behind its C functions TensorRT is a set of C++ classes. What a program gets is an object with a
 * pointer to another one, on whose table of functions everything is called; places in the tables
 * follow from the order of declaration in TensorRT 10's public headers. The parser has its own
 * functions in its table. What has no function here does nothing and gives 0.
 *
 * An "engine" is a line for each tensor that a model takes or gives. Painting with one copies every
 * tensor X to X_out, on the stream that is given, and checks what it is called with. Every model is
 * taken whole, or as many of its nodes as STAND_IN_NODES says.
 */
#include "stand_in.h"

#include <stdbool.h>

#define VERSION 101601 /* 10.16.1 */
#define MAGIC "an engine of the stand-ins\n"
#define DYNAMIC (-1)
#define MOST 8 /* tensors of one kind */
enum { INPUT, OUTPUT };

typedef struct {
    int32_t count;
    int64_t size[8];
} Shape;

typedef struct Object {
    void *const *functions;
    struct Object *behind;
    char name[64];
    int32_t type;
    Shape shape;
    void *memory; /* what a tensor lies in, or TensorRT hands out */
    size_t bytes;
    struct Object *tensors[2][MOST]; /* of a network, an engine and a context */
    int32_t count[2];
    int64_t nodes;
} Object;

static intptr_t nothing(void) { return 0; }

#define TABLE(name) static void *const name[64]
#define NOTHING [0 ... 63] = nothing
TABLE(plain) = {NOTHING};

static Object *made(void *const *functions) {
    Object *front = calloc(1, sizeof *front), *behind = calloc(1, sizeof *behind);
    front->functions = plain;
    front->behind = behind;
    behind->functions = functions;
    return front;
}

/* The logger's first function takes a severity, of which 1 is an error. */
static void *logger;
static void complain(const char *text) {
    void (*log)(void *, int32_t, const char *) = (*(void ***)logger)[0];
    log(logger, 1, text);
}

/* memory that TensorRT hands out */
static void *memory_data(Object *self) { return self->memory; }
static size_t memory_size(Object *self) { return self->bytes; }
TABLE(memory) = {NOTHING, [2] = memory_data, [3] = memory_size};

static Object *written(const char *text) {
    Object *object = made(memory);
    object->behind->memory = strdup(text);
    object->behind->bytes = strlen(text);
    return object;
}

/* tensors of a network */
static const char *tensor_name(Object *self) { return self->name; }
static Shape tensor_shape(Object *self) { return self->shape; }
static int32_t tensor_type(Object *self) { return self->type; }
TABLE(tensor) = {NOTHING, [3] = tensor_name, [5] = tensor_shape, [7] = tensor_type};

/* networks */
static int32_t network_inputs(Object *self) { return self->count[INPUT]; }
static int32_t network_outputs(Object *self) { return self->count[OUTPUT]; }
static Object *network_input(Object *self, int32_t index) { return self->tensors[INPUT][index]; }
static Object *network_output(Object *self, int32_t index) { return self->tensors[OUTPUT][index]; }
TABLE(network) = {
    NOTHING, [14] = network_inputs, [15] = network_input, [16] = network_outputs,
    [17] = network_output,
};

static bool yes(void) { return true; }

/* timing caches */
static Object *timing_serialize(Object *self) { return written("a timing cache\n"); }
TABLE(timing) = {NOTHING, [2] = timing_serialize};

/* configurations and profiles */
static Object *config_timing(Object *self, const void *data, size_t size) { return made(timing); }
static Object *config_its_timing(Object *self) { return made(timing); }
TABLE(config) = {NOTHING, [40] = config_timing, [41] = yes, [42] = config_its_timing};
TABLE(profile) = {NOTHING, [2] = yes, [4] = yes, [9] = yes};

/* builders */
static Object *builder_config(Object *self) { return made(config); }
static Object *builder_network(Object *self, uint32_t flags) {
    stand_in_called(flags ? "createNetworkV2 with flags" : "createNetworkV2");
    return made(network);
}
static Object *builder_profile(Object *self) { return made(profile); }

static Object *builder_build(Object *self, Object *network, Object *config) {
    if (stand_in_called("buildSerializedNetwork")) {
        complain("Error Code 2: OutOfMemory (Requested size was 20135686 bytes.)");
        return NULL;
    }
    char text[4096] = MAGIC;
    for (int way = INPUT; way <= OUTPUT; way++)
        for (int index = 0; index < network->behind->count[way]; index++) {
            Object *one = network->behind->tensors[way][index]->behind;
            size_t length = strlen(text);
            snprintf(text + length, sizeof text - length, "%d %s %d %d\n", way, one->name, one->type,
                     one->shape.count);
        }
    return written(text);
}
TABLE(builder) = {
    NOTHING, [2] = yes, [3] = yes, [7] = builder_config, [8] = builder_network, [9] = builder_profile,
    [14] = builder_build,
};

/* engines and contexts: what lies where, in what shape */
static Object *found(Object *self, const char *name, int *way) {
    int ignored;
    for (way = way ? way : &ignored, *way = INPUT; *way <= OUTPUT; ++*way)
        for (int index = 0; index < self->count[*way]; index++)
            if (!strcmp(self->tensors[*way][index]->name, name)) return self->tensors[*way][index];
    fprintf(stderr, "the stand-in engine has no %s\n", name);
    abort();
}

/* The one that is copied to an output: "image" to "image_out". */
static Object *source_of(Object *self, const Object *output) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(strlen(output->name) - strlen("_out")), output->name);
    return found(self, name, NULL);
}

static bool context_set_shape(Object *self, const char *name, const Shape *shape) {
    found(self, name, NULL)->shape = *shape;
    return true;
}

static Shape context_shape(Object *self, const char *name) {
    int way;
    Object *tensor = found(self, name, &way);
    return (way == OUTPUT ? source_of(self, tensor) : tensor)->shape;
}

static bool context_set_address(Object *self, const char *name, void *address) {
    found(self, name, NULL)->memory = address;
    return true;
}

static bool context_enqueue(Object *self, Stream *stream) {
    static const size_t width[] = {4, 2, 1, 4, 1, 1}; /* of a number of each type */
    if (stand_in_called("enqueueV3")) return false;
    for (int index = 0; index < self->count[OUTPUT]; index++) {
        Object *to = self->tensors[OUTPUT][index], *from = source_of(self, to);
        size_t bytes = width[from->type];
        for (int axis = 0; axis < from->shape.count; axis++) bytes *= from->shape.size[axis];
        if (stand_in_copy(to->memory, from->memory, bytes, DEVICE_TO_DEVICE, stream)) return false;
    }
    return true;
}
TABLE(context) = {
    NOTHING, [17] = yes, [21] = context_set_shape, [22] = context_shape,
    [24] = context_set_address, [26] = context_set_address, [27] = context_set_address,
    [37] = context_enqueue,
};

static Object *engine_serialize(Object *self) { return written(self->memory); }

static Object *engine_context(Object *self, int32_t strategy) {
    Object *object = made(context);
    for (int way = INPUT; way <= OUTPUT; way++)
        for (int index = 0; index < self->count[way]; index++) {
            Object *copy = object->behind->tensors[way][index] = calloc(1, sizeof *copy);
            *copy = *self->tensors[way][index];
            object->behind->count[way]++;
        }
    return object;
}

static int32_t engine_type(Object *self, const char *name) { return found(self, name, NULL)->type; }

static int32_t engine_way(Object *self, const char *name) {
    int way;
    found(self, name, &way);
    return way == INPUT ? 1 : 2;
}

static int32_t engine_tensors(Object *self) { return self->count[INPUT] + self->count[OUTPUT]; }

static const char *engine_tensor(Object *self, int32_t index) {
    int way = index >= self->count[INPUT];
    return self->tensors[way][index - (way ? self->count[INPUT] : 0)]->name;
}
TABLE(engine) = {
    NOTHING, [4] = engine_serialize, [5] = engine_context, [20] = engine_type, [23] = engine_way,
    [30] = engine_tensors, [31] = engine_tensor,
};

/* run times */
static Object *runtime_deserialize(Object *self, const void *data, size_t bytes) {
    if (bytes < strlen(MAGIC) || memcmp(data, MAGIC, strlen(MAGIC))) {
        complain("Error Code 1: Serialization (Magic tag does not match)");
        return NULL;
    }
    Object *object = made(engine);
    char *text = object->behind->memory = strndup(data, bytes);
    for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        Object *one = calloc(1, sizeof *one);
        int way;
        sscanf(line, "%d %63s %d %d", &way, one->name, &one->type, &one->shape.count);
        object->behind->tensors[way][object->behind->count[way]++] = one;
    }
    return object;
}
TABLE(runtime) = {NOTHING, [3] = runtime_deserialize};

/* the parser: what a model takes and gives, and its number of nodes, from its protocol buffer */
typedef struct {
    const uint8_t *at, *end;
} Bytes;

static uint64_t number(Bytes *bytes) {
    uint64_t value = 0;
    for (int shift = 0; bytes->at < bytes->end; shift += 7) {
        uint8_t byte = *bytes->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) break;
    }
    return value;
}

/* The next field: its number, and what is in it; 0 at the end. */
static uint64_t field(Bytes *bytes, Bytes *inside, uint64_t *value) {
    if (bytes->at >= bytes->end) return 0;
    uint64_t key = number(bytes);
    if ((key & 7) == 0) *value = number(bytes);
    else {
        uint64_t length = (key & 7) == 2 ? number(bytes) : (key & 7) == 1 ? 8 : 4;
        *inside = (Bytes){bytes->at, bytes->at + length};
        bytes->at += length;
    }
    return key >> 3;
}

/* The content of the first field of that number. */
static Bytes inside_of(Bytes bytes, uint64_t wanted) {
    Bytes inside = {0};
    uint64_t value, found;
    while ((found = field(&bytes, &inside, &value)) && found != wanted) {}
    return found ? inside : (Bytes){0};
}

static Object *described(Bytes info) {
    Object *object = made(tensor), *self = object->behind;
    Bytes name = inside_of(info, 1), one_size;
    memcpy(self->name, name.at, name.end - name.at);
    Bytes type = inside_of(inside_of(info, 2), 1), sizes = inside_of(type, 2);
    uint64_t value = 0;
    while (field(&type, &one_size, &value) > 1) {}
    self->type = value == 2 ? 5 : value == 10; /* uint8, half precision, float32 */
    while (field(&sizes, &one_size, &value)) {
        int64_t *size = &self->shape.size[self->shape.count++];
        *size = DYNAMIC;
        for (Bytes rest = one_size, text; rest.at < rest.end;)
            if (field(&rest, &text, &value) == 1) *size = value;
    }
    return object;
}

static void read_model(Object *into, const void *data, size_t bytes) {
    Bytes graph = inside_of((Bytes){data, (const uint8_t *)data + bytes}, 7), inside;
    uint64_t found, value;
    into->nodes = into->count[INPUT] = into->count[OUTPUT] = 0;
    while ((found = field(&graph, &inside, &value))) {
        into->nodes += found == 1;
        if (found != 11 && found != 12) continue;
        int way = found == 11 ? INPUT : OUTPUT;
        into->tensors[way][into->count[way]++] = described(inside);
    }
}

static bool parser_parse(Object *self, const void *data, size_t bytes, const char *path) {
    read_model(self->behind->behind, data, bytes);
    return true;
}

static bool parser_supports(Object *self, const void *data, size_t bytes, const char *path) {
    read_model(self, data, bytes);
    int64_t limit = stand_in_number("STAND_IN_NODES", 1 << 30);
    bool whole = self->nodes <= limit;
    if (!whole) self->nodes = limit;
    return whole;
}

static int64_t parser_subgraphs(Object *self) { return self->nodes > 0; }

static int64_t *parser_nodes(Object *self, int64_t index, int64_t *count) {
    int64_t *numbers = calloc(self->nodes + 1, sizeof *numbers);
    for (int64_t node = 0; node < self->nodes; node++) numbers[node] = node;
    *count = self->nodes;
    return numbers;
}
TABLE(parser) = {
    NOTHING, [0] = parser_parse, [17] = parser_supports, [18] = parser_subgraphs, [19] = yes,
    [20] = parser_nodes,
};

int32_t getInferLibVersion(void) { return VERSION; }

int32_t getNvOnnxParserVersion(void) { return VERSION; }

void *createInferBuilder_INTERNAL(void *log, int32_t version) {
    logger = log;
    return made(builder);
}

void *createInferRuntime_INTERNAL(void *log, int32_t version) {
    logger = log;
    return made(runtime);
}

void *createNvOnnxParser_INTERNAL(Object *network, void *log, int32_t version) {
    Object *object = calloc(1, sizeof *object);
    object->functions = parser;
    object->behind = network;
    return object;
}

void *createInferRefitter_INTERNAL(void *engine, void *log, int32_t version) { return NULL; }

void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *log, int32_t version) {
    return NULL;
}

void *getPluginRegistry(void) { return made(plain); }

bool initLibNvInferPlugins(void *log, const char *names) { return true; }
