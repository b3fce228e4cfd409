// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/sinks.h"

#include <unistd.h>

#include <cstdlib>

#include "userspace/render/csv.h"
#include "userspace/render/json_lines.h"
#include "userspace/render/streams.h"
#include "userspace/render/table.h"

namespace closewatch {

bool wants_colour(int fd) {
  const char* forbidden = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (forbidden == nullptr || *forbidden == '\0');
}

Result<> ended(const Output& output, Result<> result) {
  if (!output.error()) {
    return result;
  }
  notice("closewatch: LOST {} lines that could not be written\n", output.lines_dropped());
  return result.ok() ? Result<>(*output.error()) : std::move(result);
}

std::unique_ptr<Sink> make_sink(const ViewOptions& view, std::uint64_t tick_ns, Output& output) {
  switch (view.format) {
    case Format::json:
      return std::make_unique<JsonLines>(output, tick_ns);
    case Format::csv:
      return std::make_unique<Csv>(output, tick_ns);
    case Format::text:
    case Format::html:  // no form of single closures
      break;
  }
  TableStyle style;
  style.wide = view.wide;
  style.timestamp = view.timestamp;
  style.colour = wants_colour(STDOUT_FILENO);
  style.tick_ns = tick_ns;
  return std::make_unique<Table>(output, style);
}

}  // namespace closewatch
