// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/system_facts.h"

#include <sys/utsname.h>

#include <charconv>
#include <limits>

#include "userspace/enrich/namespaces.h"

namespace closewatch {
namespace {

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kBlank = " \t\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? std::optional(value)
                                                                             : std::nullopt;
}

std::optional<int> setting(const HostFiles& files, std::string_view path) {
  const auto text = files.read(path);
  return text ? number<int>(trimmed(*text)) : std::nullopt;
}

// The rest of the line that begins with `name`.
std::optional<std::string_view> line_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) {
      return trimmed(line.substr(name.size()));
    }
    text.remove_prefix(line.size() + (line.size() < text.size() ? 1 : 0));
  }
  return std::nullopt;
}

std::optional<CapabilitySet> capabilities(std::string_view status, std::string_view name) {
  const auto digits = line_of(status, name);
  const auto bits = digits ? number<std::uint64_t>(*digits, 16) : std::nullopt;
  return bits ? std::optional(CapabilitySet{*bits}) : std::nullopt;
}

// Max locked memory         8388608              8388608              bytes
std::optional<std::uint64_t> memory_lock(std::string_view limits) {
  const auto values = line_of(limits, "Max locked memory");
  if (!values) {
    return std::nullopt;
  }
  const std::string_view hard = trimmed(values->substr(values->find(' ') + 1));
  const std::string_view value = hard.substr(0, hard.find(' '));
  return value == "unlimited" ? std::numeric_limits<std::uint64_t>::max()
                              : number<std::uint64_t>(value);
}

// none [integrity] confidentiality
std::optional<Lockdown> lockdown(std::string_view modes) {
  for (const Lockdown mode : {Lockdown::none, Lockdown::integrity, Lockdown::confidentiality}) {
    if (modes.find("[" + std::string(name_of(mode)) + "]") != std::string_view::npos) {
      return mode;
    }
  }
  return std::nullopt;
}

// Options of the mount of /proc. The last mount on a path is the one that is seen.
std::optional<bool> hides_processes(std::string_view mountinfo) {
  std::optional<bool> hides;
  while (!mountinfo.empty()) {
    const std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    if (line.find(" /proc ") != std::string_view::npos &&
        line.find(" - proc ") != std::string_view::npos) {
      const std::size_t at = line.find("hidepid=");
      const std::string_view value =
          at == std::string_view::npos ? std::string_view() : line.substr(at + 8);
      hides = !value.empty() && !value.starts_with("0") && !value.starts_with("off");
    }
    mountinfo.remove_prefix(line.size() + (line.size() < mountinfo.size() ? 1 : 0));
  }
  return hides;
}

// "net:[4026531840]"
std::optional<std::uint32_t> own_network(std::string_view link) {
  static constexpr std::string_view kBegin = "net:[";
  std::uint32_t inode = 0;
  return link.starts_with(kBegin) &&
                 std::from_chars(link.data() + kBegin.size(), link.data() + link.size(), inode)
                         .ec == std::errc()
             ? std::optional(inode)
             : std::nullopt;
}

}  // namespace

std::string_view name_of(Lockdown mode) {
  switch (mode) {
    case Lockdown::none:
      return "none";
    case Lockdown::integrity:
      return "integrity";
    case Lockdown::confidentiality:
      return "confidentiality";
  }
  return {};
}

SystemFacts read_system_facts(const HostFiles& files) {
  SystemFacts facts;
  facts.release = trimmed(files.read("/proc/sys/kernel/osrelease").value_or(""));
  utsname names{};
  if (::uname(&names) == 0) {
    facts.architecture = names.machine;
  }
  facts.executable = files.link("/proc/self/exe").value_or("closewatch");
  facts.btf = files.exists("/sys/kernel/btf/vmlinux");
  if (const auto symbols = files.read("/proc/kallsyms")) {
    facts.direct_calls = symbols->find("_ftrace_direct") != std::string::npos;
  }
  const std::string status = files.read("/proc/self/status").value_or("");
  facts.effective = capabilities(status, "CapEff:");
  facts.bounding = capabilities(status, "CapBnd:");
  if (const auto mode = line_of(status, "Seccomp:")) {
    facts.seccomp = *mode != "0";
  }
  facts.host_user_namespace = in_initial_namespace(files, Namespace::user);
  facts.host_pid_namespace = in_initial_namespace(files, Namespace::pid);
  facts.netns = own_network(files.link("/proc/self/ns/net").value_or(""));
  facts.hides_processes = hides_processes(files.read("/proc/self/mountinfo").value_or(""));
  facts.memory_lock = memory_lock(files.read("/proc/self/limits").value_or(""));
  facts.lockdown = lockdown(files.read("/sys/kernel/security/lockdown").value_or(""));
  facts.cgroup_mount = find_cgroup_mount(files);
  facts.unprivileged_bpf = setting(files, "/proc/sys/kernel/unprivileged_bpf_disabled");
  facts.perf_paranoia = setting(files, "/proc/sys/kernel/perf_event_paranoid");
  facts.statistics = setting(files, "/proc/sys/kernel/bpf_stats_enabled");
  facts.ftrace = setting(files, "/proc/sys/kernel/ftrace_enabled");
  facts.jit = setting(files, "/proc/sys/net/core/bpf_jit_enable");
  return facts;
}

}  // namespace closewatch
