/* What the stand-ins for TensorRT and for its ONNX parser share.
 *
 * Behind its C functions TensorRT is a set of C++ classes. What a program gets is an object with a
 * pointer to another one, on whose table of functions everything is called; places in the tables
 * follow from the order of declaration in TensorRT 10's public headers. The parser has its own
 * functions in its table. What has no function here does nothing and gives 0.
 */
#pragma once
#include "stand_in.h"

#include <stdbool.h>

#define VERSION 101601 /* 10.16.1 */
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

static inline intptr_t nothing(void) { return 0; }
static inline bool yes(void) { return true; }

#define TABLE(name) static void *const name[64]
#define NOTHING [0 ... 63] = nothing

/* An object that a program gets, and behind it one with these functions; a tensor of a network. */
Object *stand_in_made(void *const *functions);
Object *stand_in_tensor(void);
