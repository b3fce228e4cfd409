// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/receivers.h"

#include <unistd.h>

#include <array>
#include <climits>

#include "userspace/alert/alertmanager_notifier.h"
#include "userspace/alert/program_notifier.h"
#include "userspace/alert/webhook_notifier.h"

namespace closewatch::alert {
namespace {

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace

Result<std::vector<std::unique_ptr<Notifier>>> make_notifiers(const Settings& settings,
                                                              const LogTarget& log) {
  std::vector<std::unique_ptr<Notifier>> all;
  if (settings.log) {
    all.push_back(std::make_unique<LogNotifier>(log));
  }
  const std::string instance = settings.instance.empty() ? host_name() : settings.instance;
  for (const HttpSettings& http : settings.alertmanagers) {
    auto made = AlertmanagerNotifier::create(http, instance, settings.refresh);
    if (!made.ok()) {
      return std::move(made).error();
    }
    all.push_back(std::move(made).take());
  }
  for (const HttpSettings& http : settings.webhooks) {
    auto made = WebhookNotifier::create(http);
    if (!made.ok()) {
      return std::move(made).error();
    }
    all.push_back(std::move(made).take());
  }
  for (const ProgramSettings& program : settings.programs) {
    all.push_back(std::make_unique<ProgramNotifier>(program));
  }
  return all;
}

}  // namespace closewatch::alert
