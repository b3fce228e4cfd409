// SPDX-License-Identifier: Apache-2.0
// The sections of the configuration that are rooms of their own, and what their descriptions share.
// Inside this room only.
#pragma once

#include <string_view>

#include "userspace/config/describe.h"

namespace closewatch {

void describe_history(Fields& fields, HistorySettings& history);
void describe_metrics(Fields& fields, MetricsSettings& metrics, const HostNames& host);
void describe_alerts(Fields& fields, AlertSettings& alerts, const HostNames& host);

// Names of all classes and reasons.
const Fields::Texts& class_names();
const Fields::Texts& reason_names();

inline constexpr TextRule kNotEmpty{.expected = "a text that is not empty",
                                    .holds = [](std::string_view text) { return !text.empty(); }};
inline constexpr TextRule kAbsolutePath{
    .expected = "an absolute path",
    .holds = [](std::string_view text) { return text.starts_with('/') && text.size() < 4096; }};

std::vector<std::uint16_t> describe_ports(Fields& fields, std::string_view key,
                                          const std::vector<std::uint16_t>& otherwise);

// The secret in the file that `key` names; empty when none is named.
std::string describe_secret(Fields& fields, std::string_view key, const HostNames& host);

}  // namespace closewatch
