// SPDX-License-Identifier: Apache-2.0
// The server with real sockets: what it serves, and what attacks on it cost.
#include "userspace/metrics/metrics_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "tests/unit/metrics/closures.h"
#include "tests/unit/metrics/http_client.h"
#include "tests/unit/metrics/live_memory.h"
#include "userspace/metrics/metrics.h"

namespace closewatch {
namespace {

constexpr std::string_view kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kToken = "0123456789abcdef";

std::string status_of(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}

std::string body_of(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}

// Of this process, by what /proc says of each: the signals that it blocks, in hexadecimal.
std::map<std::string, std::string> threads() {
  std::map<std::string, std::string> blocked;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigBlk:")) {
        blocked[thread.path().filename()] = line.substr(line.rfind('\t') + 1);
      }
    }
  }
  return blocked;
}

class MetricsServerTest : public testing::Test {
 protected:
  void start(MetricsServerSettings settings = {}) {
    settings.listen = {"127.0.0.1:0"};
    settings.socket_path = path_;
    auto listeners = open_listeners(settings);
    ASSERT_TRUE(listeners) << listeners.error().what;
    port_ = port_of(listeners->front().fd.get());
    auto server = MetricsServer::start(std::move(listeners).take(), settings, metrics_,
                                       [this] { return healthy_.load(); });
    ASSERT_TRUE(server) << server.error().what;
    server_ = std::move(server).take();
  }
  std::string ask(std::string_view request) { return HttpClient::tcp(port_).ask(request); }
  std::string get(std::string_view path) {
    return ask("GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  // Waits until the counts are so, at most ten seconds.
  void await(const std::function<bool(const ServerCounts&)>& expected) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!expected(server_->counts())) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the counts never came to that";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  const std::string path_ = testing::TempDir() + "cw-server-" + std::to_string(::getpid());
  Metrics metrics_{{}, {"0.1.0", "full"}};
  std::atomic<bool> healthy_ = true;
  std::uint16_t port_ = 0;
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, ServesThePage) {
  metrics_.finding(closure_of("a\n\xff", Reason::peer_first, 1, Initiator::peer));
  start();
  const std::string response = ask(kGet);
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  EXPECT_NE(response.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_NE(response.find("\r\nConnection: close\r\n"), std::string::npos);
  const std::string body = body_of(response);
  EXPECT_NE(body.find("\nclosewatch_build_info{version=\"0.1.0\",hooks=\"full\"} 1\n"),
            std::string::npos);
  EXPECT_NE(body.find("\nclosewatch_process_closures_total{process=\"a\\\\x0a\\\\xff\",class="
                      "\"graceful\",reason=\"peer_first\",initiator=\"peer\"} 1\n"),
            std::string::npos);
  EXPECT_NE(body.find("\nclosewatch_http_connections 1\n"), std::string::npos);
  EXPECT_EQ(body.back(), '\n');
}

TEST_F(MetricsServerTest, AnswersHeadWithoutABody) {
  start();
  const std::string response = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  EXPECT_EQ(body_of(response), "");
}

TEST_F(MetricsServerTest, TellsItsHealth) {
  start();
  EXPECT_EQ(body_of(get("/healthz")), "ok\n");
  healthy_ = false;
  const std::string response = get("/healthz");
  EXPECT_EQ(status_of(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(body_of(response), "not healthy\n");
}

TEST_F(MetricsServerTest, RefusesEverythingElseAndCountsIt) {
  start({.page_age_ms = 0});
  EXPECT_EQ(status_of(get("/")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status_of(get("/" + std::string(200, 'a'))), "HTTP/1.1 414 URI Too Long");
  const std::string post = ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(status_of(post), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(post.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
  await([](const ServerCounts& counts) { return counts.connections == 0; });
  const ServerCounts counts = server_->counts();
  EXPECT_EQ(counts.answers, (std::array<std::uint64_t, kAnswers>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(counts.unanswered, 0U);
  const std::string body = body_of(ask(kGet));
  EXPECT_NE(body.find("\nclosewatch_http_requests_total{answer=\"not_found\"} 1\n"),
            std::string::npos);
}

TEST_F(MetricsServerTest, WantsTheTokenOnTcpButNotOnTheUnixSocket) {
  start({.token = std::string{kToken}});
  const std::string refused = ask(kGet);
  EXPECT_EQ(status_of(refused), "HTTP/1.1 401 Unauthorized");
  EXPECT_NE(refused.find("\r\nWWW-Authenticate: Bearer\r\n"), std::string::npos);
  EXPECT_EQ(status_of(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                          "0123456789abcdef\r\n\r\n")),
            "HTTP/1.1 200 OK");
  EXPECT_EQ(status_of(HttpClient::unix_socket(path_).ask(kGet)), "HTTP/1.1 200 OK");
}

TEST_F(MetricsServerTest, ServesOnASocketThatWasHandedOver) {
  auto opened = open_listeners({.listen = {"127.0.0.1:0"}, .socket_path = ""});
  ASSERT_TRUE(opened);
  port_ = port_of(opened->front().fd.get());
  auto adopted = adopt_listener(std::move(opened->front().fd), {});
  ASSERT_TRUE(adopted) << adopted.error().what;
  std::vector<Listener> listeners;
  listeners.push_back(std::move(adopted).take());
  auto server = MetricsServer::start(std::move(listeners), {}, metrics_, [] { return true; });
  ASSERT_TRUE(server) << server.error().what;
  server_ = std::move(server).take();
  EXPECT_EQ(status_of(ask(kGet)), "HTTP/1.1 200 OK");
}

// They are the daemon's, which waits for them in one thread.
TEST_F(MetricsServerTest, TakesNoSignals) {
  std::thread([] {}).join();  // with the first one, TSan makes one of its own
  const auto before = threads();
  start();
  std::size_t more = 0;
  for (const auto& [id, blocked] : threads()) {
    if (!before.contains(id)) {
      ++more;
      EXPECT_EQ(std::stoull(blocked, nullptr, 16) >> (SIGTERM - 1) & 1U, 1U);
      EXPECT_EQ(std::stoull(blocked, nullptr, 16) >> (SIGHUP - 1) & 1U, 1U);
    }
  }
  EXPECT_EQ(more, 2U);  // one of each listening socket
  EXPECT_EQ(threads()[std::to_string(::getpid())], before.at(std::to_string(::getpid())));
}

TEST_F(MetricsServerTest, RemovesItsSocketWhenItEnds) {
  start();
  EXPECT_TRUE(std::filesystem::exists(path_));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(MetricsServerTest, MakesOnePageForScrapesThatComeTogether) {
  start({.page_age_ms = 60'000});
  const std::string first = body_of(ask(kGet));
  metrics_.finding(closure_of("nginx", Reason::peer_first, 1));
  EXPECT_EQ(body_of(ask(kGet)), first);
}

TEST_F(MetricsServerTest, MakesEveryPageAnewWhenTold) {
  start({.page_age_ms = 0});
  EXPECT_EQ(ask(kGet).find("nginx"), std::string::npos);
  metrics_.finding(closure_of("nginx", Reason::peer_first, 1));
  EXPECT_NE(ask(kGet).find("nginx"), std::string::npos);
}

TEST_F(MetricsServerTest, EndsWithConnectionsOpen) {
  start();
  const HttpClient client = HttpClient::tcp(port_);
  ASSERT_TRUE(client.send("GET /met"));
  await([](const ServerCounts& counts) { return counts.connections == 1; });
  server_.reset();
  EXPECT_EQ(client.rest(), "");
}

TEST_F(MetricsServerTest, RefusesConnectionsBeyondTheLimits) {
  start({.connections = 4, .connections_per_address = 2, .overdue_seconds = 3600});
  std::vector<HttpClient> clients;
  for (const std::uint8_t last : std::array<std::uint8_t, 4>{1, 1, 2, 2}) {
    clients.push_back(HttpClient::tcp(port_, last));
  }
  await([](const ServerCounts& counts) { return counts.connections == 4; });
  EXPECT_EQ(HttpClient::tcp(port_, 1).rest(), "");
  EXPECT_EQ(server_->counts().address_full, 1U);
  EXPECT_EQ(HttpClient::tcp(port_, 3).rest(), "");
  EXPECT_EQ(server_->counts().full, 1U);
  // The unix socket has room of its own.
  EXPECT_EQ(status_of(HttpClient::unix_socket(path_).ask(kGet)), "HTTP/1.1 200 OK");
  clients.clear();
  await([](const ServerCounts& counts) { return counts.connections == 0; });
  EXPECT_EQ(server_->counts().unanswered, 4U);
  EXPECT_EQ(status_of(ask(kGet)), "HTTP/1.1 200 OK");
}

TEST_F(MetricsServerTest, EndsConnectionsThatAreIdle) {
  start({.idle_seconds = 1});
  const HttpClient client = HttpClient::tcp(port_);
  ASSERT_TRUE(client.send("GET /metrics HTTP/1.1\r\nHost: "));
  EXPECT_EQ(body_of(client.rest()), "");
  await([](const ServerCounts& counts) { return counts.unanswered == 1; });
}

// Clients that are not idle for long enough but never finish keep nobody out.
TEST_F(MetricsServerTest, LetsSlowClientsGiveWay) {
  start(
      {.connections = 4, .connections_per_address = 4, .idle_seconds = 300, .overdue_seconds = 1});
  std::vector<HttpClient> slow;
  for (int at = 0; at < 4; ++at) {
    slow.push_back(HttpClient::tcp(port_));
    ASSERT_TRUE(slow.back().send("GET /metrics HTTP/1.1\r\n"));
  }
  await([](const ServerCounts& counts) { return counts.connections == 4; });
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string response;
  while (response.empty() && std::chrono::steady_clock::now() < limit) {
    response = ask(kGet);
  }
  EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
  EXPECT_EQ(server_->counts().evicted, 1U);
  EXPECT_GT(server_->counts().address_full, 0U);
}

struct Attack {
  std::string_view name;
  std::string_view begin;   // sent once
  std::string_view repeat;  // sent until the server closes

  friend void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }
};

class MetricsServerAttackTest : public MetricsServerTest,
                                public testing::WithParamInterface<Attack> {};

// Sends until the server closes: it does, memory stays as it was, and others are answered.
TEST_P(MetricsServerAttackTest, IsCutOff) {
  constexpr std::size_t kMost = 64U << 20U;
  start();
  ask(kGet);  // what the first page allocates is there
  const std::size_t before = live_bytes();
  std::string chunk;
  while (chunk.size() < 65536) {
    chunk += GetParam().repeat;
  }
  std::size_t sent = 0;
  std::size_t most = before;
  {
    const HttpClient client = HttpClient::tcp(port_);
    ASSERT_TRUE(client.send(GetParam().begin));
    while (sent < kMost && client.send(chunk)) {
      sent += chunk.size();
      most = std::max(most, live_bytes());
    }
    EXPECT_LT(sent, kMost);
  }
  EXPECT_EQ(status_of(ask(kGet)), "HTTP/1.1 200 OK");
  EXPECT_LT(most, before + (2U << 20U));
  await([](const ServerCounts& counts) { return counts.connections == 0; });
}

INSTANTIATE_TEST_SUITE_P(
    All, MetricsServerAttackTest,
    testing::Values(
        Attack{"endless_request_line", "GET /", "aaaaaaaa"},
        Attack{"endless_header", "GET /metrics HTTP/1.1\r\nHost: ", "aaaaaaaa"},
        Attack{"endless_headers", "GET /metrics HTTP/1.1\r\n", "A: b\r\n"},
        Attack{"endless_query", "GET /metrics?", "a=b&"}, Attack{"endless_blank_lines", "", "\r\n"},
        Attack{"endless_folding", "GET /metrics HTTP/1.1\r\nA: b\r\n", " c\r\n"},
        Attack{"endless_body",
               "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
               "aaaaaaaa"},
        Attack{"endless_chunks",
               "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
               "4\r\naaaa\r\n"},
        Attack{"body_of_a_get",
               "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
               "aaaaaaaa"},
        Attack{"no_http", "", std::string_view("\x16\x03\x01\x00\xff", 5)},
        Attack{"pipelined", kGet, kGet}),
    [](const testing::TestParamInfo<Attack>& attack) { return std::string{attack.param.name}; });

// More slow clients than there is room for, from many addresses, and others that ask for the page
// and never read it: memory stays bounded, the unix socket answers.
TEST_F(MetricsServerTest, SurvivesManySlowClients) {
  for (int name = 0; name < 200; ++name) {
    Finding finding = closure_of("name-" + std::to_string(name), Reason::local_first, 1);
    finding.verdict.blocked_us = 1;
    finding.verdict.drain_us = 1;
    metrics_.finding(finding);
  }
  start({.connections = 16, .overdue_seconds = 3600, .page_age_ms = 0});
  EXPECT_GT(ask(kGet).size(), 400'000U);
  const std::size_t before = live_bytes();
  constexpr std::uint64_t kClients = 200;
  std::vector<HttpClient> clients;
  for (std::uint64_t at = 0; at < kClients; ++at) {
    clients.push_back(HttpClient::tcp(port_, static_cast<std::uint8_t>(1 + at % 100)));
    // A refused one may be closed already.
    static_cast<void>(clients.back().send(at % 2 == 0 ? "GET /metrics HTTP/1.1\r\nX: " : kGet));
  }
  await([](const ServerCounts& counts) {
    return counts.full + counts.address_full + counts.unanswered + counts.connections +
               counts.answers[static_cast<std::size_t>(Answer::page)] >=
           kClients;
  });
  EXPECT_LE(server_->counts().connections, 16U);
  EXPECT_EQ(status_of(HttpClient::unix_socket(path_).ask(kGet)), "HTTP/1.1 200 OK");
  EXPECT_LT(live_bytes(), before + (24U << 20U));
  clients.clear();
  await([](const ServerCounts& counts) { return counts.connections == 0; });
  EXPECT_EQ(status_of(ask(kGet)), "HTTP/1.1 200 OK");
}

// For TSan: scrapes on both sockets while closures are counted.
TEST_F(MetricsServerTest, ServesWhileTheRingThreadCounts) {
  start({.page_age_ms = 0});
  std::atomic<bool> done = false;
  std::thread ring([&] {
    for (std::uint64_t at = 1; !done; ++at) {
      metrics_.finding(closure_of("nginx", Reason::peer_first, at));
    }
  });
  for (int at = 0; at < 10; ++at) {
    EXPECT_EQ(status_of(ask(kGet)), "HTTP/1.1 200 OK");
    EXPECT_EQ(status_of(HttpClient::unix_socket(path_).ask(kGet)), "HTTP/1.1 200 OK");
  }
  done = true;
  ring.join();
}

}  // namespace
}  // namespace closewatch
