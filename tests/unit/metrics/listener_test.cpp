// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/metrics/http_client.h"

namespace closewatch {
namespace {

class ListenerTest : public testing::Test {
 protected:
  ~ListenerTest() override { std::filesystem::remove(path_); }

  MetricsServerSettings unix_only() { return {.listen = {}, .socket_path = path_}; }

  const std::string path_ = testing::TempDir() + "cw-listener-" + std::to_string(::getpid());
};

TEST_F(ListenerTest, OpensAllThatIsAskedFor) {
  const auto listeners =
      open_listeners({.listen = {"127.0.0.1:0", "127.0.0.1:0"}, .socket_path = path_});
  ASSERT_TRUE(listeners) << listeners.error().what;
  ASSERT_EQ(listeners->size(), 3U);
  EXPECT_NE(port_of((*listeners)[0].fd.get()), 0);
  EXPECT_FALSE((*listeners)[0].unix_socket);
  EXPECT_TRUE((*listeners)[2].unix_socket);
  EXPECT_EQ((*listeners)[2].unlink_path, path_);
}

TEST_F(ListenerTest, GivesTheSocketItsMode) {
  MetricsServerSettings settings = unix_only();
  for (const std::uint32_t mode : {0600U, 0660U, 0666U}) {
    settings.socket_mode = mode;
    const auto listeners = open_listeners(settings);
    ASSERT_TRUE(listeners) << listeners.error().what;
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, mode);
    std::filesystem::remove(path_);
  }
}

TEST_F(ListenerTest, ReplacesASocketThatNobodyListensOn) {
  { ASSERT_TRUE(open_listeners(unix_only())); }
  ASSERT_TRUE(std::filesystem::exists(path_));
  const auto listeners = open_listeners(unix_only());
  EXPECT_TRUE(listeners) << listeners.error().what;
}

TEST_F(ListenerTest, LeavesASocketThatIsInUse) {
  const auto first = open_listeners(unix_only());
  ASSERT_TRUE(first);
  const auto second = open_listeners(unix_only());
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().what.starts_with("cannot listen on " + path_ + ": "))
      << second.error().what;
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, LeavesAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_FALSE(open_listeners(unix_only()));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ListenerTest, TellsWhyAnAddressCannotBeHad) {
  const auto first = open_listeners({.listen = {"127.0.0.1:0"}, .socket_path = ""});
  ASSERT_TRUE(first);
  const std::string taken = "127.0.0.1:" + std::to_string(port_of((*first)[0].fd.get()));
  const auto second = open_listeners({.listen = {taken}, .socket_path = ""});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "cannot listen on " + taken + ": Address already in use");
  EXPECT_FALSE(second.error().hint.empty());
}

TEST_F(ListenerTest, OpensNothingBeyondLoopbackWithoutAToken) {
  MetricsServerSettings settings{.listen = {"0.0.0.0:0"}, .socket_path = ""};
  settings.beyond_loopback = true;
  const auto refused = open_listeners(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "cannot listen on 0.0.0.0:0: it is not loopback");
  settings.token = "0123456789abcdef";
  EXPECT_TRUE(open_listeners(settings));
  settings.beyond_loopback = false;
  EXPECT_FALSE(open_listeners(settings));
}

UniqueFd listening(const char* host) {
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, host, &address.sin_addr);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

TEST_F(ListenerTest, AdoptsAReadySocketOfLoopback) {
  UniqueFd fd = listening("127.0.0.1");
  const std::uint16_t port = port_of(fd.get());
  const auto listener = adopt_listener(std::move(fd), {});
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_EQ(listener->address, "127.0.0.1:" + std::to_string(port));
  EXPECT_FALSE(listener->unix_socket);
  EXPECT_EQ(listener->unlink_path, "");
}

TEST_F(ListenerTest, AdoptsASocketBeyondLoopbackOnlyWithAToken) {
  MetricsServerSettings settings;
  EXPECT_FALSE(adopt_listener(listening("0.0.0.0"), settings));
  settings.beyond_loopback = true;
  EXPECT_FALSE(adopt_listener(listening("0.0.0.0"), settings));
  settings.token = "0123456789abcdef";
  EXPECT_TRUE(adopt_listener(listening("0.0.0.0"), settings));
}

TEST_F(ListenerTest, AdoptsNothingElse) {
  EXPECT_FALSE(adopt_listener(UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, {}));
  EXPECT_FALSE(adopt_listener(UniqueFd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}, {}));
  EXPECT_FALSE(adopt_listener(UniqueFd{}, {}));
}

}  // namespace
}  // namespace closewatch
