// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/prometheus.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "tests/storm/await.h"
#include "tests/storm/must.h"
#include "userspace/base/unique_fd.h"

namespace closewatch::serve {
namespace {

std::filesystem::path new_folder() {
  std::string pattern = std::filesystem::temp_directory_path() / "closewatch-prometheus-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    storm::give_up("mkdtemp");
  }
  return pattern;
}

// A port that nobody listens on at this moment.
std::uint16_t free_port() {
  const UniqueFd fd{storm::must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  storm::must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), "bind");
  storm::must(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

std::size_t append(const char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

// nullopt: it could not be asked.
std::optional<std::string> fetch(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> curl{::curl_easy_init(),
                                                                   &::curl_easy_cleanup};
  std::string body;
  ::curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
  ::curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  ::curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  return ::curl_easy_perform(curl.get()) == CURLE_OK ? std::optional{body} : std::nullopt;
}

std::string encoded(const std::string& text) {
  const std::unique_ptr<char, decltype(&::curl_free)> result{
      ::curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), &::curl_free};
  return result.get();
}

}  // namespace

Prometheus::Prometheus(const std::string& address, const std::optional<Alerting>& alerting)
    : folder_(new_folder()) {
  std::ofstream config(folder_ / "prometheus.yml");
  config << "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\n"
            "scrape_configs:\n"
            "- job_name: closewatch\n"
            "  static_configs: [{targets: ['"
         << address << "']}]\n";
  if (alerting) {
    config << "rule_files: ['" << alerting->rules
           << "']\n"
              "alerting: {alertmanagers: [{static_configs: [{targets: ['"
           << alerting->alertmanager << "']}]}]}\n";
  }
  config.close();
  constexpr int kAttempts = 5;
  for (int attempt = 1; !start(); ++attempt) {
    if (attempt == kAttempts) {
      std::ifstream log(folder_ / "log");
      throw std::runtime_error("prometheus ended:\n" +
                               std::string(std::istreambuf_iterator<char>(log), {}));
    }
  }
}

bool Prometheus::start() {
  port_ = free_port();
  process_.emplace([this] { run(); });
  bool ready = false;
  storm::await("Prometheus to become ready", [&] {
    const auto body = fetch("http://127.0.0.1:" + std::to_string(port_) + "/-/ready");
    ready = body && body->find("is Ready") != std::string::npos;
    return ready || process_->ended();
  });
  return ready;
}

void Prometheus::run() const {
  const int log = storm::must(
      ::open((folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "the log");
  storm::must(::dup2(log, STDOUT_FILENO), "dup2");
  storm::must(::dup2(log, STDERR_FILENO), "dup2");
  const std::string config = "--config.file=" + (folder_ / "prometheus.yml").string();
  const std::string data = "--storage.tsdb.path=" + (folder_ / "data").string();
  const std::string listen = "--web.listen-address=127.0.0.1:" + std::to_string(port_);
  storm::must(::execlp("prometheus", "prometheus", config.c_str(), data.c_str(), listen.c_str(),
                       "--log.level=warn", nullptr),
              "prometheus");
}

Prometheus::~Prometheus() {
  process_.reset();
  std::filesystem::remove_all(folder_);
}

Json Prometheus::get(const std::string& path) const {
  const auto body = fetch("http://127.0.0.1:" + std::to_string(port_) + path);
  if (!body) {
    throw std::runtime_error("prometheus does not answer");
  }
  Json answer = Json::parse(*body);
  if (answer.at("status") != "success") {
    throw std::runtime_error(answer.at("error").get<std::string>());
  }
  return answer.at("data");
}

std::vector<Sample> Prometheus::query(const std::string& expression) const {
  std::vector<Sample> samples;
  const Json data = get("/api/v1/query?query=" + encoded(expression));
  for (const Json& each : data.at("result")) {
    samples.push_back({each.at("metric"),
                       std::strtod(each.at("value").at(1).get<std::string>().c_str(), nullptr)});
  }
  return samples;
}

double Prometheus::value(const std::string& expression) const {
  const std::vector<Sample> samples = query(expression);
  return samples.size() == 1 ? samples.front().value : std::nan("");
}

}  // namespace closewatch::serve
