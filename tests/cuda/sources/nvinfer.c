/* libnvinfer.so.10, as far as ONNX Runtime's TensorRT provider asks for it.
 *
 * An "engine" is a line for each tensor that a model takes or gives. Painting with one copies every
 * tensor X to X_out, on the stream that is given.
 */
#include "tensorrt.h"

#define MAGIC "an engine of the stand-ins\n"

TABLE(plain) = {NOTHING};

/* Python's bindings look for the type of what they get before its table of functions. */
static void *const untyped[2 + 64] = {[2 ... 65] = nothing};

Object *stand_in_made(void *const *functions) {
    Object *front = calloc(1, sizeof *front), *behind = calloc(1, sizeof *behind);
    front->functions = untyped + 2;
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
    Object *object = stand_in_made(memory);
    object->behind->memory = strdup(text);
    object->behind->bytes = strlen(text);
    return object;
}

/* tensors of a network */
static const char *tensor_name(Object *self) { return self->name; }
static Shape tensor_shape(Object *self) { return self->shape; }
static int32_t tensor_type(Object *self) { return self->type; }
TABLE(tensor) = {NOTHING, [3] = tensor_name, [5] = tensor_shape, [7] = tensor_type};

Object *stand_in_tensor(void) { return stand_in_made(tensor); }

/* networks */
static int32_t network_inputs(Object *self) { return self->count[INPUT]; }
static int32_t network_outputs(Object *self) { return self->count[OUTPUT]; }
static Object *network_input(Object *self, int32_t index) { return self->tensors[INPUT][index]; }
static Object *network_output(Object *self, int32_t index) { return self->tensors[OUTPUT][index]; }
TABLE(network) = {
    NOTHING, [14] = network_inputs, [15] = network_input, [16] = network_outputs,
    [17] = network_output,
};

/* timing caches */
static Object *timing_serialize(Object *self) { return written("a timing cache\n"); }
TABLE(timing) = {NOTHING, [2] = timing_serialize};

/* configurations and profiles */
static Object *config_timing(Object *self, const void *data, size_t size) { return stand_in_made(timing); }
static Object *config_its_timing(Object *self) { return stand_in_made(timing); }
TABLE(config) = {NOTHING, [40] = config_timing, [41] = yes, [42] = config_its_timing};
TABLE(profile) = {NOTHING, [2] = yes, [4] = yes, [9] = yes};

/* builders */
static Object *builder_config(Object *self) { return stand_in_made(config); }
static Object *builder_network(Object *self, uint32_t flags) {
    char call[40];
    snprintf(call, sizeof call, "createNetworkV2 with flags %u", flags);
    stand_in_called(call);
    return stand_in_made(network);
}
static Object *builder_profile(Object *self) { return stand_in_made(profile); }
static void *builder_logger(Object *self) { return logger; }

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
    [14] = builder_build, [16] = builder_logger,
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
    Object *object = stand_in_made(context);
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
    Object *object = stand_in_made(engine);
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

int32_t getInferLibVersion(void) { return VERSION; }

void *createInferBuilder_INTERNAL(void *log, int32_t version) {
    logger = log;
    return stand_in_made(builder);
}

void *createInferRuntime_INTERNAL(void *log, int32_t version) {
    logger = log;
    return stand_in_made(runtime);
}

void *createInferRefitter_INTERNAL(void *engine, void *log, int32_t version) { return NULL; }

void *getPluginRegistry(void) { return stand_in_made(plain); }

void *getBuilderPluginRegistry(int32_t capability) { return stand_in_made(plain); }

void *getLogger(void) { return logger; }

bool initLibNvInferPlugins(void *log, const char *names) { return true; }
