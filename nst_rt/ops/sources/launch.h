// What a build has to give: the provider that it is for, and the operators on it.
#pragma once
#include "pixels.h"

extern const char* const PROVIDER;

// Begin the work on a stream (of CUDA) or do it. What went wrong, or null.
const char* launch(const Begin& task, int64_t batch, void* stream);
const char* launch(const Normalize& task, int64_t batch, void* stream);
const char* launch(const Finish& task, int64_t batch, void* stream);
