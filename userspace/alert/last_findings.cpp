// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/last_findings.h"

#include <algorithm>

#include "userspace/classify/explain.h"
#include "userspace/render/json_lines.h"

namespace closewatch::alert {

void LastFindings::put(const Finding& finding) {
  const auto same = std::find_if(places_.begin(), places_.end(),
                                 [&](const Finding& each) { return each.id == finding.id; });
  if (same != places_.end()) {
    *same = finding;
    return;
  }
  if (places_.size() < limit_) {
    places_.push_back(finding);
    next_ = places_.size() % limit_;
    return;
  }
  places_[next_] = finding;
  next_ = (next_ + 1) % limit_;
}

void LastFindings::drop(std::string_view id) {
  for (Finding& each : places_) {
    if (each.id == id) {
      each.id.clear();
    }
  }
}

const Finding* LastFindings::newest() const {
  for (std::size_t back = 0; back < places_.size(); ++back) {
    if (const Finding& finding = places_[place(back)]; !finding.id.empty()) {
      return &finding;
    }
  }
  return nullptr;
}

std::vector<Evidence> LastFindings::render(std::uint64_t tick_ns, std::size_t longest,
                                           std::uint64_t& left_out) const {
  std::vector<Evidence> all;
  for (std::size_t back = 0; back < places_.size(); ++back) {
    const Finding& finding = places_[place(back)];
    if (finding.id.empty()) {
      continue;
    }
    Output nowhere(-1);  // its buffer alone is of use
    JsonLines(nowhere, tick_ns).finding(finding);
    std::string_view line = view_of(nowhere.buffer());
    if (line.empty() || line.size() > longest) {
      ++left_out;
      continue;
    }
    line.remove_suffix(1);
    all.push_back({std::string(line), explain(finding.closure, finding.verdict)});
  }
  return all;
}

}  // namespace closewatch::alert
