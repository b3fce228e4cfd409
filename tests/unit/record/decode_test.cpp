// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/decode.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "tests/data/example_record.h"
#include "tests/data/raw_record.h"

namespace closewatch {
namespace {

using testing::bytes_of;
using testing::encode;
using testing::example_amendment;
using testing::example_closure;
using testing::raw_record;

RejectReason rejected(std::span<const std::byte> record) {
  const Decoded decoded = decode(record);
  EXPECT_TRUE(std::holds_alternative<Rejected>(decoded));
  return std::get<Rejected>(decoded).reason;
}

template <typename Raw>
RejectReason rejected_raw(const Raw& raw) {
  return rejected(bytes_of(raw));
}

cw_closure valid_closure() { return raw_record(example_closure(0)); }

TEST(Decode, GivesEveryFieldOfAClosure) {
  cw_closure raw{};
  raw.header = {.abi = 1, .type = 1, .size = 288, .id = 101, .cpu = 102, ._pad = 0};
  raw.facts = CW_FACT(CW_FACT_LINGER) | CW_FACT(CW_FACT_PEER_NEVER_CLOSED);
  raw.born_ns = 103;
  raw.close_ns = 104;
  raw.end_ns = 105;
  raw.blocked_ns = 106;
  raw.linger_ns = 107;
  raw.sent = 108;
  raw.received = 109;
  raw.never_sent = 110;
  raw.unacked = 111;
  raw.unread = 112;
  raw.linger_jiffies = 113;
  raw.user_timeout_ms = 114;
  raw.send_window = 115;
  raw.netns = 116;
  raw.socket_uid = 117;
  raw.sock_error = 118;
  raw.sock_soft_error = 119;
  raw.rst_reason = 120;
  raw.linger2 = -121;
  raw.exit_code = 122;
  raw.stack_kernel = 123;
  raw.stack_user = 124;
  raw.local_port = 65535;
  raw.peer_port = 126;
  raw.family = AF_INET6;
  raw.state_at_close = 8;
  raw.final_state = 12;
  raw.shutdown_flags = 2;
  raw.role = CW_ROLE_LISTENER;
  raw.closer_flags = CW_CLOSER_EXITING | CW_CLOSER_KTHREAD;
  raw.retransmits = 127;
  raw.probes_out = 128;
  for (unsigned i = 0; i < 16; ++i) {
    raw.local[i] = static_cast<__u8>(i);
    raw.peer[i] = static_cast<__u8>(0xf0 + i);
  }
  raw.process = {.start_ns = 129,
                 .cgroup_id = 130,
                 .pid = 131,
                 .tid = 132,
                 .uid = 133,
                 ._pad = 0,
                 .comm = {'o', 'n', 'e'}};
  raw.actor = {
      .start_ns = 134,
      .cgroup_id = 135,
      .pid = 136,
      .tid = 137,
      .uid = 138,
      ._pad = 0,
      .comm = {'s', 'i', 'x', 't', 'e', 'e', 'n', '-', 'b', 'y', 't', 'e', 's', '!', '!', '!'}};

  const Decoded decoded = decode(bytes_of(raw));
  ASSERT_TRUE(std::holds_alternative<Closure>(decoded));
  const auto& closure = std::get<Closure>(decoded);
  EXPECT_EQ(closure.id, (ClosureId{101, 102}));
  EXPECT_EQ(closure.facts, (Facts{.linger = true, .peer_never_closed = true}));
  EXPECT_EQ(closure.born_ns, 103);
  EXPECT_EQ(closure.close_ns, 104);
  EXPECT_EQ(closure.end_ns, 105);
  EXPECT_EQ(closure.blocked_ns, 106);
  EXPECT_EQ(closure.linger_ns, 107);
  EXPECT_EQ(closure.sent, 108);
  EXPECT_EQ(closure.received, 109);
  EXPECT_EQ(closure.never_sent, 110);
  EXPECT_EQ(closure.unacked, 111);
  EXPECT_EQ(closure.unread, 112);
  EXPECT_EQ(closure.linger_jiffies, 113);
  EXPECT_EQ(closure.user_timeout_ms, 114);
  EXPECT_EQ(closure.send_window, 115);
  EXPECT_EQ(closure.netns, 116);
  EXPECT_EQ(closure.socket_uid, 117);
  EXPECT_EQ(closure.sock_error, 118);
  EXPECT_EQ(closure.sock_soft_error, 119);
  EXPECT_EQ(closure.rst_reason, 120);
  EXPECT_EQ(closure.linger2, -121);
  EXPECT_EQ(closure.closer, (Closer{.exiting = true, .kthread = true, .exit_code = 122}));
  EXPECT_EQ(closure.stack_kernel, 123);
  EXPECT_EQ(closure.stack_user, 124);
  EXPECT_EQ(closure.local.port, 65535);
  EXPECT_EQ(closure.peer.port, 126);
  EXPECT_EQ(closure.family, AF_INET6);
  EXPECT_EQ(closure.state_at_close, TcpState::close_wait);
  EXPECT_EQ(closure.final_state, TcpState::new_syn_recv);
  EXPECT_EQ(closure.shutdown_flags, 2);
  EXPECT_EQ(closure.role, Role::listener);
  EXPECT_EQ(closure.retransmits, 127);
  EXPECT_EQ(closure.probes_out, 128);
  EXPECT_EQ(closure.local.address,
            (std::array<std::uint8_t, 16>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(closure.peer.address[0], 0xf0);
  EXPECT_EQ(closure.peer.address[15], 0xff);
  EXPECT_EQ(closure.process.comm(), "one");
  EXPECT_EQ(closure.process.start_ns, 129);
  EXPECT_EQ(closure.process.cgroup_id, 130);
  EXPECT_EQ(closure.process.pid, 131);
  EXPECT_EQ(closure.process.tid, 132);
  EXPECT_EQ(closure.process.uid, 133);
  EXPECT_EQ(closure.actor.comm(), "sixteen-bytes!!!");
  EXPECT_EQ(closure.actor.start_ns, 134);
  EXPECT_EQ(closure.actor.cgroup_id, 135);
  EXPECT_EQ(closure.actor.pid, 136);
  EXPECT_EQ(closure.actor.tid, 137);
  EXPECT_EQ(closure.actor.uid, 138);
}

TEST(Decode, GivesEveryFieldOfAnAmendment) {
  cw_amendment raw{};
  raw.header = {.abi = 1, .type = 2, .size = 104, .id = 201, .cpu = 202, ._pad = 0};
  raw.facts = CW_FACT(CW_FACT_LATE_DATA_RESET);
  raw.time_ns = 203;
  raw.unread = 204;
  raw.rst_reason = 205;
  raw.role = CW_ROLE_CLOSER;
  raw.closer_flags = CW_CLOSER_CLOSED | CW_CLOSER_IO_URING;
  raw.process = {.start_ns = 206,
                 .cgroup_id = 207,
                 .pid = 208,
                 .tid = 209,
                 .uid = 210,
                 ._pad = 0,
                 .comm = {'t', 'w', 'o'}};

  const Decoded decoded = decode(bytes_of(raw));
  ASSERT_TRUE(std::holds_alternative<Amendment>(decoded));
  const auto& amendment = std::get<Amendment>(decoded);
  EXPECT_EQ(amendment.id, (ClosureId{201, 202}));
  EXPECT_EQ(amendment.facts, (Facts{.late_data_reset = true}));
  EXPECT_EQ(amendment.time_ns, 203);
  EXPECT_EQ(amendment.unread, 204);
  EXPECT_EQ(amendment.rst_reason, 205);
  EXPECT_EQ(amendment.role, Role::closer);
  EXPECT_EQ(amendment.closer, (Closer{.closed = true, .io_uring = true}));
  EXPECT_EQ(amendment.process.start_ns, 206);
  EXPECT_EQ(amendment.process.cgroup_id, 207);
  EXPECT_EQ(amendment.process.pid, 208);
  EXPECT_EQ(amendment.process.tid, 209);
  EXPECT_EQ(amendment.process.uid, 210);
  EXPECT_EQ(amendment.process.comm(), "two");
}

TEST(Decode, UnknownValuesAreNullopt) {
  cw_closure raw = valid_closure();
  raw.born_ns = raw.close_ns = raw.linger_ns = 0;
  raw.blocked_ns = raw.sent = raw.received = CW_UNKNOWN;
  raw.rst_reason = raw.stack_kernel = CW_STACK_NONE;
  raw.stack_user = CW_STACK_LOST;
  const auto closure = std::get<Closure>(decode(bytes_of(raw)));
  EXPECT_EQ(closure.born_ns, std::nullopt);
  EXPECT_EQ(closure.close_ns, std::nullopt);
  EXPECT_EQ(closure.linger_ns, std::nullopt);
  EXPECT_EQ(closure.blocked_ns, std::nullopt);
  EXPECT_EQ(closure.sent, std::nullopt);
  EXPECT_EQ(closure.received, std::nullopt);
  EXPECT_EQ(closure.rst_reason, std::nullopt);
  EXPECT_EQ(closure.stack_kernel, std::nullopt);
  EXPECT_EQ(closure.stack_user, std::nullopt);
}

TEST(Decode, ZeroIsAKnownValueWhereTheKernelSaysUnknownOtherwise) {
  cw_closure raw = valid_closure();
  raw.blocked_ns = raw.sent = raw.received = 0;
  raw.rst_reason = raw.stack_kernel = raw.stack_user = 0;
  const auto closure = std::get<Closure>(decode(bytes_of(raw)));
  EXPECT_EQ(closure.blocked_ns, 0);
  EXPECT_EQ(closure.sent, 0);
  EXPECT_EQ(closure.received, 0);
  EXPECT_EQ(closure.rst_reason, 0);
  EXPECT_EQ(closure.stack_kernel, 0);
  EXPECT_EQ(closure.stack_user, 0);
}

TEST(Decode, EachFactBitIsItsOwnFact) {
  ASSERT_EQ(std::size(testing::kFactFlags), CW_FACT_COUNT);
  for (const auto& [bit, member] : testing::kFactFlags) {
    Facts expected;
    expected.*member = true;
    cw_closure raw = valid_closure();
    raw.facts = CW_FACT(bit);
    EXPECT_EQ(std::get<Closure>(decode(bytes_of(raw))).facts, expected) << "bit " << bit;
  }
}

TEST(Decode, EachCloserBitIsItsOwnFlag) {
  for (std::size_t i = 0; i < std::size(testing::kCloserFlags); ++i) {
    Closer expected;
    expected.exit_code = 15;
    expected.*testing::kCloserFlags[i] = true;
    cw_closure raw = valid_closure();
    raw.closer_flags = static_cast<__u8>(1U << i);
    EXPECT_EQ(std::get<Closure>(decode(bytes_of(raw))).closer, expected) << "bit " << i;
  }
}

TEST(Decode, InvertsEncode) {
  EXPECT_EQ(std::get<Closure>(decode(encode(example_closure(7)))), example_closure(7));
  EXPECT_EQ(std::get<Amendment>(decode(encode(example_amendment(7)))), example_amendment(7));
  Closure empty;
  empty.family = AF_INET;
  EXPECT_EQ(std::get<Closure>(decode(encode(empty))), empty);
}

TEST(Decode, NeedsNoAlignment) {
  const auto record = encode(example_closure(3));
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), record.begin(), record.end());
    EXPECT_EQ(std::get<Closure>(decode(std::span{shifted}.subspan(shift))), example_closure(3));
  }
}

TEST(Decode, RejectsEveryOtherLength) {
  for (auto record : {encode(example_closure(0)), encode(example_amendment(0))}) {
    const std::size_t whole = record.size();
    record.resize(whole + 8);
    for (std::size_t length = 0; length < record.size(); ++length) {
      if (length != whole) {
        EXPECT_EQ(rejected(std::span{record}.first(length)),
                  length < 24 ? RejectReason::too_short : RejectReason::wrong_size)
            << length;
      }
    }
  }
}

TEST(Decode, RejectsASizeThatIsNotThatOfTheType) {
  cw_closure raw = valid_closure();
  raw.header.size = 104;
  EXPECT_EQ(rejected_raw(raw), RejectReason::wrong_size);
  raw.header.size = 288;
  raw.header.type = CW_RECORD_AMENDMENT;
  EXPECT_EQ(rejected_raw(raw), RejectReason::wrong_size);
}

TEST(Decode, RejectsAnotherAbiBeforeItLooksFurther) {
  cw_closure raw = valid_closure();
  raw.header.type = 99;
  for (const __u16 abi : std::initializer_list<__u16>{0, 2, 0x100, 0xffff}) {
    raw.header.abi = abi;
    EXPECT_EQ(rejected_raw(raw), RejectReason::wrong_abi) << abi;
  }
}

TEST(Decode, RejectsUnknownTypes) {
  cw_closure raw = valid_closure();
  for (const __u16 type : std::initializer_list<__u16>{0, 3, 0x101, 0xffff}) {
    raw.header.type = type;
    EXPECT_EQ(rejected_raw(raw), RejectReason::wrong_type) << type;
  }
}

TEST(Decode, RejectsWhatItsEnumsDoNotHave) {
  const auto with = [](auto change) {
    cw_closure raw = valid_closure();
    change(raw);
    return rejected_raw(raw);
  };
  EXPECT_EQ(with([](cw_closure& raw) { raw.facts |= CW_FACT(CW_FACT_COUNT); }),
            RejectReason::wrong_facts);
  EXPECT_EQ(with([](cw_closure& raw) { raw.facts |= 1ULL << 63; }), RejectReason::wrong_facts);
  EXPECT_EQ(with([](cw_closure& raw) { raw.role = 7; }), RejectReason::wrong_role);
  EXPECT_EQ(with([](cw_closure& raw) { raw.state_at_close = 13; }), RejectReason::wrong_state);
  EXPECT_EQ(with([](cw_closure& raw) { raw.final_state = 13; }), RejectReason::wrong_state);
  EXPECT_EQ(with([](cw_closure& raw) { raw.shutdown_flags = 4; }), RejectReason::wrong_shutdown);
  EXPECT_EQ(with([](cw_closure& raw) { raw.family = AF_UNIX; }), RejectReason::wrong_family);
  EXPECT_EQ(with([](cw_closure& raw) { raw.family = 0; }), RejectReason::wrong_family);
}

TEST(Decode, RejectsWhatTheEnumsOfAnAmendmentDoNotHave) {
  const auto with = [](auto change) {
    cw_amendment raw = raw_record(example_amendment(0));
    change(raw);
    return rejected_raw(raw);
  };
  EXPECT_EQ(with([](cw_amendment& raw) { raw.facts |= CW_FACT(CW_FACT_COUNT); }),
            RejectReason::wrong_facts);
  EXPECT_EQ(with([](cw_amendment& raw) { raw.role = 255; }), RejectReason::wrong_role);
}

TEST(RejectReasonName, IsTheDeclaredOne) {
  EXPECT_EQ(name_of(RejectReason::too_short), "too_short");
  EXPECT_EQ(name_of(RejectReason::wrong_abi), "wrong_abi");
  EXPECT_EQ(name_of(RejectReason::wrong_type), "wrong_type");
  EXPECT_EQ(name_of(RejectReason::wrong_size), "wrong_size");
  EXPECT_EQ(name_of(RejectReason::wrong_facts), "wrong_facts");
  EXPECT_EQ(name_of(RejectReason::wrong_role), "wrong_role");
  EXPECT_EQ(name_of(RejectReason::wrong_state), "wrong_state");
  EXPECT_EQ(name_of(RejectReason::wrong_shutdown), "wrong_shutdown");
  EXPECT_EQ(name_of(RejectReason::wrong_family), "wrong_family");
}

TEST(TcpStateName, IsTheKernelsOne) {
  EXPECT_EQ(name_of(TcpState::none), "");
  EXPECT_EQ(name_of(TcpState::established), "ESTABLISHED");
  EXPECT_EQ(name_of(TcpState::syn_sent), "SYN_SENT");
  EXPECT_EQ(name_of(TcpState::syn_recv), "SYN_RECV");
  EXPECT_EQ(name_of(TcpState::fin_wait1), "FIN_WAIT1");
  EXPECT_EQ(name_of(TcpState::fin_wait2), "FIN_WAIT2");
  EXPECT_EQ(name_of(TcpState::time_wait), "TIME_WAIT");
  EXPECT_EQ(name_of(TcpState::close), "CLOSE");
  EXPECT_EQ(name_of(TcpState::close_wait), "CLOSE_WAIT");
  EXPECT_EQ(name_of(TcpState::last_ack), "LAST_ACK");
  EXPECT_EQ(name_of(TcpState::listen), "LISTEN");
  EXPECT_EQ(name_of(TcpState::closing), "CLOSING");
  EXPECT_EQ(name_of(TcpState::new_syn_recv), "NEW_SYN_RECV");
}

}  // namespace
}  // namespace closewatch
