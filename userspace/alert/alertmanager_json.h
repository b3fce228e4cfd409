// SPDX-License-Identifier: Apache-2.0
// A notification as Alertmanager's API v2 takes it (POST /api/v2/alerts): an array of one alert.
// The labels name the alert, so they never change while it fires; all else are annotations.
#pragma once

#include <chrono>
#include <string_view>

#include "userspace/alert/notification.h"
#include "userspace/render/text_buffer.h"

namespace closewatch::alert {

// `instance` names this host. An alert that is not repeated within `lasts` is over for
// Alertmanager.
//   labels       alertname (the rule; closewatch_more_alerts), severity, service="closewatch",
//                instance, and process or cgroup where the rule speaks of one
//   annotations  summary, description, explanation, advice, evidence (JSON lines); none is empty
void append_alertmanager_json(TextBuffer& out, const Notification& notification,
                              std::string_view instance, std::chrono::milliseconds lasts);

}  // namespace closewatch::alert
