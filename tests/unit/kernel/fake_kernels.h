// SPDX-License-Identifier: Apache-2.0
// What probe_features() finds on the kernels of the matrix: the argument counts and abilities that
// differ between them, taken from their sources and BTF.
#pragma once

#include "userspace/kernel/features.h"

namespace closewatch {

inline Features kernel_7_2() {
  return {.functions = {{"__tcp_close", 2},
                        {"inet_csk_accept", 2},
                        {"inet_twsk_alloc", 3},
                        {"inet_twsk_kill", 1},
                        {"sk_stream_wait_close", 2},
                        {"tcp_abort", 2},
                        {"tcp_close", 2},
                        {"tcp_reset", 2},
                        {"tcp_send_active_reset", 2},  // (sk, reason)
                        {"tcp_send_fin", 1},
                        {"tcp_timewait_state_process", 5}},
          .tracepoints = {{"inet_sock_set_state", 3},
                          {"sched_process_exit", 2},
                          {"sched_process_fork", 2},
                          {"sched_process_exec", 3},
                          {"signal_deliver", 3},
                          {"tcp_destroy_sock", 1},
                          {"tcp_rcv_space_adjust", 1},
                          {"tcp_receive_reset", 1},
                          {"tcp_send_reset", 3}},
          .current_task = true,
          .map_walk = true,
          .preemptible_tracepoints = true,
          .read_cast = true,
          .fentry_refused = "",
          .reset_reasons = {{0, "NOT_SPECIFIED"}, {1, "NO_SOCKET"}}};
}

inline Features kernel_6_18() {
  Features features = kernel_7_2();
  features.functions["tcp_send_active_reset"] = 3;  // (sk, gfp, reason)
  features.preemptible_tracepoints = false;
  return features;
}

inline Features kernel_6_12() {
  Features features = kernel_6_18();
  features.functions["tcp_timewait_state_process"] = 4;
  return features;
}

inline Features kernel_6_1() {
  Features features = kernel_6_12();
  features.functions["tcp_send_active_reset"] = 2;  // (sk, gfp)
  features.functions["inet_csk_accept"] = 4;
  features.functions["tcp_timewait_state_process"] = 3;
  features.tracepoints["sched_process_exit"] = 1;
  features.tracepoints["tcp_send_reset"] = 2;
  features.read_cast = false;
  features.reset_reasons.clear();
  return features;
}

inline Features kernel_5_10() {
  Features features = kernel_6_1();
  features.functions["tcp_reset"] = 1;  // (sk)
  features.current_task = false;
  features.map_walk = false;
  return features;
}

// 6.18, hardened: as root, "load refused".
inline Features kernel_without_fentry() {
  Features features = kernel_6_18();
  features.fentry_refused = "load refused: Operation not permitted";
  return features;
}

}  // namespace closewatch
