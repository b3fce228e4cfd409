// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/metrics_server.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <utility>

#include "userspace/base/clock.h"
#include "userspace/base/signals_blocked.h"
#include "userspace/metrics/admission.h"
#include "userspace/metrics/metrics.h"
#include "userspace/metrics/own_process.h"
#include "userspace/metrics/responses.h"
#include "userspace/metrics/server_families.h"
#include "userspace/metrics/tcp_address.h"

namespace closewatch {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;

std::string_view text_or_empty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

// One listening socket and its HTTP server, whose thread calls everything here but start().
class MetricsServer::Port {
 public:
  Port(MetricsServer& server, Listener listener)
      : server_(server),
        listener_(std::move(listener)),
        admission_({.connections = server.settings_.connections,
                    .per_address = server.settings_.connections_per_address,
                    .overdue_ns = server.settings_.overdue_seconds * kSecondNs}) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() {
    if (http_ != nullptr) {
      MHD_stop_daemon(http_);
    }
    if (!listener_.unlink_path.empty()) {
      ::unlink(listener_.unlink_path.c_str());
    }
  }

  Result<> start();

 private:
  static MHD_Result may_connect(void* port, const sockaddr* address, socklen_t size);
  static void connection_changed(void* port, MHD_Connection* connection, void** guest,
                                 MHD_ConnectionNotificationCode change);
  static void* target_seen(void* port, const char* target, MHD_Connection* connection);
  static MHD_Result request_came(void* port, MHD_Connection* connection, const char* path,
                                 const char* method, const char* version, const char* upload,
                                 std::size_t* upload_size, void** state);

  MHD_Result admit(const ClientAddress& address);
  void leave(const Guest& guest);
  MHD_Result respond(MHD_Connection* connection, Guest& guest, std::string_view path,
                     std::string_view method);

  MetricsServer& server_;
  Listener listener_;
  Admission admission_;
  MHD_Daemon* http_ = nullptr;
};

Result<> MetricsServer::Port::start() {
  const MetricsServerSettings& settings = server_.settings_;
  const SignalsBlocked blocked;
  // Those that must leave are connected until the server has noticed: twice the limit.
  http_ = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD, 0, &may_connect, this, &request_came, this,   //
      MHD_OPTION_LISTEN_SOCKET, listener_.fd.get(),                                //
      MHD_OPTION_CONNECTION_LIMIT, 2 * settings.connections,                       //
      MHD_OPTION_CONNECTION_TIMEOUT, settings.idle_seconds,                        //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::size_t{settings.connection_bytes},  //
      MHD_OPTION_NOTIFY_CONNECTION, &connection_changed, this,                     //
      MHD_OPTION_URI_LOG_CALLBACK, &target_seen, this,                             //
      MHD_OPTION_END);
  if (http_ == nullptr) {
    return Error{fmt::format("the HTTP server on {} cannot be started: {}", listener_.address,
                             std::strerror(errno))};
  }
  listener_.fd.release();  // it is the HTTP server's
  return {};
}

MHD_Result MetricsServer::Port::may_connect(void* port, const sockaddr* address,
                                            socklen_t /*size*/) {
  return static_cast<Port*>(port)->admit(host_of(address));
}

MHD_Result MetricsServer::Port::admit(const ClientAddress& address) {
  const Admission::Ruling ruling = admission_.ask(address, boot_now_ns());
  if (ruling.admittance != Admittance::admitted) {
    ++(ruling.admittance == Admittance::full ? server_.full_ : server_.address_full_);
    return MHD_NO;
  }
  if (ruling.gives_way != nullptr) {
    ++server_.evicted_;
    ::shutdown(ruling.gives_way->fd, SHUT_RDWR);
  }
  return MHD_YES;
}

void MetricsServer::Port::connection_changed(void* port, MHD_Connection* connection, void** guest,
                                             MHD_ConnectionNotificationCode change) {
  auto& self = *static_cast<Port*>(port);
  if (change == MHD_CONNECTION_NOTIFY_CLOSED) {
    self.leave(*static_cast<const Guest*>(*guest));
    return;
  }
  const auto* const address =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const auto* const fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  *guest = &self.admission_.enter(host_of(address->client_addr), fd->connect_fd, boot_now_ns());
  ++self.server_.connections_;
}

void MetricsServer::Port::leave(const Guest& guest) {
  server_.unanswered_ += guest.answered ? 0 : 1;
  --server_.connections_;
  admission_.leave(guest);
}

void* MetricsServer::Port::target_seen(void* /*port*/, const char* target,
                                       MHD_Connection* connection) {
  const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  static_cast<Guest*>(info->socket_context)->target_length = std::strlen(target);
  return info->socket_context;
}

MHD_Result MetricsServer::Port::request_came(void* port, MHD_Connection* connection,
                                             const char* path, const char* method,
                                             const char* /*version*/, const char* /*upload*/,
                                             std::size_t* /*upload_size*/, void** state) {
  try {
    return static_cast<Port*>(port)->respond(connection, *static_cast<Guest*>(*state),
                                             text_or_empty(path), text_or_empty(method));
  } catch (const std::exception&) {  // no memory for a page: the connection ends unanswered
    return MHD_NO;
  }
}

MHD_Result MetricsServer::Port::respond(MHD_Connection* connection, Guest& guest,
                                        std::string_view path, std::string_view method) {
  const Request request{.method = method,
                        .path = path,
                        .target_length = guest.target_length,
                        .authorization = text_or_empty(MHD_lookup_connection_value(
                            connection, MHD_HEADER_KIND, "Authorization"))};
  const std::string_view token =
      listener_.unix_socket ? "" : std::string_view{server_.settings_.token};
  const Answer answer = answer_to(request, token);
  ++server_.answers_.at(static_cast<std::size_t>(answer));
  const bool healthy = answer != Answer::health || server_.healthy_();
  const StatusResponse response = server_.responses_->to(answer, healthy, boot_now_ns());
  guest.answered = true;
  return MHD_queue_response(connection, response.status, response.response.get());
}

MetricsServer::MetricsServer(MetricsServerSettings settings, const prometheus::Collectable& metrics,
                             std::function<bool()> healthy)
    : settings_(std::move(settings)), metrics_(metrics), healthy_(std::move(healthy)) {
  const auto make_page = [this] {
    Families families = metrics_.Collect();
    append_server_families(families, counts());
    append_own_process_families(families);
    return text_page(families);
  };
  responses_ = std::make_unique<Responses>(make_page, settings_.page_age_ms * kNsPerMs);
}

MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(std::vector<Listener> listeners,
                                                            MetricsServerSettings settings,
                                                            const prometheus::Collectable& metrics,
                                                            std::function<bool()> healthy) {
  std::unique_ptr<MetricsServer> server{
      new MetricsServer(std::move(settings), metrics, std::move(healthy))};
  for (Listener& listener : listeners) {
    auto port = std::make_unique<Port>(*server, std::move(listener));
    if (Result<> started = port->start(); !started) {
      return std::move(started).error();
    }
    server->ports_.push_back(std::move(port));
  }
  return server;
}

ServerCounts MetricsServer::counts() const {
  ServerCounts counts;
  for (std::size_t at = 0; at < kAnswers; ++at) {
    counts.answers.at(at) = answers_.at(at);
  }
  counts.full = full_;
  counts.address_full = address_full_;
  counts.evicted = evicted_;
  counts.unanswered = unanswered_;
  counts.connections = connections_;
  return counts;
}

}  // namespace closewatch
