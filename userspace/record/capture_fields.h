// SPDX-License-Identifier: Apache-2.0
// The fields of each value of a capture, written and read side by side so that the two cannot drift
// apart. Reading never fails loudly: FieldReader::ok() tells whether the value is to be used.
#pragma once

#include "userspace/record/capture_event.h"
#include "userspace/record/wire.h"

namespace closewatch {

void write_fields(FieldWriter& out, const CaptureHeader& header);
void write_fields(FieldWriter& out, const CaptureGap& gap);
void write_fields(FieldWriter& out, const ProcessNote& note);
void write_fields(FieldWriter& out, const StackNote& note);
void write_fields(FieldWriter& out, const ProcessTotals& totals);
void write_fields(FieldWriter& out, const CaptureTrailer& trailer);

void read_fields(FieldReader& in, CaptureHeader& header);
void read_fields(FieldReader& in, CaptureGap& gap);
void read_fields(FieldReader& in, ProcessNote& note);
void read_fields(FieldReader& in, StackNote& note);
void read_fields(FieldReader& in, ProcessTotals& totals);
void read_fields(FieldReader& in, CaptureTrailer& trailer);

}  // namespace closewatch
