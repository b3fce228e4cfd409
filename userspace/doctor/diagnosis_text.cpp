// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/doctor/diagnosis.h"
#include "userspace/render/escape.h"

namespace closewatch {
namespace {

constexpr std::size_t kWidth = 80;

// `text` in lines of kWidth; the first begins with `lead`, the others with as many blanks.
void wrap(std::string& out, std::string_view lead, std::string_view text) {
  TextBuffer plain;
  append_terminal_text(plain, text, Charset::ascii);
  text = view_of(plain);
  out += lead;
  std::size_t column = lead.size();
  bool first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() + (word.size() < text.size() ? 1 : 0));
    if (!first && column + 1 + word.size() > kWidth) {
      out.append("\n").append(lead.size(), ' ');
      column = lead.size();
      first = true;
    }
    if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  out += '\n';
}

void fact(std::string& out, std::string_view name, std::string_view value) {
  wrap(out, fmt::format("  {:<14}  ", name), value);
}

std::string capabilities(const std::optional<CapabilitySet>& held) {
  if (!held) {
    return "unknown";
  }
  static constexpr std::pair<Capability, std::string_view> kNames[]{
      {Capability::bpf, "CAP_BPF"},
      {Capability::perfmon, "CAP_PERFMON"},
      {Capability::sys_admin, "CAP_SYS_ADMIN"},
      {Capability::sys_ptrace, "CAP_SYS_PTRACE"},
      {Capability::sys_resource, "CAP_SYS_RESOURCE"}};
  std::string names;
  for (const auto& [capability, name] : kNames) {
    if (held->has(capability)) {
      names.append(names.empty() ? "" : ", ").append(name);
    }
  }
  return names.empty() ? "none that matters" : names;
}

std::string memory_lock(const std::optional<std::uint64_t>& bytes) {
  if (!bytes) {
    return "unknown";
  }
  return *bytes == std::numeric_limits<std::uint64_t>::max()
             ? "no limit"
             : fmt::format("{} KiB (counts before Linux 5.11 only)", *bytes / 1024);
}

std::string_view either(const std::optional<bool>& fact, std::string_view yes,
                        std::string_view no) {
  return !fact ? "unknown" : *fact ? yes : no;
}

std::string setting(const std::optional<int>& value) {
  return value ? std::to_string(*value) : "unknown";
}

void write_system(std::string& out, const SystemFacts& facts,
                  const std::optional<std::string>& kept) {
  out += "\nSystem\n";
  fact(out, "kernel", facts.release + " " + facts.architecture);
  fact(out, "BTF", facts.btf ? "present" : "missing");
  fact(out, "JIT", setting(facts.jit));
  fact(out, "capabilities", capabilities(facts.effective));
  if (kept) {
    fact(out, "serve keeps", *kept);
  }
  fact(out, "seccomp", either(facts.seccomp, "a filter is on", "off"));
  fact(out, "user namespace", either(facts.host_user_namespace, "the host's", "another"));
  fact(out, "pid namespace", either(facts.host_pid_namespace, "the host's", "another"));
  fact(out, "coverage",
       fmt::format("serve compares closures with the kernel's own counts in its own network "
                   "namespace alone ({} here); closures of all others are told all the same",
                   facts.netns ? std::to_string(*facts.netns) : "unknown"));
  fact(out, "lockdown",
       facts.lockdown ? name_of(*facts.lockdown) : "unknown (securityfs is not mounted)");
  fact(out, "memory lock", memory_lock(facts.memory_lock));
  fact(out, "cgroup v2", facts.cgroup_mount ? facts.cgroup_mount->path : "not mounted");
  fact(out, "without effect",
       "unprivileged_bpf_disabled=" + setting(facts.unprivileged_bpf) +
           " perf_event_paranoid=" + setting(facts.perf_paranoia));
}

void write_hooks(std::string& out, const Diagnosis& diagnosis) {
  for (const HookSet set : {HookSet::base, HookSet::full}) {
    out += fmt::format("\nHooks of the {} set\n", name_of(set));
    for (const PlannedHook& planned : diagnosis.hooks) {
      const Hook& hook = *planned.hook;
      // The further programs of a hook say nothing of their own, unless they are missing.
      if (hook.set == set && (hook.turn == Turn::first || planned.missed())) {
        wrap(out, fmt::format("  {:<6}  {:<26}  ", name_of(hook.kind), hook.target),
             planned.missed()   ? "no: " + planned.why_not
             : !planned.chosen  ? planned.why_not
             : diagnosis.runs() ? "runs"
                                : "is there");
      }
    }
  }
}

void write_blind(std::string& out, const std::vector<Blind>& blind) {
  out += "\nNot seen\n";
  for (const Blind& spot : blind) {
    std::string hooks;
    for (const Hook* hook : spot.hooks) {
      hooks += fmt::format("{}{} {}", hooks.empty() ? "" : ", ", name_of(hook->kind), hook->target);
    }
    wrap(out, "  - ", fmt::format("{} ({})", spot.what, hooks));
  }
}

void write_causes(std::string& out, const std::vector<Cause>& causes) {
  out += "\nWhy, and how to mend it\n";
  for (const Cause& cause : causes) {
    wrap(out, fmt::format("  {:<8}  ", name_of(cause.weight)), cause.what);
    if (!cause.mend.empty()) {
      wrap(out, "            mend: ", cause.mend);
    }
  }
}

}  // namespace

std::string diagnosis_text(const Diagnosis& diagnosis) {
  std::string out;
  if (diagnosis.error) {
    wrap(out, "closewatch ", "does not run here: " + diagnosis.error->what);
    if (!diagnosis.error->hint.empty()) {
      wrap(out, "mend: ", diagnosis.error->hint);
    }
  } else {
    wrap(out, "closewatch ",
         fmt::format("runs here with the {} hooks: every class, reason and byte count is right; {}",
                     name_of(diagnosis.set),
                     diagnosis.blind.empty()
                         ? "all finer facts are seen"
                         : fmt::format("{} of the finer facts not seen", diagnosis.blind.size())));
  }
  write_system(out, diagnosis.facts, diagnosis.kept);
  if (!diagnosis.hooks.empty()) {
    write_hooks(out, diagnosis);
  }
  if (!diagnosis.blind.empty()) {
    write_blind(out, diagnosis.blind);
  }
  if (!diagnosis.causes.empty()) {
    write_causes(out, diagnosis.causes);
  }
  return out;
}

}  // namespace closewatch
