// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/request.h"

namespace closewatch {
namespace {

constexpr std::string_view kScheme = "Bearer ";

// RFC 7235: the name of the scheme is not case-sensitive.
bool begins_with_scheme(std::string_view authorization) {
  if (authorization.size() < kScheme.size()) {
    return false;
  }
  for (std::size_t at = 0; at < kScheme.size(); ++at) {
    const char c = authorization[at];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const char wanted = at == 0 ? 'b' : kScheme[at];
    if (lower != wanted) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool is_secret(std::string_view given, std::string_view secret) {
  if (secret.empty()) {
    return false;
  }
  // Volatile: what has been decided must not be skipped.
  volatile unsigned char differs = given.size() == secret.size() ? 0 : 1;
  for (std::size_t at = 0; at < given.size(); ++at) {
    const unsigned difference = static_cast<unsigned char>(given[at]) ^
                                static_cast<unsigned char>(secret[at % secret.size()]);
    differs = static_cast<unsigned char>(differs | difference);
  }
  return differs == 0;
}

Answer answer_to(const Request& request, std::string_view token) {
  if (request.target_length > kLongestTarget) {
    return Answer::target_too_long;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return Answer::method_not_allowed;
  }
  if (request.path == "/healthz") {
    return Answer::health;
  }
  if (request.path != "/metrics") {
    return Answer::not_found;
  }
  if (token.empty()) {
    return Answer::page;
  }
  const bool may = begins_with_scheme(request.authorization) &&
                   is_secret(request.authorization.substr(kScheme.size()), token);
  return may ? Answer::page : Answer::unauthorized;
}

std::string_view name_of(Answer answer) {
  static constexpr std::array<std::string_view, kAnswers> kNames{
      "page", "health", "unauthorized", "not_found", "method_not_allowed", "target_too_long"};
  return kNames.at(static_cast<std::size_t>(answer));
}

}  // namespace closewatch
