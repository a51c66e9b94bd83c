/* libcudnn.so.9: descriptors and plans, no arithmetic. */
#include "stand_in.h"

static int nothing;
enum { INTEGER_64 = 3, INTEGER_32 = 23, RESULTS = 202 }; /* of cudnnBackendAttribute…_t */

#define MADE(name)            \
    int name(void **made) {   \
        CALLED;               \
        *made = &nothing;     \
        return 0;             \
    }
MADE(cudnnCreate)
MADE(cudnnCreateTensorDescriptor)
MADE(cudnnCreateActivationDescriptor)
MADE(cudnnCreateReduceTensorDescriptor)
MADE(cudnnCreateConvolutionDescriptor)
MADE(cudnnCreateFilterDescriptor)

size_t cudnnGetVersion(void) { return 92800; }

const char *cudnnGetErrorString(int code) { return stand_in_message(code); }

void cudnnGetLastErrorString(char *text, size_t length) {
    if (length) *text = 0;
}

int cudnnBackendCreateDescriptor(int kind, void **made) {
    CALLED;
    *made = &nothing;
    return 0;
}

/* One engine without knobs or notes, which needs no memory: what is asked for is none or 0. */
int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t asked, int64_t *count,
                             void *values) {
    CALLED;
    if (count) *count = name == RESULTS || type == INTEGER_64 || type == INTEGER_32;
    if (values && asked > 0 && type == INTEGER_64) memset(values, 0, sizeof(int64_t));
    if (values && asked > 0 && type == INTEGER_32) memset(values, 0, sizeof(int32_t));
    return 0;
}
