// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/observer.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "userspace/base/unique_fd.h"
#include "userspace/kernel/pending.h"
#include "userspace/kernel/skeleton.h"

namespace closewatch {
namespace {

template <typename List>
__u32 fill(const List& values, __u32 (&out)[CW_FILTER_LIST]) {
  std::copy(values.begin(), values.end(), out);
  return static_cast<__u32>(values.size());
}

Result<cw_filter> kernel_filter(const KernelFilter& filter) {
  for (const auto& [name, size] :
       {std::pair("process ids", filter.pids.size()), std::pair("users", filter.uids.size()),
        std::pair("local ports", filter.local_ports.size()),
        std::pair("peer ports", filter.peer_ports.size())}) {
    if (size > CW_FILTER_LIST) {
      return Error{.what = std::string("a filter takes at most 16 ") + name + ", not " +
                           std::to_string(size),
                   .hint = "filter the output instead, or run closewatch once per group",
                   .code = ExitCode::usage};
    }
  }
  cw_filter out{};
  out.pid_count = fill(filter.pids, out.pids);
  out.uid_count = fill(filter.uids, out.uids);
  out.local_port_count = fill(filter.local_ports, out.local_ports);
  out.peer_port_count = fill(filter.peer_ports, out.peer_ports);
  out.family = filter.family.value_or(0);
  out.netns = filter.netns.value_or(0);
  out.cgroup_id = filter.cgroup_id.value_or(0);
  out.cgroup_level = filter.cgroup_level;
  out.unestablished = filter.unestablished ? 1 : 0;
  return out;
}

bpf_program* program_named(const SkeletonPtr& skeleton, std::string_view name) {
  return bpf_object__find_program_by_name(skeleton->obj, std::string(name).c_str());
}

std::optional<bpf_prog_info> info_of(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) {
    return std::nullopt;
  }
  return info;
}

// How often to ask whether the kernel has left out a program.
constexpr std::chrono::milliseconds kReserveWatch{10};

// A connection costs the kernel several KiB, so a table with room for one in 16 KiB of memory is
// not filled by connections alone; its buckets take a thousandth of the memory.
__u32 ledger_entries() {
  constexpr std::uint64_t kPerEntry = 16'384;  // bytes
  const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return static_cast<__u32>(
      std::clamp<std::uint64_t>(std::bit_floor(memory / kPerEntry), 1U << 16, 1U << 22));
}

// `only`: load this program alone, to see whether it can be loaded.
Result<SkeletonPtr> load(const AttachPlan& plan, const cw_filter& filter,
                         const ObserverOptions& options, const Hook* only) {
  SkeletonPtr skeleton = open_skeleton(plan.knobs.read_cast);
  if (!skeleton) {
    return Error{.what = std::string("cannot read the BPF object: ") + std::strerror(errno)};
  }
  for (const PlannedHook& planned : plan.hooks) {
    bpf_program__set_autoload(program_named(skeleton, planned.hook->program),
                              only != nullptr ? planned.hook == only : planned.chosen);
  }
  bpf_program__set_autoload(skeleton->progs.iter__tcp, options.pending && only == nullptr);
  const PlanKnobs& knobs = plan.knobs;
  skeleton->rodata->cw_filter = filter;
  skeleton->rodata->cw_full = knobs.full ? 1 : 0;
  skeleton->rodata->cw_stacks = options.stacks ? 1 : 0;
  skeleton->rodata->cw_totals_kept = options.totals ? 1 : 0;
  skeleton->rodata->cw_timewait_cookies = knobs.timewait_cookies ? 1 : 0;
  skeleton->rodata->cw_send_reset_arguments = static_cast<__u32>(knobs.send_reset_arguments);
  skeleton->rodata->cw_active_reset_reason = static_cast<__u32>(knobs.active_reset_reason);
  skeleton->rodata->cw_accept_arguments = static_cast<__u32>(knobs.accept_arguments);
  skeleton->rodata->cw_timewait_process_arguments =
      static_cast<__u32>(knobs.timewait_process_arguments);
  bpf_map__set_autocreate(skeleton->maps.stacks_kernel, options.stacks);
  bpf_map__set_autocreate(skeleton->maps.stacks_user, options.stacks);
  bpf_map__set_max_entries(skeleton->maps.records, options.ring_bytes);
  bpf_map__set_max_entries(skeleton->maps.ledger, ledger_entries());
  bpf_map__set_max_entries(skeleton->maps.counters, static_cast<__u32>(libbpf_num_possible_cpus()));
  const int status = closewatch_bpf::load(skeleton.get());
  if (status != 0) {
    const bool denied = status == -EPERM || status == -EACCES;
    return Error{
        .what = std::string("cannot load the BPF programs: ") + std::strerror(-status),
        .hint = denied ? "run as root, or with CAP_BPF and CAP_PERFMON (on 5.10 also a memory lock "
                         "limit: ulimit -l unlimited)"
                       : "see `closewatch doctor`; with -v the kernel's own words are shown",
        .code = ExitCode::unsupported};
  }
  return skeleton;
}

// Loads what is planned. Optional programs that do not load are dropped from the plan by name.
Result<SkeletonPtr> load_planned(AttachPlan& plan, const cw_filter& filter,
                                 const ObserverOptions& options) {
  auto loaded = load(plan, filter, options, nullptr);
  if (loaded.ok()) {
    return loaded;
  }
  bool dropped = false;
  for (const PlannedHook& planned : std::vector(plan.hooks)) {
    if (!planned.chosen || planned.hook->required) {
      continue;
    }
    const auto alone = load(plan, filter, options, planned.hook);
    if (!alone.ok()) {
      if (auto result = plan.drop(planned.hook->program, alone.error().what); !result.ok()) {
        return std::move(result).error();
      }
      dropped = true;
    }
  }
  return dropped ? load(plan, filter, options, nullptr) : std::move(loaded);
}

}  // namespace

struct Observer::State {
  SkeletonPtr skeleton;
  std::vector<LinkPtr> links;
  std::vector<const bpf_program*> watched;  // what the hooks in reserve are for; none: no reserve
  std::chrono::steady_clock::time_point watch_due;
  LinkPtr pending;  // null: not wanted, or refused
  RingPtr ring;
  const cw_counters* counters = nullptr;
  std::size_t counters_bytes = 0;
  std::size_t cpus = 0;
  const std::function<void(std::span<const std::byte>)>* take = nullptr;
  std::size_t taken = 0;                 // in the drain under way
  std::optional<KernelCounters> ledger;  // `open` and `unseen` when the hooks were detached
  UniqueFd table;                        // of totals, in use; none: the first
  std::uint64_t places_before = 0;       // cw_counters::totals_places when it came into use
  std::map<std::pair<std::uint32_t, std::uint64_t>, ProcessTotals> sums;  // of those before it
  cw_totals other_before{};  // cw_totals_other, as far as given out

  ~State() {
    if (counters != nullptr) {
      ::munmap(const_cast<cw_counters*>(counters), counters_bytes);
    }
  }

  static int give(void* context, void* data, std::size_t size) {
    auto* self = static_cast<State*>(context);
    (*self->take)({static_cast<const std::byte*>(data), size});
    // A negative number ends the drain; the record has been consumed.
    return ++self->taken < kDrainLimit ? 0 : -ECANCELED;
  }

  // What is chosen and in reserve, or what is chosen and not.
  Result<> attach(AttachPlan& plan, bool reserve);
  void watch_for_reserve(const AttachPlan& plan);
  void call_reserve(AttachPlan& plan);
  Result<> open_ring();
  Result<> map_counters();
  void run_start_iterators(AttachPlan& plan);
  [[nodiscard]] std::optional<std::uint64_t> count_open() const;
  [[nodiscard]] std::uint64_t places() const;
  Result<> take_table();
};

Result<> Observer::State::attach(AttachPlan& plan, bool reserve) {
  for (const PlannedHook& planned : std::vector(plan.hooks)) {
    if (!planned.chosen || planned.in_reserve != reserve ||
        planned.hook->kind == HookKind::iterator) {
      continue;
    }
    LinkPtr link(bpf_program__attach(program_named(skeleton, planned.hook->program)));
    if (!link) {
      if (auto result = plan.drop(planned.hook->program, std::strerror(errno)); !result.ok()) {
        return result;
      }
      continue;
    }
    links.push_back(std::move(link));
  }
  return {};
}

void Observer::State::watch_for_reserve(const AttachPlan& plan) {
  for (const PlannedHook& reserve : plan.hooks) {
    for (const PlannedHook& first : plan.hooks) {
      if (reserve.in_reserve && first.hook->turn == Turn::first &&
          first.hook->target == reserve.hook->target) {
        watched.push_back(program_named(skeleton, first.hook->program));
      }
    }
  }
}

// Attaches the reserve if the kernel has left out a run of a program that it is for.
void Observer::State::call_reserve(AttachPlan& plan) {
  const auto now = std::chrono::steady_clock::now();
  if (watched.empty() || now < watch_due) {
    return;
  }
  watch_due = now + kReserveWatch;
  const auto left_out = [](const bpf_program* program) {
    const auto info = info_of(program);
    return info && info->recursion_misses > 0;
  };
  if (std::none_of(watched.begin(), watched.end(), left_out)) {
    return;
  }
  watched.clear();
  (void)attach(plan, true);  // optional: cannot fail
  plan.end_reserve();
}

Result<> Observer::State::open_ring() {
  ring.reset(ring_buffer__new(bpf_map__fd(skeleton->maps.records), &State::give, this, nullptr));
  if (!ring) {
    return Error{.what = std::string("cannot map the ring buffer: ") + std::strerror(errno)};
  }
  return {};
}

Result<> Observer::State::map_counters() {
  cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  counters_bytes = (cpus * sizeof(cw_counters) + page - 1) / page * page;
  void* mapped = ::mmap(nullptr, counters_bytes, PROT_READ, MAP_SHARED,
                        bpf_map__fd(skeleton->maps.counters), 0);
  if (mapped == MAP_FAILED) {
    return Error{.what = std::string("cannot map the counters: ") + std::strerror(errno)};
  }
  counters = static_cast<const cw_counters*>(mapped);
  return {};
}

namespace {

// To its end, for what its program does. False with errno when it could not be run.
bool run_iterator(const bpf_program* program, const bpf_iter_attach_opts* options) {
  const LinkPtr link(bpf_program__attach_iter(program, options));
  const UniqueFd iterator(link ? bpf_iter_create(bpf_link__fd(link.get())) : -1);
  char none[256];
  ssize_t got = -1;
  while (iterator.valid() && (got = ::read(iterator.get(), none, sizeof none)) > 0) {
  }
  return got == 0;
}

}  // namespace

// What exists before the hooks: holders of sockets, threads of the kernel.
void Observer::State::run_start_iterators(AttachPlan& plan) {
  for (const std::string_view name : {"iter__task_file", "iter__task"}) {
    const auto planned =
        std::find_if(plan.hooks.begin(), plan.hooks.end(),
                     [name](const PlannedHook& hook) { return hook.hook->program == name; });
    if (planned == plan.hooks.end() || !planned->chosen) {
      continue;
    }
    if (!run_iterator(program_named(skeleton, name), nullptr)) {
      (void)plan.drop(name, std::strerror(errno));  // optional: cannot fail
    }
  }
}

// Connections that the ledger has and that have not ended; nullopt when it cannot be walked.
std::optional<std::uint64_t> Observer::State::count_open() const {
  const std::atomic_ref count(skeleton->bss->cw_ledger_open);
  count.store(0, std::memory_order_seq_cst);
  const bpf_program* const walk = skeleton->progs.iter__bpf_map;
  if (bpf_program__fd(walk) >= 0) {
    if (!run_iterator(walk, nullptr)) {
      return std::nullopt;
    }
    return count.load(std::memory_order_seq_cst);
  }
  for (const bpf_map* map : {skeleton->maps.ledger, skeleton->maps.ledger_places}) {
    bpf_iter_link_info target{};
    target.map.map_fd = static_cast<__u32>(bpf_map__fd(map));
    bpf_iter_attach_opts options{};
    options.sz = sizeof options;
    options.link_info = &target;
    options.link_info_len = sizeof target;
    if (!run_iterator(skeleton->progs.iter__bpf_map_elem, &options)) {
      return std::nullopt;
    }
  }
  return count.load(std::memory_order_seq_cst);
}

Observer::Observer(AttachPlan plan, std::unique_ptr<State> state)
    : plan_(std::move(plan)), state_(std::move(state)) {}
Observer::Observer(Observer&&) noexcept = default;
Observer& Observer::operator=(Observer&&) noexcept = default;
Observer::~Observer() = default;

Result<Observer> Observer::start(const Features& features, const ObserverOptions& options) {
  set_libbpf_output(options.verbose);
  auto filter = kernel_filter(options.filter);
  if (!filter.ok()) {
    return std::move(filter).error();
  }
  auto plan = make_plan(features, options.mode);
  if (!plan.ok()) {
    return std::move(plan).error();
  }
  auto state = std::make_unique<State>();
  auto skeleton = load_planned(*plan, *filter, options);
  if (!skeleton.ok() && options.pending) {
    // What is asked for beside observation must not keep it from beginning.
    ObserverOptions without = options;
    without.pending = false;
    skeleton = load_planned(*plan, *filter, without);
  }
  if (!skeleton.ok()) {
    return std::move(skeleton).error();
  }
  state->skeleton = std::move(skeleton).take();
  if (auto result = state->map_counters(); !result.ok()) {
    return std::move(result).error();
  }
  if (auto result = state->open_ring(); !result.ok()) {
    return std::move(result).error();
  }
  if (auto result = state->attach(*plan, false); !result.ok()) {
    return std::move(result).error();
  }
  state->watch_for_reserve(*plan);
  if (options.pending) {
    state->pending.reset(bpf_program__attach_iter(state->skeleton->progs.iter__tcp, nullptr));
  }
  // After the hooks: a socket opened between the two is then known from its start.
  state->run_start_iterators(*plan);
  return Observer(std::move(plan).take(), std::move(state));
}

Result<std::size_t> Observer::drain(const std::function<void(std::span<const std::byte>)>& take) {
  state_->take = &take;
  state_->taken = 0;
  const int status = ring_buffer__consume(state_->ring.get());
  state_->take = nullptr;
  if (status < 0 && status != -ECANCELED) {
    return Error{.what = std::string("cannot read the ring buffer: ") + std::strerror(-status)};
  }
  state_->call_reserve(plan_);
  if (state_->places() - state_->places_before > CW_TOTALS_PLACES / 2) {
    if (auto taken = state_->take_table(); !taken.ok()) {
      return std::move(taken).error();
    }
  }
  return state_->taken;
}

Result<std::vector<PendingClose>> Observer::pending() const {
  if (!state_->pending) {
    return Error{.what = "the socket iterator is not attached"};
  }
  return read_pending(bpf_link__fd(state_->pending.get()));
}

void Observer::stop() {
  state_->ledger = account();
  state_->watched.clear();
  state_->links.clear();
}

int Observer::wake_fd() const { return ring_buffer__epoll_fd(state_->ring.get()); }

void Observer::arm() {
  std::atomic_ref(state_->skeleton->bss->cw_reader_waits).store(1, std::memory_order_seq_cst);
}

KernelCounters Observer::counters() const {
  KernelCounters sum;
  for (std::size_t cpu = 0; cpu < state_->cpus; ++cpu) {
    const cw_counters& slot = state_->counters[cpu];
    const auto add = [](std::uint64_t& to, const __u64& from) {
      to += std::atomic_ref(const_cast<__u64&>(from)).load(std::memory_order_relaxed);
    };
    add(sum.ended, slot.ended);
    add(sum.recorded, slot.recorded);
    add(sum.filtered, slot.filtered);
    add(sum.lost_ring, slot.lost_ring);
    add(sum.lost_ledger, slot.lost_ledger);
    add(sum.unestablished, slot.unestablished);
    add(sum.unestablished_lost, slot.unestablished_lost);
    add(sum.amended, slot.amended);
    add(sum.amended_lost, slot.amended_lost);
    add(sum.totals_folded, slot.totals_folded);
    add(sum.rst_no_socket, slot.rst_no_socket);
    add(sum.wakeups, slot.wakeups);
    add(sum.ledger_refused, slot.ledger_refused);
    add(sum.ends_recovered, slot.ends_recovered);
    add(sum.begun, slot.begun);
    add(sum.made_up_runs, slot.runs_made_up);
    add(sum.stacks_lost, slot.stacks_lost);
    add(sum.holders_refused, slot.holders_refused);
  }
  return sum;
}

// Processes that found a place in any table.
std::uint64_t Observer::State::places() const {
  std::uint64_t sum = 0;
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    sum += std::atomic_ref(const_cast<__u64&>(counters[cpu].totals_places))
               .load(std::memory_order_relaxed);
  }
  return sum;
}

namespace {

void add(ProcessTotals& sum, const cw_totals& raw) {
  sum.process.uid = raw.uid;
  std::memcpy(sum.process.comm_bytes.data(), raw.comm, sizeof raw.comm);
  sum.closures += raw.closures;
  sum.lost += raw.lost;
  sum.discarded += raw.discarded;
  sum.unread += raw.unread;
}

}  // namespace

// Puts an empty table of totals in the place of the one in use, and adds that one to the sums.
Result<> Observer::State::take_table() {
  const auto failed = [](const char* what) {
    return Error{.what = std::string(what) + ": " + std::strerror(errno)};
  };
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_NO_PREALLOC;
  UniqueFd fresh(bpf_map_create(BPF_MAP_TYPE_HASH, "totals_next", sizeof(cw_totals_key),
                                sizeof(cw_totals), CW_TOTALS_PLACES, &options));
  const std::uint64_t places_now = places();  // one too many rather than one too few
  const __u32 current = 0;
  const int number = fresh.get();
  if (!fresh.valid() ||
      bpf_map_update_elem(bpf_map__fd(skeleton->maps.totals), &current, &number, BPF_ANY) != 0) {
    return failed("cannot make room for the totals");
  }
  const UniqueFd before = std::exchange(table, std::move(fresh));
  places_before = places_now;
  const int map = before.valid() ? before.get() : bpf_map__fd(skeleton->maps.totals_first);
  cw_totals_key key{};
  for (const void* from = nullptr; bpf_map_get_next_key(map, from, &key) == 0; from = &key) {
    cw_totals raw{};
    if (bpf_map_lookup_elem(map, &key, &raw) != 0) {
      return failed("cannot read the totals");
    }
    ProcessTotals& sum = sums[{key.pid, key.start_ns}];
    sum.process.pid = key.pid;
    sum.process.start_ns = key.start_ns;
    add(sum, raw);
  }
  return {};
}

std::vector<std::uint64_t> Observer::stack(StackKind kind, std::int32_t id) const {
  const auto& maps = state_->skeleton->maps;
  std::vector<std::uint64_t> addresses(CW_STACK_DEPTH);
  if (bpf_map_lookup_elem(
          bpf_map__fd(kind == StackKind::kernel ? maps.stacks_kernel : maps.stacks_user), &id,
          addresses.data()) != 0) {
    return {};
  }
  addresses.erase(std::find(addresses.begin(), addresses.end(), 0), addresses.end());
  return addresses;
}

Result<std::vector<ProcessTotals>> Observer::take_totals() {
  if (auto taken = state_->take_table(); !taken.ok()) {
    return std::move(taken).error();
  }
  std::vector<ProcessTotals> out;
  for (const auto& [key, sum] : std::exchange(state_->sums, {})) {
    out.push_back(sum);
  }
  const cw_totals rest = state_->skeleton->bss->cw_totals_other;
  const cw_totals before = std::exchange(state_->other_before, rest);
  ProcessTotals other{.closures = rest.closures - before.closures,
                      .lost = rest.lost - before.lost,
                      .discarded = rest.discarded - before.discarded,
                      .unread = rest.unread - before.unread,
                      .other = true};
  if (other.closures > 0 || other.unread > 0) {
    out.push_back(other);
  }
  return out;
}

bool Observer::may_read_maps() const {
  const cw_totals_key nobody{};
  cw_totals raw{};
  return bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.totals_first), &nobody, &raw) ==
             0 ||
         errno == ENOENT;
}

KernelCounters Observer::account() const {
  const std::uint64_t begun_before = counters().begun;
  const std::optional<std::uint64_t> open = state_->ledger ? std::nullopt : state_->count_open();
  KernelCounters sum = counters();
  if (state_->ledger) {
    sum.open = state_->ledger->open;
    sum.unseen = state_->ledger->unseen;
  } else if (open) {
    // What had begun before the walk, was not met on it and has not ended after it is gone.
    const std::uint64_t known = sum.ended - sum.lost_ledger + sum.unestablished + *open;
    sum.open = *open;
    sum.unseen = begun_before > known ? begun_before - known : 0;
  }
  for (const ProgramStats& stats : program_stats()) {
    if (!stats.again) {  // what only these missed, the first has done
      sum.missed_runs += stats.missed;
    }
  }
  return sum;
}

std::vector<ProgramStats> Observer::program_stats() const {
  std::vector<ProgramStats> out;
  for (const PlannedHook& planned : plan_.hooks) {
    if (!planned.chosen) {
      continue;
    }
    if (const auto info = info_of(program_named(state_->skeleton, planned.hook->program))) {
      out.push_back({.program = std::string(planned.hook->program),
                     .runs = info->run_cnt,
                     .run_ns = info->run_time_ns,
                     .missed = info->recursion_misses,
                     .again = planned.hook->turn != Turn::first});
    }
  }
  return out;
}

}  // namespace closewatch
