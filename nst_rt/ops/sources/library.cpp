// The three operators, as ONNX Runtime asks for them: domain "nst_rt", version 1.
#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "launch.h"
#include "onnxruntime_abi.h"

namespace {

const OrtApi* api;

struct Failure {
    Status status;
};

void check(Status status) {
    if (status) throw Failure{status};
}

struct Input {
    const void* data;
    std::array<int64_t, 4> shape;  // of a shorter one the rest is 0
};

struct Context {
    OrtKernelContext* raw;

    size_t inputs() const {
        size_t count;
        check(api->call(place::kernel_context_get_input_count, raw, &count));
        return count;
    }

    // An input that is left out has no data.
    Input input(size_t index) const {
        const OrtValue* value = nullptr;
        check(api->call(place::kernel_context_get_input, raw, index, &value));
        Input found = {};
        if (!value) return found;
        OrtTensorTypeAndShapeInfo* info;
        check(api->call(place::get_tensor_type_and_shape, value, &info));
        size_t rank;
        Status status = api->call(place::get_dimensions_count, info, &rank);
        if (!status && rank <= found.shape.size())
            status = api->call(place::get_dimensions, info, found.shape.data(), rank);
        api->call(place::release_tensor_type_and_shape_info, info);
        check(status);
        void* data;
        check(api->call(place::get_tensor_mutable_data, value, &data));
        found.data = data;
        return found;
    }

    template <typename T>
    T* output(size_t index, std::initializer_list<int64_t> shape) const {
        OrtValue* value;
        const int64_t* sizes = shape.begin();
        check(api->call(place::kernel_context_get_output, raw, index, sizes, shape.size(), &value));
        void* data;
        check(api->call(place::get_tensor_mutable_data, value, &data));
        return static_cast<T*>(data);
    }

    void* stream() const {
        void* stream = nullptr;
        if (std::string(PROVIDER) == "CUDAExecutionProvider")
            check(api->call(place::kernel_context_get_gpu_compute_stream, raw, &stream));
        return stream;
    }

    template <typename Task>
    void run(const Task& task, int64_t batch) const {
        if (const char* complaint = launch(task, batch, stream()))
            throw std::runtime_error(complaint);
    }
};

struct Attributes {
    const OrtKernelInfo* raw;

    int64_t whole(const char* name) const {
        int64_t value;
        check(api->call(place::kernel_info_get_attribute_int64, raw, name, &value));
        return value;
    }
    float number(const char* name) const {
        float value;
        check(api->call(place::kernel_info_get_attribute_float, raw, name, &value));
        return value;
    }
};

// image → the padded picture that the first convolution takes
struct BeginKernel {
    static constexpr const char* NAME = "Begin";
    static constexpr ElementType INPUTS[] = {UINT8}, OUTPUTS[] = {FLOAT16};
    static constexpr size_t OPTIONAL_FROM = 1;
    int pad, multiple, least;

    explicit BeginKernel(const Attributes& given)
        : pad(given.whole("pad")), multiple(given.whole("multiple")), least(given.whole("least")) {}

    void compute(const Context& context) const {
        Input image = context.input(0);
        auto [n, height, width, colours] = image.shape;
        if (colours != 3) throw std::runtime_error("Begin takes N×H×W×3");
        Begin task = {};
        task.image = static_cast<const uint8_t*>(image.data);
        task.height = height, task.width = width, task.pad = pad;
        task.inside_h = inside(height), task.inside_w = inside(width);
        task.out = context.output<Vector>(0, {n, task.out_h(), task.out_w(), VECTOR});
        context.run(task, n);
    }

    int inside(int64_t size) const {
        return std::max<int64_t>((size + multiple - 1) / multiple * multiple, least);
    }
};

// what a convolution gave, scale, bias, and an earlier layer to add, or not → normalized; the two
// other outputs are memory to work in
struct NormalizeKernel {
    static constexpr const char* NAME = "Normalize";
    static constexpr ElementType INPUTS[] = {FLOAT16, FLOAT, FLOAT, FLOAT16};
    static constexpr ElementType OUTPUTS[] = {FLOAT16, FLOAT, FLOAT};
    static constexpr size_t OPTIONAL_FROM = 3;
    static constexpr int MOST_PARTS = 528;  // four blocks for each processor of a large GPU
    Normalize task = {};

    explicit NormalizeKernel(const Attributes& given) {
        task.shuffle = given.whole("shuffle"), task.crop = given.whole("crop");
        task.pad = given.whole("pad"), task.residual_pad = given.whole("residual_pad");
        task.edge = static_cast<Edge>(given.whole("edge"));
        task.relu = given.whole("relu"), task.epsilon = given.number("epsilon");
        if (task.shuffle != 1 && task.shuffle != 2)
            throw std::runtime_error("Normalize shuffles by 1 or 2");
    }

    void compute(const Context& context) const {
        Normalize here = task;
        Input in = context.input(0), scale = context.input(1), bias = context.input(2), residual = {};
        if (context.inputs() > 3) residual = context.input(3);
        auto [n, height, width, channels] = in.shape;
        here.in = static_cast<const Vector*>(in.data);
        here.scale = static_cast<const float*>(scale.data);
        here.bias = static_cast<const float*>(bias.data);
        here.residual = static_cast<const Vector*>(residual.data);
        here.height = height, here.width = width;
        here.channels = channels / (here.shuffle * here.shuffle);
        int vectors = here.vectors();
        if (here.channels % VECTOR || vectors & (vectors - 1) || vectors < 1 || vectors > 32)
            throw std::runtime_error("Normalize takes 8, 16, 32, 64, 128 or 256 channels");
        if (here.inside_h() <= here.pad || here.inside_w() <= here.pad)
            throw std::runtime_error("Normalize takes no picture that is smaller than its edge");
        here.parts = std::min(here.inside_h(), MOST_PARTS);
        here.out = context.output<Vector>(0, {n, here.out_h(), here.out_w(), here.channels});
        here.partial = context.output<float>(1, {n, here.parts, 2, here.channels});
        here.affine = context.output<float>(2, {n, 2, here.channels});
        context.run(here, n);
    }
};

// what the last convolution gave, bias, and the image for its size → the painting
struct FinishKernel {
    static constexpr const char* NAME = "Finish";
    static constexpr ElementType INPUTS[] = {FLOAT16, FLOAT, UINT8}, OUTPUTS[] = {UINT8};
    static constexpr size_t OPTIONAL_FROM = 3;

    explicit FinishKernel(const Attributes&) {}

    void compute(const Context& context) const {
        Input in = context.input(0), bias = context.input(1), image = context.input(2);
        Finish task = {};
        task.in = static_cast<const Half*>(in.data);
        task.bias = static_cast<const float*>(bias.data);
        task.in_h = in.shape[1], task.in_w = in.shape[2];
        task.height = image.shape[1], task.width = image.shape[2];
        if (in.shape[3] != Finish::STRIDE || task.in_h * Finish::SHUFFLE < task.height ||
            task.in_w * Finish::SHUFFLE < task.width)
            throw std::runtime_error("Finish takes 16 channels, and half as many pixels a side");
        task.image = context.output<uint8_t>(0, {in.shape[0], task.height, task.width, 3});
        context.run(task, in.shape[0]);
    }
};

Status told(const char* what) { return api->call(place::create_status, /* FAIL */ 1, what); }

template <typename Work>
Status guarded(Work work) {
    try {
        work();
    } catch (const Failure& failure) {
        return failure.status;
    } catch (const std::exception& error) {
        return told(error.what());
    }
    return nullptr;
}

template <typename Kernel>
struct Operator : OrtCustomOp {
    Operator() {
        name = [](const OrtCustomOp*) { return Kernel::NAME; };
        provider = [](const OrtCustomOp*) { return PROVIDER; };
        input_type = [](const OrtCustomOp*, size_t index) { return Kernel::INPUTS[index]; };
        inputs = [](const OrtCustomOp*) { return std::size(Kernel::INPUTS); };
        output_type = [](const OrtCustomOp*, size_t index) { return Kernel::OUTPUTS[index]; };
        outputs = [](const OrtCustomOp*) { return std::size(Kernel::OUTPUTS); };
        destroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
        input_presence = [](const OrtCustomOp*, size_t index) {
            return index < Kernel::OPTIONAL_FROM ? REQUIRED : OPTIONAL;
        };
        output_presence = [](const OrtCustomOp*, size_t) { return REQUIRED; };
        input_memory = [](const OrtCustomOp*, size_t) { return DEVICE_MEMORY; };
        variadic_input_least = variadic_input_alike = [](const OrtCustomOp*) { return 1; };
        variadic_output_least = variadic_output_alike = [](const OrtCustomOp*) { return 1; };
        create_kernel_v2 = [](const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info,
                              void** kernel) {
            return guarded([&] { *kernel = new Kernel(Attributes{info}); });
        };
        compute_v2 = [](void* kernel, OrtKernelContext* context) {
            return guarded([&] { static_cast<Kernel*>(kernel)->compute(Context{context}); });
        };
    }
};

}  // namespace

extern "C" Status RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
    static const Operator<BeginKernel> begin;
    static const Operator<NormalizeKernel> normalize;
    static const Operator<FinishKernel> finish;
    api = base->get_api(API_VERSION);
    return guarded([&] {
        OrtCustomOpDomain* domain;  // the session's for as long as it lives
        check(api->call(place::create_custom_op_domain, "nst_rt", &domain));
        for (const OrtCustomOp* one : std::initializer_list<const OrtCustomOp*>{&begin, &normalize, &finish})
            check(api->call(place::custom_op_domain_add, domain, one));
        check(api->call(place::add_custom_op_domain, options, domain));
    });
}
