// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <string_view>

#include "userspace/classify/meaning.h"
#include "userspace/cli/commands.h"
#include "userspace/cli/history.h"
#include "userspace/cli/sinks.h"
#include "userspace/history/closure_row.h"
#include "userspace/render/output.h"
#include "userspace/report/text_lines.h"

namespace closewatch {
namespace {

void write_explanation(Output& output, const Explanation& explanation) {
  write_wrapped(output, 4, explanation.meaning);
  if (!explanation.advice.empty()) {
    write_wrapped(output, 4, explanation.advice);
  }
}

void write_title(Output& output, std::string_view kind, std::string_view name) {
  append(output.buffer(), name);
  append(output.buffer(), " (");
  append(output.buffer(), kind);
  append(output.buffer(), ")");
  output.end_line();
}

void write_reason(Output& output, Reason reason) {
  write_title(output, name_of(class_of(reason)), name_of(reason));
  write_explanation(output, explanation_of(reason));
}

void write_class(Output& output, Class cls) {
  write_title(output, "class", name_of(cls));
  write_explanation(output, explanation_of(cls));
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (class_of(reason) == cls && name_of(reason) != name_of(cls)) {
      output.end_line();
      write_reason(output, reason);
    }
  }
}

}  // namespace

Result<> run_explain(const Options& options) {
  Output output(STDOUT_FILENO);
  const auto cls = class_named(options.subject);
  const auto reason = reason_named(options.subject);
  if (options.history.wanted && !history::closure_named(options.subject)) {
    return Error{.what = "--history wants the id of a closure that it keeps",
                 .hint =
                     "closewatch trace --history -w shows ids; then closewatch explain ID "
                     "--history [FILE]",
                 .code = ExitCode::usage};
  }
  if (options.subject.empty()) {
    for (std::size_t i = 0; i < kClassCount; ++i) {
      if (i > 0) {
        output.end_line();
      }
      write_class(output, static_cast<Class>(i));
    }
  } else if (cls) {
    write_class(output, *cls);
  } else if (reason) {
    write_reason(output, *reason);
  } else if (history::closure_named(options.subject)) {
    return explain_closure(options);
  } else {
    return Error{
        .what = "'" + options.subject + "' is neither a class, a reason nor a closure's id",
        .hint = "closewatch explain lists every class and reason",
        .code = ExitCode::usage};
  }
  output.flush();
  return ended(output);
}

}  // namespace closewatch
