// SPDX-License-Identifier: Apache-2.0
// A notification for people. Names of processes and cgroups are escaped as for a terminal.
#pragma once

#include <string>

#include "userspace/alert/notification.h"
#include "userspace/render/text_buffer.h"

namespace closewatch::alert {

// "process nginx", "cgroup /system.slice/nginx.service", "this host", "an unknown process", "other
// processes": whom a rule of that scope speaks of.
void append_subject(TextBuffer& out, Scope per, const Subject& subject);

// The name that a label holds, raw: that of the process or cgroup, "unknown", "other", or nothing
// for the host.
std::string_view label_of(const Subject& subject);

// "12 closures within 5m, 3400 bytes lost (threshold 5)"
void append_level(TextBuffer& out, const Notification& notification);

// One line without its newline: "firing: abortive_loss: process nginx: 12 closures within 5m, ..."
void append_headline(TextBuffer& out, const Notification& notification);

// A time as the configuration writes it: "90s", "5m", "1h", "250ms".
std::string time_text(std::chrono::milliseconds time);

}  // namespace closewatch::alert
