// The part of ONNX Runtime's C interface that custom operators need. Its table of functions only
// ever grows at the end, so a function is known by its place; a build needs no header of theirs.
#pragma once
#include <cstddef>
#include <cstdint>

struct OrtStatus;
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtValue;
struct OrtTensorTypeAndShapeInfo;
using Status = OrtStatus*;

struct OrtApi {
    void* functions[194];

    template <typename... Arguments>
    Status call(int place, Arguments... arguments) const {
        return reinterpret_cast<Status (*)(Arguments...)>(functions[place])(arguments...);
    }
};

struct OrtApiBase {
    const OrtApi* (*get_api)(uint32_t version);
    const char* (*version)();
};

namespace place {
enum {
    create_status = 0,
    create_custom_op_domain = 26,
    custom_op_domain_add = 27,
    add_custom_op_domain = 28,
    get_tensor_mutable_data = 51,
    get_dimensions_count = 61,
    get_dimensions = 62,
    get_tensor_type_and_shape = 65,
    kernel_info_get_attribute_float = 85,
    kernel_info_get_attribute_int64 = 86,
    kernel_context_get_input_count = 88,
    kernel_context_get_input = 90,
    kernel_context_get_output = 91,
    release_tensor_type_and_shape_info = 99,
    kernel_context_get_gpu_compute_stream = 193,
};
}

constexpr uint32_t API_VERSION = 16;  // ONNX Runtime 1.16 or later, the first with create_kernel_v2
enum ElementType { FLOAT = 1, UINT8 = 2, FLOAT16 = 10 };
enum Presence { REQUIRED = 0, OPTIONAL = 1 };
constexpr int DEVICE_MEMORY = 0;

// Theirs, field by field.
struct OrtCustomOp {
    uint32_t version = API_VERSION;
    void* (*create_kernel)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*) = nullptr;
    const char* (*name)(const OrtCustomOp*);
    const char* (*provider)(const OrtCustomOp*);
    ElementType (*input_type)(const OrtCustomOp*, size_t);
    size_t (*inputs)(const OrtCustomOp*);
    ElementType (*output_type)(const OrtCustomOp*, size_t);
    size_t (*outputs)(const OrtCustomOp*);
    void (*compute)(void*, OrtKernelContext*) = nullptr;
    void (*destroy)(void*);
    Presence (*input_presence)(const OrtCustomOp*, size_t);
    Presence (*output_presence)(const OrtCustomOp*, size_t);
    int (*input_memory)(const OrtCustomOp*, size_t);
    int (*variadic_input_least)(const OrtCustomOp*);
    int (*variadic_input_alike)(const OrtCustomOp*);
    int (*variadic_output_least)(const OrtCustomOp*);
    int (*variadic_output_alike)(const OrtCustomOp*);
    Status (*create_kernel_v2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*, void**);
    Status (*compute_v2)(void*, OrtKernelContext*);
};
