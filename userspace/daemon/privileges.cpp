// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/privileges.h"

#include <cap-ng.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

namespace closewatch {
namespace {

constexpr KeptCapability kPtrace{CAP_SYS_PTRACE, "CAP_SYS_PTRACE",
                                 "names of other users' executables"};
constexpr const char* kMaps = "this kernel wants it for reading BPF maps";
constexpr std::array kForMaps{KeptCapability{CAP_BPF, "CAP_BPF", kMaps},
                              KeptCapability{CAP_PERFMON, "CAP_PERFMON", kMaps},
                              KeptCapability{CAP_SYS_ADMIN, "CAP_SYS_ADMIN", kMaps}};

bool permitted(int capability) {
  return capng_have_capability(CAPNG_PERMITTED, static_cast<unsigned>(capability)) == 1;
}

Error failed(const char* doing) {
  return {.what = fmt::format("cannot {}: {}", doing, std::strerror(errno))};
}

// The effective set becomes `wanted`; the permitted one stays.
bool make_effective(const std::vector<KeptCapability>& wanted) {
  if (capng_get_caps_process() != 0) {
    return false;
  }
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, static_cast<unsigned>(capability));
  }
  for (const KeptCapability& capability : wanted) {
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, static_cast<unsigned>(capability.number));
  }
  return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

// As the calling thread had it.
bool make_effective_again(std::span<const int> capabilities) {
  for (const int capability : capabilities) {
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, static_cast<unsigned>(capability));
  }
  return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

}  // namespace

Result<std::vector<KeptCapability>> needed_after_attach(const std::function<bool()>& reads_maps) {
  if (capng_get_caps_process() != 0) {
    return failed("read the capabilities");
  }
  std::vector<int> before;
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (capng_have_capability(CAPNG_EFFECTIVE, static_cast<unsigned>(capability)) == 1) {
      before.push_back(capability);
    }
  }
  std::vector<KeptCapability> needed;
  if (permitted(kPtrace.number)) {
    needed.push_back(kPtrace);
  }
  std::vector<KeptCapability> tried = needed;
  bool enough = make_effective(tried) && reads_maps();
  for (std::size_t i = 0; i < kForMaps.size() && !enough; ++i) {
    if (permitted(kForMaps[i].number)) {
      tried.push_back(kForMaps[i]);
      enough = make_effective(tried) && reads_maps();
    }
  }
  if (!make_effective_again(before)) {
    return failed("take the capabilities back");
  }
  // What does not help is not kept.
  return enough ? tried : needed;
}

Result<> keep_only(const std::vector<KeptCapability>& kept) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failed("forgo new privileges");
  }
  if (capng_get_caps_process() != 0) {
    return failed("read the capabilities");
  }
  // Only who has CAP_SETPCAP may shrink the bounding set.
  const bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  capng_clear(bounding ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS);
  for (const KeptCapability& capability : kept) {
    const auto types = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    capng_update(CAPNG_ADD, types, static_cast<unsigned>(capability.number));
  }
  if (capng_apply(bounding ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0) {
    return failed("give up capabilities");
  }
  // The kernel takes from the ambient set what leaves the others; a program that is run gets none.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return failed("give up ambient capabilities");
  }
  return {};
}

std::string kept_text(const std::vector<KeptCapability>& kept) {
  std::string text;
  for (const KeptCapability& capability : kept) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", capability.name, capability.why);
  }
  return text.empty() ? "none" : text;
}

}  // namespace closewatch
