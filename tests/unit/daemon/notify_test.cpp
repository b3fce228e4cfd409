// SPDX-License-Identifier: Apache-2.0
#include "userspace/daemon/notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace closewatch {
namespace {

using ::testing::HasSubstr;

// The socket of a service manager, by a path or, with @, by an abstract name.
class Manager {
 public:
  explicit Manager(const std::string& name)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') {
      address.sun_path[0] = '\0';
    }
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
  }
  // The next message; "" when there is none.
  [[nodiscard]] std::string heard() const {
    std::string text(4096, '\0');
    const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(got < 0 ? 0 : got));
    return text;
  }

 private:
  UniqueFd fd_;
};

class Notify : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "notify-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/socket";
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  std::string directory_;
  std::string path_;
};

TEST_F(Notify, TellsEachStateInOneDatagram) {
  const Manager manager(path_);
  auto told = ServiceManager::connect(path_.c_str(), nullptr);
  ASSERT_TRUE(told.ok()) << told.error().what;
  told->ready("watching");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=watching");
  told->reloading(1'234'567'890);
  EXPECT_EQ(manager.heard(), "RELOADING=1\nMONOTONIC_USEC=1234567");
  told->status("fine");
  EXPECT_EQ(manager.heard(), "STATUS=fine");
  told->alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  told->stopping("writing");
  EXPECT_EQ(manager.heard(), "STOPPING=1\nSTATUS=writing");
  EXPECT_EQ(manager.heard(), "");
}

// A manager that does not read for a while learns of the last reload all the same.
TEST_F(Notify, OwesStatesToAManagerThatHasNoRoom) {
  const Manager manager(path_);
  auto told = ServiceManager::connect(path_.c_str(), nullptr);
  ASSERT_TRUE(told.ok()) << told.error().what;
  constexpr int kMoreThanItHolds = 10'000;
  for (int i = 0; i < kMoreThanItHolds; ++i) {
    told->alive();
  }
  told->reloading(1'000'000);
  told->ready("one");
  told->reloading(2'000'000);
  told->ready("two");
  int held = 0;
  for (; manager.heard() == "WATCHDOG=1"; ++held) {
  }
  ASSERT_LT(held, kMoreThanItHolds);
  told->alive();
  EXPECT_EQ(manager.heard(), "RELOADING=1\nMONOTONIC_USEC=2000");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=two");
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.heard(), "");
}

TEST_F(Notify, KnowsAbstractNames) {
  const std::string name = "@closewatch-" + std::to_string(::getpid());
  const Manager manager(name);
  auto told = ServiceManager::connect(name.c_str(), nullptr);
  ASSERT_TRUE(told.ok()) << told.error().what;
  told->alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST_F(Notify, LetsNoStatusBecomeAnAssignment) {
  const Manager manager(path_);
  auto told = ServiceManager::connect(path_.c_str(), nullptr);
  ASSERT_TRUE(told.ok());
  told->status("a\nREADY=1");
  EXPECT_EQ(manager.heard(), "STATUS=a READY=1");
}

TEST_F(Notify, NeverWaitsForAManagerThatDoesNotRead) {
  const Manager manager(path_);
  auto told = ServiceManager::connect(path_.c_str(), nullptr);
  ASSERT_TRUE(told.ok());
  for (int i = 0; i < 10'000; ++i) {  // many times what any socket queues
    told->alive();
  }
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST_F(Notify, IsSilentWithoutAManager) {
  for (const char* socket : {static_cast<const char*>(nullptr), ""}) {
    auto told = ServiceManager::connect(socket, nullptr);
    ASSERT_TRUE(told.ok());
    told->ready("nobody hears it");
    EXPECT_EQ(told->patience_ns(), std::nullopt);
  }
}

TEST_F(Notify, SaysThatTheManagerIsNotThere) {
  auto told = ServiceManager::connect(path_.c_str(), nullptr);
  ASSERT_FALSE(told.ok());
  EXPECT_THAT(told.error().what, HasSubstr(path_));
  EXPECT_THAT(told.error().hint, HasSubstr("NOTIFY_SOCKET"));
}

TEST_F(Notify, RefusesOtherNames) {
  EXPECT_FALSE(ServiceManager::connect("relative/socket", nullptr).ok());
  EXPECT_FALSE(ServiceManager::connect(("/" + std::string(200, 'a')).c_str(), nullptr).ok());
}

TEST_F(Notify, KnowsTheManagersPatience) {
  EXPECT_EQ(ServiceManager::connect(nullptr, "30000000")->patience_ns(), 30'000'000'000);
  for (const char* text : {"", "0", "-1", "soon", "30s", "18446744073709551615"}) {
    EXPECT_EQ(ServiceManager::connect(nullptr, text)->patience_ns(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace closewatch
