// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "userspace/doctor/diagnosis.h"
#include "userspace/render/json_value.h"

namespace closewatch {
namespace {

// Members of one object or elements of one array, with the commas between them.
class List {
 public:
  List(TextBuffer& out, char open, char close) : out_(out), close_(close) { out_.push_back(open); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { out_.push_back(close_); }

  // The next element, or the value of the next member.
  TextBuffer& next() {
    if (!first_) {
      out_.push_back(',');
    }
    first_ = false;
    return out_;
  }
  TextBuffer& next(std::string_view key) {
    append_json_string(next(), key);
    out_.push_back(':');
    return out_;
  }

 private:
  TextBuffer& out_;
  char close_;
  bool first_ = true;
};

void text(TextBuffer& out, std::string_view value) { append_json_string(out, value); }

void write_facts(TextBuffer& out, const SystemFacts& facts) {
  List object(out, '{', '}');
  text(object.next("release"), facts.release);
  text(object.next("architecture"), facts.architecture);
  append_json(object.next("btf"), facts.btf);
  append_json(object.next("direct_calls"), facts.direct_calls);
  std::optional<std::string> bits;
  if (facts.effective) {
    bits = fmt::format("{:016x}", facts.effective->bits);
  }
  append_json(object.next("capabilities"), bits);
  append_json(object.next("host_user_namespace"), facts.host_user_namespace);
  append_json(object.next("host_pid_namespace"), facts.host_pid_namespace);
  append_json(object.next("coverage_netns"), facts.netns);
  append_json(object.next("seccomp"), facts.seccomp);
  append_json(object.next("hides_processes"), facts.hides_processes);
  const bool unlimited = facts.memory_lock == std::numeric_limits<std::uint64_t>::max();
  append_json(object.next("memory_lock_bytes"), unlimited ? std::nullopt : facts.memory_lock);
  append_json(object.next("memory_lock_unlimited"),
              facts.memory_lock ? std::optional(unlimited) : std::nullopt);
  append_json_name(object.next("lockdown"), facts.lockdown ? name_of(*facts.lockdown) : "");
  std::optional<std::string> mount;
  if (facts.cgroup_mount) {
    mount = facts.cgroup_mount->path;
  }
  append_json(object.next("cgroup_mount"), mount);
  append_json(object.next("unprivileged_bpf_disabled"), facts.unprivileged_bpf);
  append_json(object.next("perf_event_paranoid"), facts.perf_paranoia);
  append_json(object.next("bpf_stats_enabled"), facts.statistics);
  append_json(object.next("bpf_jit_enable"), facts.jit);
  append_json(object.next("ftrace_enabled"), facts.ftrace);
}

void write_hook(TextBuffer& out, const PlannedHook& planned, bool runs) {
  const Hook& hook = *planned.hook;
  List object(out, '{', '}');
  text(object.next("program"), hook.program);
  text(object.next("form"), name_of(hook.kind));
  text(object.next("target"), hook.target);
  text(object.next("set"), name_of(hook.set));
  append_json(object.next("required"), hook.required);
  append_json(object.next("runs"), planned.chosen && !planned.in_reserve && runs);
  append_json(object.next("why_not"),
              planned.why_not.empty() ? std::nullopt : std::optional(planned.why_not));
  append_json_name(object.next("not_seen"), planned.missed() ? hook.without : "");
}

}  // namespace

std::string diagnosis_json(const Diagnosis& diagnosis) {
  TextBuffer out;
  {
    List object(out, '{', '}');
    append_json(object.next("v"), 1);
    append_json(object.next("runs"), diagnosis.runs());
    append_json_name(object.next("hooks"), diagnosis.runs() ? name_of(diagnosis.set) : "");
    append_json(object.next("error"),
                diagnosis.error ? std::optional(diagnosis.error->what) : std::nullopt);
    append_json(object.next("hint"),
                diagnosis.error ? std::optional(diagnosis.error->hint) : std::nullopt);
    write_facts(object.next("system"), diagnosis.facts);
    append_json(object.next("serve_keeps"), diagnosis.kept);
    {
      List hooks(object.next("hook_list"), '[', ']');
      for (const PlannedHook& planned : diagnosis.hooks) {
        write_hook(hooks.next(), planned, diagnosis.runs());
      }
    }
    {
      List blind(object.next("not_seen"), '[', ']');
      for (const Blind& spot : diagnosis.blind) {
        text(blind.next(), spot.what);
      }
    }
    List causes(object.next("causes"), '[', ']');
    for (const Cause& cause : diagnosis.causes) {
      List entry(causes.next(), '{', '}');
      text(entry.next("name"), cause.name);
      text(entry.next("weight"), name_of(cause.weight));
      text(entry.next("what"), cause.what);
      append_json(entry.next("mend"),
                  cause.mend.empty() ? std::nullopt : std::optional(cause.mend));
    }
  }
  out.push_back('\n');
  return std::string(view_of(out));
}

}  // namespace closewatch
