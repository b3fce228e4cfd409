// SPDX-License-Identifier: Apache-2.0
// Closes that go through io_uring (kernel.md A16): in the submitting thread, in a worker or the
// poller of the process, and by a kernel thread when the ring goes.
#include "tests/scenarios/kernel_symbols.h"
#include "tests/scenarios/ring.h"
#include "tests/scenarios/script.h"

namespace closewatch::scenarios {
namespace {

void need_ring(int result) {
  if (result == -ENOSYS || result == -EPERM) {
    skip("this kernel has no io_uring, or forbids it");
  }
  if (result != 0) {
    give_up("io_uring: errno " + std::to_string(-result));
  }
}

// On some kernels an observer takes a worker for a plain thread: others[0].
void note_blind_kernel(Stage& stage) {
  if (!bpf_reads_tasks()) {
    stage.variant(1);
  }
}

void inline_close(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  exchange(connection, 500);
  need_ring(connection.owner().run([fd = connection.fd()] {
    Ring ring;
    return ring.close(fd, false);
  }));
  end_orderly(connection);
}

void worker_close(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  stage.note_role("io_worker", connection.owner().pid(),
                  "iou-wrk-" + std::to_string(connection.owner().pid()));
  exchange(connection, 500);
  need_ring(connection.owner().run([fd = connection.fd()] {
    Ring ring;
    return ring.close(fd, true);
  }));
  end_orderly(connection);
}

void worker_lingers(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = connect_stuck(stage);
  stage.note_role("io_worker", connection.owner().pid(),
                  "iou-wrk-" + std::to_string(connection.owner().pid()));
  connection.linger(20);
  // The ring stays: its own end would cancel what it began, by a signal that interrupts the linger
  // (io_wq_worker_cancel() in io_uring/io-wq.c).
  need_ring(connection.owner().run([fd = connection.fd()] {
    static Ring ring;
    return ring.close(fd, true);
  }));
  drain(connection, 5000);
  // The worker has let go: what arrives while tcp_close() destroys the socket is dropped from its
  // backlog, and the peer sends its FIN but once.
  connection.await_end();
  peer_follows(connection);
}

// The ring stays, as above: the end of its poller would make the close an exit.
void poller_close(Stage& stage) {
  note_blind_kernel(stage);
  Connection& connection = stage.connect();
  stage.note_role("io_poller", connection.owner().pid(),
                  "iou-sqp-" + std::to_string(connection.owner().pid()));
  exchange(connection, 500);
  need_ring(connection.owner().run([fd = connection.fd()] {
    static Ring ring{Ring::Taker::poller};
    return ring.close(fd, false);
  }));
  end_orderly(connection);
}

// The ring holds the last reference; its own end is finished by a kernel thread.
void registered(Stage& stage) {
  Connection& connection = stage.connect();
  exchange(connection, 500);
  need_ring(connection.owner().run([fd = connection.fd()] {
    Ring ring;
    if (!ring.valid()) {
      return -ENOSYS;
    }
    if (ring.register_file(fd) != 0) {
      return -errno;
    }
    ::close(fd);
    return 0;
  }));
  end_orderly(connection);
}

// As it is told where tasks cannot be read: a plain close(), by a process of the thread's name.
Expected plain(Expected expected, std::string_view process = "owner") {
  expected.closed_by = "close";
  expected.process = process;
  return expected;
}

}  // namespace

std::vector<Situation> io_uring_situations() {
  const Expected inlined{.cls = "graceful", .reason = "local_first", .closed_by = "io_uring"};
  Expected lingered = inlined;
  lingered.cls = "lingered";
  lingered.reason = "linger_completed";
  lingered.linger_seconds = 20;
  lingered.linger = "completed";
  const Expected by_kernel{.cls = "graceful", .reason = "local_first", .closed_by = "kernel"};
  return {
      {.name = "identity/io_uring/inline",
       .about = "IORING_OP_CLOSE, done by the thread that submits it.",
       .run = inline_close,
       .usual = {{inlined}, {}},
       .others = {{{plain(inlined)}, {}}}},
      {.name = "identity/io_uring/worker",
       .about = "IORING_OP_CLOSE with IOSQE_ASYNC, done by a worker thread of the process.",
       .run = worker_close,
       .usual = {{inlined}, {}},
       .others = {{{plain(inlined, "io_worker")}, {}}}},
      {.name = "identity/io_uring/worker_lingers",
       .about = "The worker waits for SO_LINGER while the process goes on.",
       .run = worker_lingers,
       .usual = {{lingered}, {}},
       .others = {{{plain(lingered, "io_worker")}, {}}}},
      {.name = "identity/io_uring/poller",
       .about = "IORING_SETUP_SQPOLL: a thread of the process takes and does what is submitted.",
       .run = poller_close,
       .usual = {{inlined}, {}},
       .others = {{{plain(inlined, "io_poller")}, {}}}},
      {.name = "identity/io_uring/registered",
       .about = "A registered file goes with its ring, released by a kernel thread.",
       .run = registered,
       .usual = {{by_kernel}, {}}},
  };
}

}  // namespace closewatch::scenarios
