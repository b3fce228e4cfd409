// SPDX-License-Identifier: Apache-2.0
#include "userspace/alert/log_notifier.h"

#include <poll.h>
#include <string.h>

#include <cerrno>
#include <optional>

#include "userspace/alert/notification_text.h"
#include "userspace/base/write_now.h"
#include "userspace/render/escape.h"

namespace closewatch::alert {
namespace {

constexpr std::chrono::seconds kTimeout{10};

// syslog(3): LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_CRIT.
char priority_of(const Notification& notification) {
  if (notification.event == Event::resolved) {
    return '6';
  }
  if (notification.event == Event::more) {
    return '4';
  }
  switch (notification.rule.severity) {
    case Severity::notice:
      return '5';
    case Severity::warning:
      return '4';
    case Severity::critical:
      break;
  }
  return '2';
}

class Lines {
 public:
  // Without a priority lines have none in front.
  Lines(TextBuffer& out, std::optional<char> priority) : out_(out), priority_(priority) {}

  // `text` is escaped already.
  void put(std::string_view title, std::string_view text) {
    if (!text.empty()) {
      if (priority_) {
        append(out_, {"<", 1});
        out_.push_back(*priority_);
        append(out_, ">");
      }
      append(out_, "alert ");
      append(out_, title);
      append(out_, text);
      out_.push_back('\n');
    }
  }

 private:
  TextBuffer& out_;
  std::optional<char> priority_;
};

}  // namespace

Attempt LogNotifier::deliver(const Notification& notification, const Halt& halt) {
  TextBuffer headline;
  append_headline(headline, notification);
  TextBuffer out;
  Lines lines(out, target_.priorities ? std::optional(priority_of(notification)) : std::nullopt);
  lines.put("", view_of(headline));
  if (!notification.evidence.empty()) {
    lines.put("explanation: ", notification.evidence.front().explanation);
    lines.put("advice: ", notification.advice);
  }
  for (const Evidence& each : notification.evidence) {
    lines.put("evidence: ", each.closure);
  }
  std::string_view left = view_of(out);
  while (!left.empty()) {
    switch (halt.wait(target_.fd, POLLOUT, kTimeout)) {
      case Halt::Woken::halted:
        return {Outcome::halted};
      case Halt::Woken::late:
        return Attempt::failed("nobody reads the log");
      case Halt::Woken::ready:
        break;
    }
    const ssize_t taken = write_now(target_.fd, left);
    if (taken >= 0) {
      left.remove_prefix(static_cast<std::size_t>(taken));
    } else if (errno != EINTR && errno != EAGAIN) {
      return Attempt::failed(fmt::format("cannot write the log: {}", ::strerrordesc_np(errno)));
    }
  }
  return {};
}

}  // namespace closewatch::alert
