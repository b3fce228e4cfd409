// SPDX-License-Identifier: Apache-2.0
// The end of the text report: what the most frequent bad endings mean, who makes most of them, and
// what to do about it, in the words of classify/meaning.h.
#pragma once

#include "userspace/render/escape.h"
#include "userspace/render/output.h"
#include "userspace/report/per_process.h"

namespace closewatch {

// At most three reasons of abortive and timed out closures; nothing when there are none.
void write_advice(Output& output, const PerProcess& processes, Charset charset);

}  // namespace closewatch
