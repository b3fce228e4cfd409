// SPDX-License-Identifier: Apache-2.0
// Writes the inputs that the fuzzers start from: seeds FOLDER makes
// FOLDER/{decode,capture,escape,request}/*.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/data/example_record.h"
#include "tests/data/raw_record.h"
#include "tests/unit/render/hostile_names.h"
#include "userspace/record/capture_writer.h"

namespace closewatch::testing {
namespace {

CaptureHeader header() {
  CaptureHeader header;
  header.tick_ns = 4'000'000;
  header.closewatch_version = "0.1.0";
  header.kernel_release = "6.12";
  header.boot_id = "01234567";
  header.reset_reasons = {{0, "NOT_SPECIFIED"}, {11, "TCP_ABORT_ON_CLOSE"}};
  return header;
}

void append_some_of_everything(CaptureWriter& writer) {
  writer.append(ProcessNote{.pid = 1001,
                            .start_ns = 5'000'000'001,
                            .cgroup_id = 4242,
                            .exe = "nginx",
                            .cgroup = "/",
                            .container = "0123abcd",
                            .start_unix_ns = 3});
  writer.append(StackNote{.user = true, .id = 22, .frames = {"close", "main"}});
  writer.append(encode(example_closure(1)));
  writer.append(encode(example_amendment(1)));
  static_cast<void>(writer.end_batch(100));
  writer.append(CaptureGap{.lost_records = 5, .since_ns = 90});
  writer.append(encode(example_closure(2)));
  static_cast<void>(writer.end_batch(200));
  writer.append(ProcessTotals{.process = example_task(1, "nginx"), .closures = 7});
}

bool write_capture(const std::filesystem::path& path, bool with_events) {
  auto writer = CaptureWriter::create(path, header(), true);
  if (!writer.ok()) {
    std::cerr << writer.error().what << '\n';
    return false;
  }
  if (with_events) {
    append_some_of_everything(*writer);
  }
  return writer->finish(300, {}).ok();
}

bool write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

bool write_all(const std::filesystem::path& folder) {
  for (const char* target : {"decode", "capture", "escape", "request"}) {
    std::filesystem::create_directories(folder / target);
  }
  bool good = write_bytes(folder / "decode/closure", encode(example_closure(1))) &&
              write_bytes(folder / "decode/amendment", encode(example_amendment(1))) &&
              write_capture(folder / "capture/empty", false) &&
              write_capture(folder / "capture/everything", true);
  int number = 0;
  for (const std::string& name : hostile_names()) {
    good = good && write_bytes(folder / "escape" / std::to_string(number++),
                               std::as_bytes(std::span{name}));
  }
  // Method, target, and a header or an address, as request_fuzz.cpp takes them.
  for (const std::string_view request : {"GET\n/metrics\nBearer 0123456789abcdef",
                                         "HEAD\n/healthz\n127.0.0.1:10177", "POST\n/\n[::1]:80"}) {
    good = good && write_bytes(folder / "request" / std::to_string(number++),
                               std::as_bytes(std::span{request}));
  }
  return good;
}

}  // namespace
}  // namespace closewatch::testing

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: seeds FOLDER\n";
    return 2;
  }
  return closewatch::testing::write_all(arguments[1]) ? 0 : 1;
}
