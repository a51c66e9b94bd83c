/* libnvonnxparser.so.10, as far as ONNX Runtime's TensorRT provider asks for it.
 *
 * It reads what a model takes and gives, and its number of nodes, from its protocol buffer. Every
 * model is taken whole, or as many of its nodes as STAND_IN_NODES says.
 */
#include "tensorrt.h"

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
    Object *object = stand_in_tensor(), *self = object->behind;
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

int32_t getNvOnnxParserVersion(void) { return VERSION; }

void *createNvOnnxParser_INTERNAL(Object *network, void *log, int32_t version) {
    Object *object = calloc(1, sizeof *object);
    object->functions = parser;
    object->behind = network;
    return object;
}

void *createNvOnnxParserRefitter_INTERNAL(void *refitter, void *log, int32_t version) {
    return NULL;
}
