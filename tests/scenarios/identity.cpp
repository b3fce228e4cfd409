// SPDX-License-Identifier: Apache-2.0
// Who closed, and how (kernel.md A14-A17, section 4): every way in which the last reference goes.
#include <elf.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>

#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/passing.h"
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

constexpr int kProgramDescriptor = 300;  // also what the process is called that runs it

void by_exit(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.owner().start([] { ::_exit(3); });
  end_orderly(connection);
}

void by_signal(Stage& stage, int number) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.owner().signal(number);
  end_orderly(connection);
}

void by_sigkill(Stage& stage) { by_signal(stage, SIGKILL); }
void by_sigterm(Stage& stage) { by_signal(stage, SIGTERM); }

// What does not look like a plain close() to an observer on most kernels does on some: others[0].
void note_blind_kernel(Stage& stage) {
  if (!bpf_reads_tasks()) {
    stage.variant(1);
  }
}

// Every descriptor of an actor is close-on-exec; the new program has nothing to do.
void exec_in(Actor& actor) {
  actor.start([] {
    ::execl("/proc/self/exe", "closewatch_scenarios", "--idle", static_cast<char*>(nullptr));
    ::_exit(1);
  });
}

void by_exec(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  stage.note_role("program", connection.owner().pid(), "exe");
  exchange(connection, 500);
  exec_in(connection.owner());
  end_orderly(connection);
}

// A 32-bit program that only ends, as a descriptor; the code is exit(0).
int i386_program() {
  static constexpr std::array<unsigned char, 9> kCode{0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80};
  constexpr Elf32_Addr kAt = 0x8048000;
  struct {
    Elf32_Ehdr header;
    Elf32_Phdr segment;
    std::array<unsigned char, kCode.size()> code;
  } file{};
  std::memcpy(file.header.e_ident, ELFMAG, SELFMAG);
  file.header.e_ident[EI_CLASS] = ELFCLASS32;
  file.header.e_ident[EI_DATA] = ELFDATA2LSB;
  file.header.e_ident[EI_VERSION] = EV_CURRENT;
  file.header.e_type = ET_EXEC;
  file.header.e_machine = EM_386;
  file.header.e_version = EV_CURRENT;
  file.header.e_entry = kAt + offsetof(decltype(file), code);
  file.header.e_phoff = offsetof(decltype(file), segment);
  file.header.e_ehsize = sizeof file.header;
  file.header.e_phentsize = sizeof file.segment;
  file.header.e_phnum = 1;
  file.segment = {.p_type = PT_LOAD,
                  .p_offset = 0,
                  .p_vaddr = kAt,
                  .p_paddr = kAt,
                  .p_filesz = sizeof file,
                  .p_memsz = sizeof file,
                  .p_flags = PF_R | PF_X,
                  .p_align = 0x1000};
  file.code = kCode;
  const int made = ::memfd_create("i386", 0);
  return ::write(made, &file, sizeof file) == sizeof file ? made : -1;
}

void become_i386_program() {
  if (::dup2(i386_program(), kProgramDescriptor) == kProgramDescriptor) {
    const std::string path = "/proc/self/fd/" + std::to_string(kProgramDescriptor);
    ::execl(path.c_str(), path.c_str(), static_cast<char*>(nullptr));
  }
  ::_exit(1);
}

bool runs_i386_programs() {
  const pid_t child = ::fork();
  if (child == 0) {
    become_i386_program();
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

void by_exec_i386(Stage& stage) {
  if (!runs_i386_programs()) {
    skip("this kernel runs no 32-bit programs");
  }
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  stage.note_role("program", connection.owner().pid(), std::to_string(kProgramDescriptor));
  exchange(connection, 500);
  connection.owner().start([] { become_i386_program(); });
  end_orderly(connection);
}

void by_exec_lingering(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = connect_stuck(stage);
  stage.note_role("program", connection.owner().pid(), "exe");
  connection.linger(1);
  exec_in(connection.owner());
  connection.await_orphan();
  drain(connection, 5000);
  peer_follows(connection);
}

void by_dup2(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.owner().run([fd = connection.fd()] { ::dup2(STDERR_FILENO, fd); });
  end_orderly(connection);
}

void by_close_range(Stage& stage) {
  constexpr long kCloseRange = 436;
  Connection& connection = stage.connect();
  exchange(connection, 500);
  const bool done = connection.owner().run([fd = connection.fd()] {
    return ::syscall(kCloseRange, static_cast<unsigned>(fd), static_cast<unsigned>(fd), 0U) == 0;
  });
  if (!done) {
    skip("this kernel has no close_range()");
  }
  end_orderly(connection);
}

void by_thread(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  stage.note_role("thread", connection.owner().pid(), "a-thread");
  exchange(connection, 500);
  connection.truth().close = connection.owner().run([fd = connection.fd()] {
    CloseResult result;
    std::thread{[fd, &result] {
      ::prctl(PR_SET_NAME, "a-thread");
      result = measured_close(fd);
    }}.join();
    return result;
  });
  connection.truth().closed = true;
  end_orderly(connection);
}

// Two references in one process: only the last close() counts.
void last_descriptor(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  const int copy = connection.owner().run([fd = connection.fd()] { return ::dup(fd); });
  connection.owner().run([fd = connection.fd()] { ::close(fd); });
  connection.await_state(TCP_ESTABLISHED);
  connection.set_fd(copy);
  connection.close();
  end_orderly(connection);
}

void last_holder(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  Actor& child = stage.fork_of(connection.owner(), "child");
  connection.owner().run([fd = connection.fd()] { ::close(fd); });
  connection.await_state(TCP_ESTABLISHED);
  child.start([] { ::_exit(0); });
  end_orderly(connection);
}

void worker_closes(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.accept(owner, listener);
  exchange(connection, 500);
  Actor& worker = stage.fork_of(owner, "worker");
  owner.run([fd = connection.fd()] { ::close(fd); });
  connection.hand_over(worker, connection.fd());
  connection.close();
  end_orderly(connection);
}

void passed_on(Stage& stage) {
  const Channel channel = open_channel();
  Actor& owner = stage.owner();
  Actor& receiver = stage.actor("receiver");
  Connection& connection = stage.connect();
  exchange(connection, 500);
  owner.run([channel, fd = connection.fd()] {
    send_descriptor(channel.one, fd);
    ::close(fd);
  });
  connection.await_state(TCP_ESTABLISHED);
  connection.hand_over(receiver, receiver.run([channel] { return take_descriptor(channel.two); }));
  connection.close();
  end_orderly(connection);
}

// A descriptor that was sent but never taken: it goes with the channel.
void lost_in_passing(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.owner().run([fd = connection.fd()] {
    const Channel channel = open_channel();
    send_descriptor(channel.one, fd);
    ::close(fd);
    ::close(channel.one);
    ::close(channel.two);
  });
  end_orderly(connection);
}

// The channel holds itself as well: only the garbage collector of AF_UNIX can end it. It runs in a
// kernel thread, on 5.10 in the process that happens to start it.
void garbage(Stage& stage) {
  if (!unix_collector_is_a_worker()) {
    stage.variant(1);
  }
  Connection& connection = stage.connect();
  exchange(connection, 500);
  connection.owner().run([fd = connection.fd()] {
    const Channel channel = open_channel();
    send_descriptor(channel.one, fd);
    send_descriptor(channel.one, channel.two);
    ::close(fd);
    ::close(channel.two);
    ::close(channel.one);
  });
  end_orderly(connection);
}

// What softirq does on the peer's time while the owner is idle is nobody's close.
void reset_while_idle(Stage& stage) {
  Actor& owner = stage.owner();
  const int listener = stage.listen(owner);
  Connection& connection = stage.accept(owner, listener);
  connection.peer().rst();
  connection.await_end();
  owner.run([fd = connection.fd()] { ::close(fd); });
}

Expected orderly(std::string_view how) {
  return {.cls = "graceful", .reason = "local_first", .closed_by = how};
}

Expected closed_by(Expected expected, std::string_view how) {
  expected.closed_by = how;
  return expected;
}

}  // namespace

std::vector<Situation> identity_situations() {
  Expected killed = orderly("signal");
  killed.signal = SIGKILL;
  Expected terminated = orderly("signal");
  terminated.signal = SIGTERM;
  Expected replaced = orderly("exec");
  replaced.process = "program";
  Expected replaced_late{.cls = "timed_out",
                         .reason = "linger_expired",
                         .closed_by = "exec",
                         .process = "program",
                         .linger_seconds = 1,
                         .linger = "expired"};
  Expected by_named_thread = orderly("close");
  by_named_thread.process = "thread";
  Expected by_child = orderly("exit");
  by_child.process = "child";
  Expected by_worker = orderly("close");
  by_worker.process = "worker";
  Expected by_receiver = orderly("close");
  by_receiver.process = "receiver";
  const Variant close{{orderly("close")}, {}};
  return {
      {.name = "identity/exit",
       .about = "The process exits with the connection open.",
       .run = by_exit,
       .usual = {{orderly("exit")}, {}}},
      {.name = "identity/sigkill",
       .about = "The process is killed by SIGKILL.",
       .run = by_sigkill,
       .usual = {{killed}, {}}},
      {.name = "identity/sigterm",
       .about = "The process is killed by SIGTERM.",
       .run = by_sigterm,
       .usual = {{terminated}, {}}},
      {.name = "identity/exec",
       .about = "execve() closes a close-on-exec descriptor.",
       .run = by_exec,
       .usual = {{replaced}, {}},
       .others = {{{closed_by(replaced, "close")}, {}}}},
      {.name = "identity/exec_i386",
       .about = "execve() of a 32-bit program closes a close-on-exec descriptor.",
       .run = by_exec_i386,
       .usual = {{replaced}, {}},
       .others = {{{closed_by(replaced, "close")}, {}}}},
      {.name = "identity/exec_lingering",
       .about = "execve() waits for SO_LINGER, in vain.",
       .run = by_exec_lingering,
       .usual = {{replaced_late}, {}},
       .others = {{{closed_by(replaced_late, "close")}, {}}}},
      {.name = "identity/dup2",
       .about = "dup2() over the descriptor: no close() at all.",
       .run = by_dup2,
       .usual = close},
      {.name = "identity/close_range",
       .about = "close_range() closes it.",
       .run = by_close_range,
       .usual = close},
      {.name = "identity/thread",
       .about = "Another thread of the process, which has a name of its own, closes.",
       .run = by_thread,
       .usual = close,
       .others = {{{by_named_thread}, {}}}},
      {.name = "identity/last_descriptor",
       .about = "The first close() of two descriptors does nothing.",
       .run = last_descriptor,
       .usual = close},
      {.name = "identity/last_holder",
       .about = "The opener closes its copy, the forked child exits.",
       .run = last_holder,
       .usual = {{by_child}, {}}},
      {.name = "identity/worker_closes",
       .about = "The parent accepts, a worker closes.",
       .run = worker_closes,
       .usual = {{by_worker}, {}}},
      {.name = "identity/passed_on",
       .about = "The descriptor is passed by SCM_RIGHTS to a process that closes it.",
       .run = passed_on,
       .usual = {{by_receiver}, {}}},
      {.name = "identity/lost_in_passing",
       .about = "The descriptor is passed by SCM_RIGHTS and never taken.",
       .run = lost_in_passing,
       .usual = close},
      {.name = "identity/garbage",
       .about = "The garbage collector of AF_UNIX releases the last reference.",
       .run = garbage,
       .usual = {{orderly("kernel")}, {}},
       .others = {close}},
      {.name = "identity/reset_while_idle",
       .about = "A reset arrives while the acceptor does nothing.",
       .run = reset_while_idle,
       .usual = {{{.cls = "abortive",
                   .reason = "reset_by_peer",
                   .initiator = "peer",
                   .closed_by = "none",
                   .state_at_close = "",
                   .final_state = "ESTABLISHED",
                   .rst_received = true,
                   .error = "ECONNRESET"}},
                 {{"EstabResets", 1}}}},
  };
}

}  // namespace closewatch::scenarios
