// SPDX-License-Identifier: Apache-2.0
#include "userspace/doctor/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/unit/doctor/healthy_system.h"
#include "tests/unit/kernel/fake_kernels.h"

namespace closewatch {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

Diagnosis running(const Features& features, SystemFacts facts = healthy_system()) {
  return diagnose(std::move(facts), features, make_plan(features, HookMode::automatic));
}

Diagnosis failing(const Features& features, SystemFacts facts) {
  return diagnose(std::move(facts), features,
                  Error{.what = "cannot load the BPF programs: Operation not permitted",
                        .hint = "guess",
                        .code = ExitCode::unsupported});
}

Diagnosis without_btf() {
  SystemFacts facts = healthy_system();
  facts.btf = false;
  const Error error{.what = "no BTF", .hint = "guess", .code = ExitCode::unsupported};
  return diagnose(std::move(facts), error, error);
}

Diagnosis without_capabilities() {
  SystemFacts facts = healthy_system();
  facts.effective = CapabilitySet{};
  return failing(kernel_without_fentry(), std::move(facts));
}

std::string line_with(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) != std::string::npos) {
      return line;
    }
  }
  return {};
}

TEST(Diagnosis, OfAKernelThatAllowsEverything) {
  const Diagnosis subject = running(kernel_6_18());
  EXPECT_TRUE(subject.runs());
  EXPECT_EQ(subject.set, HookSet::full);
  EXPECT_THAT(subject.hooks, SizeIs(34));
  EXPECT_THAT(subject.blind, IsEmpty());
  EXPECT_THAT(subject.causes, IsEmpty());
}

TEST(Diagnosis, OfAKernelWithoutFentryJoinsWhatTwoHooksTell) {
  const Diagnosis subject = running(kernel_without_fentry());
  EXPECT_TRUE(subject.runs());
  EXPECT_EQ(subject.set, HookSet::base);
  // 12 hooks; both of __tcp_close() would have told the same.
  ASSERT_THAT(subject.blind, SizeIs(11));
  const auto blocked =
      std::find_if(subject.blind.begin(), subject.blind.end(),
                   [](const Blind& spot) { return spot.what == "the time that close() blocked"; });
  ASSERT_NE(blocked, subject.blind.end());
  EXPECT_THAT(blocked->hooks, SizeIs(2));
}

TEST(Diagnosis, OfARealStartKnowsWhatWasDropped) {
  auto started = make_plan(kernel_6_18(), HookMode::automatic);
  ASSERT_TRUE(started.ok());
  ASSERT_TRUE(started->drop("fentry__inet_twsk_kill", "Invalid argument").ok());
  const Diagnosis subject = diagnose(healthy_system(), kernel_6_18(), started);
  ASSERT_THAT(subject.blind, SizeIs(1));
  EXPECT_EQ(subject.blind.front().what, "a peer that never closed");
  EXPECT_EQ(line_with(diagnosis_text(subject), "inet_twsk_kill  "),
            "  fentry  inet_twsk_kill              no: Invalid argument");
}

TEST(Diagnosis, OfAFailureHasTheTrueCause) {
  const Diagnosis subject = without_capabilities();
  EXPECT_FALSE(subject.runs());
  ASSERT_TRUE(subject.error);
  EXPECT_THAT(subject.error->hint, HasSubstr("setcap cap_bpf,cap_perfmon+ep"));
  ASSERT_THAT(subject.causes, Not(IsEmpty()));
  EXPECT_EQ(subject.causes.front().name, "missing_capabilities");
}

TEST(Diagnosis, WithoutBtfHasNoHooks) {
  const Diagnosis subject = without_btf();
  EXPECT_FALSE(subject.runs());
  EXPECT_THAT(subject.hooks, IsEmpty());
  EXPECT_THAT(subject.error->hint, HasSubstr("CONFIG_DEBUG_INFO_BTF=y"));
}

TEST(DiagnosisText, FitsATerminal) {
  for (const Diagnosis& subject :
       {running(kernel_5_10()), running(kernel_6_18()), running(kernel_without_fentry()),
        without_btf(), without_capabilities()}) {
    std::istringstream lines(diagnosis_text(subject));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
      EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) {
        return c >= ' ' && c <= '~';
      })) << line;
    }
  }
}

TEST(DiagnosisText, OfAKernelThatAllowsEverything) {
  const std::string text = diagnosis_text(running(kernel_6_18()));
  EXPECT_THAT(text, StartsWith("closewatch runs here with the full hooks: every class, reason and "
                               "byte count is\n           right; all finer facts are seen\n"));
  EXPECT_EQ(line_with(text, "kernel  "), "  kernel          6.18.15-amd64 x86_64");
  EXPECT_EQ(line_with(text, "inet_sock_set_state"), "  tp_btf  inet_sock_set_state         runs");
  EXPECT_EQ(line_with(text, "sched_process_fork"),
            "  tp_btf  sched_process_fork          not needed: the current task can be read");
  EXPECT_THAT(text, Not(HasSubstr("Not seen")));
  EXPECT_THAT(text, Not(HasSubstr("mend")));
}

TEST(DiagnosisText, OfAKernelWithoutFentry) {
  const std::string text = diagnosis_text(running(kernel_without_fentry()));
  EXPECT_THAT(text, HasSubstr("runs here with the base hooks"));
  EXPECT_THAT(text, HasSubstr("right; 11 of the finer facts not seen\n"));
  EXPECT_EQ(line_with(text, "tcp_send_fin  "),
            "  fentry  tcp_send_fin                no: load refused: Operation not permitted");
  EXPECT_EQ(line_with(text, "the time that close() blocked"),
            "  - the time that close() blocked (fentry __tcp_close, fexit __tcp_close)");
  EXPECT_EQ(line_with(text, "degrades"),
            "  degrades  fentry is refused (load refused: Operation not permitted), so the");
  EXPECT_EQ(line_with(text, "mend:"),
            "            mend: no setting that is known: the privileges suffice, so the");
}

TEST(DiagnosisText, OfAFailureBeginsWithCauseAndMend) {
  const std::string text = diagnosis_text(without_capabilities());
  EXPECT_THAT(text, StartsWith("closewatch does not run here: cannot load the BPF programs: "
                               "Operation not\n           permitted\nmend: this process has not "
                               "CAP_BPF and CAP_PERFMON: run as root; or setcap\n      "
                               "cap_bpf,cap_perfmon+ep /usr/sbin/closewatch;"));
  EXPECT_EQ(line_with(text, "inet_sock_set_state"),
            "  tp_btf  inet_sock_set_state         is there");
  EXPECT_EQ(line_with(text, "capabilities"), "  capabilities    none that matters");
}

TEST(DiagnosisText, EscapesWhatTheSystemCallsItself) {
  SystemFacts facts = healthy_system();
  facts.release = "6.18\x1b[31m\n";
  EXPECT_EQ(line_with(diagnosis_text(running(kernel_6_18(), facts)), "kernel  "),
            "  kernel          6.18\\x1b[31m\\x0a x86_64");
}

TEST(DiagnosisJson, OfAKernelWithoutFentry) {
  const std::string line = diagnosis_json(running(kernel_without_fentry()));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const json object = json::parse(line);
  EXPECT_EQ(object["v"], 1);
  EXPECT_EQ(object["runs"], true);
  EXPECT_EQ(object["hooks"], "base");
  EXPECT_EQ(object["error"], nullptr);
  EXPECT_EQ(object["hint"], nullptr);
  EXPECT_EQ(object["hook_list"].size(), 34U);
  EXPECT_EQ(object["hook_list"][0], json::parse(R"({"program":"tp_btf__inet_sock_set_state",
      "form":"tp_btf","target":"inet_sock_set_state","set":"base","required":true,"runs":true,
      "why_not":null,"not_seen":null})"));
  EXPECT_EQ(object["hook_list"][5], json::parse(R"({"program":"tp_btf__inet_sock_set_state__again",
      "form":"tp_btf","target":"inet_sock_set_state","set":"base","required":false,"runs":false,
      "why_not":"in reserve: attached once the kernel leaves out a program","not_seen":null})"));
  EXPECT_EQ(object["hook_list"][33], json::parse(R"({"program":"fentry__inet_twsk_kill",
      "form":"fentry","target":"inet_twsk_kill","set":"full","required":false,"runs":false,
      "why_not":"load refused: Operation not permitted","not_seen":"a peer that never closed"})"));
  EXPECT_EQ(object["not_seen"].size(), 11U);
  ASSERT_EQ(object["causes"].size(), 1U);
  EXPECT_EQ(object["causes"][0]["name"], "fentry_refused");
  EXPECT_EQ(object["causes"][0]["weight"], "degrades");
  EXPECT_EQ(object["system"], json::parse(R"({"release":"6.18.15-amd64","architecture":"x86_64",
      "btf":true,"direct_calls":true,"capabilities":"000001ffffffffff","host_user_namespace":true,
      "host_pid_namespace":true,"coverage_netns":4026531840,"seccomp":false,"hides_processes":false,"memory_lock_bytes":null,
      "memory_lock_unlimited":true,"lockdown":"none","cgroup_mount":"/sys/fs/cgroup",
      "unprivileged_bpf_disabled":2,"perf_event_paranoid":3,"bpf_stats_enabled":1,
      "bpf_jit_enable":1,"ftrace_enabled":1})"));
}

TEST(DiagnosisJson, OfAFailure) {
  const json object = json::parse(diagnosis_json(without_capabilities()));
  EXPECT_EQ(object["runs"], false);
  EXPECT_EQ(object["hooks"], nullptr);
  EXPECT_EQ(object["error"], "cannot load the BPF programs: Operation not permitted");
  EXPECT_THAT(object["hint"].get<std::string>(), HasSubstr("setcap"));
  EXPECT_EQ(object["hook_list"][0]["runs"], false);
  EXPECT_EQ(object["hook_list"][0]["why_not"], nullptr);
}

TEST(Diagnosis, SaysWhatTheDaemonKeeps) {
  Diagnosis diagnosis = running(kernel_6_18(), {});
  EXPECT_EQ(json::parse(diagnosis_json(diagnosis))["serve_keeps"], nullptr);
  diagnosis.kept = "CAP_BPF (a reason)";
  EXPECT_EQ(json::parse(diagnosis_json(diagnosis))["serve_keeps"], "CAP_BPF (a reason)");
  EXPECT_EQ(line_with(diagnosis_text(diagnosis), "serve keeps"),
            "  serve keeps     CAP_BPF (a reason)");
}

TEST(DiagnosisText, SaysWhereCoverageHolds) {
  EXPECT_THAT(
      diagnosis_text(running(kernel_6_18())),
      HasSubstr("\n  coverage        serve compares closures with the kernel's own counts in "
                "its\n                  own network namespace alone (4026531840 here); "
                "closures of all\n"));
}

TEST(DiagnosisJson, WhatIsUnknownIsNull) {
  SystemFacts facts;
  facts.release = "\xff";
  const json system = json::parse(diagnosis_json(running(kernel_6_18(), facts)))["system"];
  EXPECT_EQ(system["release"],
            "\xef\xbf\xbd"
            "ff");
  for (const char* key :
       {"direct_calls", "capabilities", "host_user_namespace", "host_pid_namespace",
        "coverage_netns", "seccomp", "hides_processes", "memory_lock_bytes",
        "memory_lock_unlimited", "lockdown", "cgroup_mount", "unprivileged_bpf_disabled",
        "perf_event_paranoid", "bpf_stats_enabled", "bpf_jit_enable", "ftrace_enabled"}) {
    ASSERT_TRUE(system.contains(key)) << key;
    EXPECT_EQ(system[key], nullptr) << key;
  }
}

}  // namespace
}  // namespace closewatch
