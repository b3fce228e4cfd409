// SPDX-License-Identifier: Apache-2.0
// What a request gets: one pure function over what the HTTP server parsed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace closewatch {

enum class Answer : std::uint8_t {
  page,                // 200, the metrics
  health,              // 200 or 503
  unauthorized,        // 401
  not_found,           // 404
  method_not_allowed,  // 405
  target_too_long,     // 414
};
inline constexpr std::size_t kAnswers = 6;

struct Request {
  std::string_view method;
  std::string_view path;           // without a query
  std::size_t target_length = 0;   // of path and query as sent, bytes
  std::string_view authorization;  // header; empty when there is none
};

inline constexpr std::size_t kLongestTarget = 128;

// `token` empty: none is asked for. /healthz never asks for one: it says nothing but ok.
Answer answer_to(const Request& request, std::string_view token);

std::string_view name_of(Answer answer);

// The time it takes depends on the length of `given` alone, not on what it holds.
bool is_secret(std::string_view given, std::string_view secret);

}  // namespace closewatch
