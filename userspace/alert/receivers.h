// SPDX-License-Identifier: Apache-2.0
// The notifiers that the settings name.
#pragma once

#include <memory>
#include <vector>

#include "userspace/alert/log_notifier.h"
#include "userspace/alert/settings.h"

namespace closewatch::alert {

// `log`: where `settings` ask for it, standard error as a rule. `settings` passed check(); an error
// is one of libcurl.
Result<std::vector<std::unique_ptr<Notifier>>> make_notifiers(const Settings& settings,
                                                              const LogTarget& log);

}  // namespace closewatch::alert
