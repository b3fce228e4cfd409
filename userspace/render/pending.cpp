// SPDX-License-Identifier: Apache-2.0
#include "userspace/render/pending.h"

#include <array>

#include "userspace/render/columns.h"
#include "userspace/render/endpoint_text.h"
#include "userspace/render/json_value.h"
#include "userspace/render/quantity.h"

namespace closewatch {
namespace {

constexpr std::array kColumns{
    Column{"PID", 7, Align::right},
    Column{"COMM", 15},
    Column{"STATE", 10},
    Column{"AGE", 6, Align::right},
    Column{"UNACKED", 7, Align::right},
    Column{"UNSENT", 6, Align::right},
    Column{"PEER", 22},
};

std::optional<std::uint64_t> age_us(const PendingClose& close) {
  return close.age_ns ? std::optional{*close.age_ns / 1000} : std::nullopt;
}

void text_row(TextBuffer& out, const PendingClose& close) {
  ColumnRow row(out, kColumns, true);
  const auto unknown = [](TextBuffer& cell) { append(cell, "-"); };
  if (close.process.known()) {
    row.cell([&](TextBuffer& cell) { append_number(cell, close.process.pid); });
    row.cell(
        [&](TextBuffer& cell) { append_terminal_text(cell, close.process.comm(), Charset::utf8); });
  } else {
    row.cell(unknown);
    row.cell(unknown);
  }
  row.cell(name_of(close.state));
  if (const auto age = age_us(close)) {
    row.cell([&](TextBuffer& cell) { append_duration(cell, *age); });
  } else {
    row.cell(unknown);
  }
  row.cell([&](TextBuffer& cell) { append_count(cell, close.unacked); });
  row.cell([&](TextBuffer& cell) { append_count(cell, close.never_sent); });
  row.cell([&](TextBuffer& cell) { append_endpoint_fitted(cell, close.peer, kColumns[6].width); });
}

void json_endpoint(TextBuffer& out, std::string_view key, const Endpoint& endpoint) {
  append(out, ",\"");
  append(out, key);
  append(out, "\":{\"address\":\"");
  append_address(out, endpoint.address);
  append(out, "\",\"port\":");
  append_json(out, endpoint.port);
  out.push_back('}');
}

}  // namespace

void pending_text(Output& output, const std::vector<PendingClose>& closes) {
  if (closes.empty()) {
    append(output.buffer(), "no close is running in the background");
    output.end_line();
    return;
  }
  append_titles(output.buffer(), kColumns);
  output.end_line();
  for (const PendingClose& close : closes) {
    text_row(output.buffer(), close);
    output.end_line();
  }
}

void pending_json(Output& output, const std::vector<PendingClose>& closes) {
  for (const PendingClose& close : closes) {
    TextBuffer& out = output.buffer();
    append(out, "{\"v\":1,\"process\":");
    if (close.process.known()) {
      append(out, "{\"pid\":");
      append_json(out, close.process.pid);
      append(out, ",\"comm\":");
      append_json_string(out, close.process.comm());
      append(out, ",\"uid\":");
      append_json(out, close.process.uid);
      out.push_back('}');
    } else {
      append(out, "null");
    }
    append(out, ",\"state\":");
    append_json_name(out, name_of(close.state));
    append(out, ",\"age_us\":");
    append_json(out, age_us(close));
    append(out, ",\"bytes\":{\"unacked\":");
    append_json(out, close.unacked);
    append(out, ",\"never_sent\":");
    append_json(out, close.never_sent);
    out.push_back('}');
    json_endpoint(out, "local", close.local);
    json_endpoint(out, "peer", close.peer);
    append(out, ",\"netns\":");
    append_json(out, close.netns);
    out.push_back('}');
    output.end_line();
  }
}

void pending_csv(Output& output, const std::vector<PendingClose>& closes) {
  append(output.buffer(),
         "pid,comm,uid,state,age_us,unacked,never_sent,local_address,local_port,peer_address,"
         "peer_port,netns");
  output.end_line();
  for (const PendingClose& close : closes) {
    TextBuffer& out = output.buffer();
    const auto comma = [&out] { out.push_back(','); };
    if (close.process.known()) {
      append_number(out, close.process.pid);
      comma();
      append_csv_cell(out, close.process.comm());
      comma();
      append_number(out, close.process.uid);
    } else {
      append(out, ",,");
    }
    comma();
    append(out, name_of(close.state));
    comma();
    if (const auto age = age_us(close)) {
      append_number(out, *age);
    }
    comma();
    append_number(out, close.unacked);
    comma();
    append_number(out, close.never_sent);
    for (const Endpoint& endpoint : {close.local, close.peer}) {
      comma();
      append_address(out, endpoint.address);
      comma();
      append_number(out, endpoint.port);
    }
    comma();
    append_number(out, close.netns);
    output.end_line();
  }
}

}  // namespace closewatch
