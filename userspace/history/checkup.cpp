// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/checkup.h"

#include <pthread.h>

#include <chrono>
#include <system_error>
#include <utility>

namespace closewatch::history {
namespace {

constexpr int kCheckWaitMs = 1000;  // for the lock of another connection

}  // namespace

Result<std::string> damage_in(Database& database) {
  auto statement = database.prepare("PRAGMA quick_check(1)");
  if (!statement.ok()) {
    return std::move(statement).error();
  }
  const auto row = statement->step();
  if (!row.ok()) {
    return row.error();
  }
  const std::string verdict(*row ? statement->text() : "no answer");
  return verdict == "ok" ? std::string() : verdict;
}

Result<std::unique_ptr<Checkup>> Checkup::begin(const std::string& path) {
  auto database = Database::open(path, Database::Mode::read, kCheckWaitMs);
  if (!database.ok()) {
    return std::move(database).error();
  }
  try {
    return std::unique_ptr<Checkup>(new Checkup(std::move(database).take()));
  } catch (const std::system_error& error) {
    return Error{std::string("no thread: ") + error.what()};
  }
}

Checkup::Checkup(Database database) : database_(std::move(database)) {
  damage_ = std::async(std::launch::async, [this]() -> Result<std::string> {
    ::pthread_setname_np(::pthread_self(), "history-check");
    auto damage = damage_in(database_);
    if (!damage.ok() && database_.fault() == Fault::corrupt) {
      return damage.error().what;  // so damaged that it cannot even be looked at
    }
    return damage;
  });
}

Checkup::~Checkup() {
  // Before the statement has begun there is nothing to interrupt: again and again.
  while (damage_.valid() &&
         damage_.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    sqlite3_interrupt(database_.handle());
  }
}

bool Checkup::over() const {
  return damage_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace closewatch::history
