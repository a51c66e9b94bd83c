/* Stands in for the three libraries of TensorRT that its Python bindings are linked to.
 *
 * With FORWARD_TO, a folder of TensorRT-RTX's libraries, the few C functions lead there: everything
 * else the bindings reach through the objects that these return, and TensorRT 11's have the layout
 * of TensorRT-RTX's. Each side checks the version that it is called with, so it is exchanged.
 * Without FORWARD_TO there is nothing to be had, as from a library that finds no GPU.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *opened(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("FORWARD_TO"), name);
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    return library;
}

static void *found(const char *function) {
    static void *core, *parser;
    if (!getenv("FORWARD_TO")) return NULL;
    if (!core) core = opened("libtensorrt_rtx.so.1");
    if (!parser) parser = opened("libtensorrt_onnxparser_rtx.so.1");
    void *address = dlsym(core, function);
    return address ? address : dlsym(parser, function);
}

/* A function that is forwarded as it is. */
#define PLAIN(type, name, parameters, arguments)  \
    type name parameters {                        \
        type(*there) parameters = found(#name);   \
        return there ? there arguments : (type)0; \
    }

PLAIN(int32_t, getInferLibVersion, (void), ())
PLAIN(void *, getPluginRegistry, (void), ())
PLAIN(void *, getBuilderPluginRegistry, (int32_t capability), (capability))
PLAIN(void *, getLogger, (void), ())

/* One that makes an object: its last argument is the version. */
#define OF_ONE(name)                                                \
    void *name(void *one, int32_t version) {                        \
        void *(*there)(void *, int32_t) = found(#name);             \
        return there ? there(one, getInferLibVersion()) : NULL;     \
    }
#define OF_TWO(name)                                                \
    void *name(void *one, void *two, int32_t version) {             \
        void *(*there)(void *, void *, int32_t) = found(#name);     \
        return there ? there(one, two, getInferLibVersion()) : NULL; \
    }

OF_ONE(createInferBuilder_INTERNAL)
OF_ONE(createInferRuntime_INTERNAL)
OF_TWO(createInferRefitter_INTERNAL)
OF_TWO(createNvOnnxParser_INTERNAL)
OF_TWO(createNvOnnxParserRefitter_INTERNAL)

int32_t getNvOnnxParserVersion(void) { return getInferLibVersion(); }

int initLibNvInferPlugins(void *logger, const char *names) { return getenv("FORWARD_TO") != NULL; }
