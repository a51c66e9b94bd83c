/* libcublas.so.13, libcublasLt.so.13, libcurand.so.10: handles, no arithmetic. */
#include "stand_in.h"

static int nothing;

int cublasCreate_v2(void **handle) {
    CALLED;
    *handle = &nothing;
    return 0;
}

int cublasGetMathMode(void *handle, int *mode) {
    *mode = 0;
    return 0;
}

const char *cublasGetStatusName(int code) { return "CUBLAS_STATUS_STAND_IN"; }

const char *cublasGetStatusString(int code) { return stand_in_message(code); }

int cublasLtCreate(void **handle) {
    CALLED;
    *handle = &nothing;
    return 0;
}
