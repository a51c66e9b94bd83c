/* libnvidia-ml.so.1: what the driver says of itself and of its devices. */
#include "stand_in.h"

EMPTY(nvmlInit_v2)
EMPTY(nvmlShutdown)

int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    CALLED;
    snprintf(text, length, "580.00");
    return 0;
}
