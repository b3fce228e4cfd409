// SPDX-License-Identifier: Apache-2.0
// The notifiers that the settings name.
#pragma once

#include <memory>
#include <vector>

#include "userspace/alert/notifier.h"
#include "userspace/alert/settings.h"

namespace closewatch::alert {

// `log_fd` (standard error, as a rule) stays the caller's and must outlive them. `settings` passed
// check(); an error is one of libcurl.
Result<std::vector<std::unique_ptr<Notifier>>> make_notifiers(const Settings& settings, int log_fd);

}  // namespace closewatch::alert
