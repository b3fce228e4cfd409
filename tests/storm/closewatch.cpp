// SPDX-License-Identifier: Apache-2.0
#include "tests/storm/closewatch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/storm/await.h"
#include "tests/storm/must.h"

namespace closewatch::storm {
namespace {

UniqueFd memory_file(const char* name) {
  return UniqueFd(must(::memfd_create(name, MFD_CLOEXEC), "memfd_create"));
}

std::string content(int fd) {
  struct stat status {};
  must(::fstat(fd, &status), "fstat");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  text.resize(static_cast<std::size_t>(must(::pread(fd, text.data(), text.size(), 0), "pread")));
  return text;
}

// The executable is opened before privileges are dropped: an unprivileged user need not be able to
// reach the folder that it is in.
void become(const Closewatch::Start& start, int output, int errors) {
  const int executable =
      must(::open(start.program.path.c_str(), O_RDONLY | O_CLOEXEC), start.program.path.c_str());
  must(::dup2(output, STDOUT_FILENO), "dup2");
  must(::dup2(errors, STDERR_FILENO), "dup2");
  std::vector<std::string> words{"closewatch"};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  words.insert(words.end(), start.program.options.begin(), start.program.options.end());
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  start.before_exec();
  ::fexecve(executable, pointers.data(), environ);
  give_up("fexecve");
}

}  // namespace

Closewatch::Closewatch(const Start& start)
    : output_(memory_file("output")), errors_(memory_file("errors")), process_([&] {
        become(start, start.output < 0 ? output_.get() : start.output, errors_.get());
      }) {}

bool Closewatch::watches() {
  bool watching = false;
  await("waiting for closewatch to watch", [&] {
    watching = errors().find("closewatch: watching") != std::string::npos;
    return watching || process_.ended();
  });
  return watching;
}

int Closewatch::interrupt() {
  signal(SIGINT);
  return wait();
}

std::string Closewatch::output() const { return content(output_.get()); }
std::string Closewatch::errors() const { return content(errors_.get()); }

}  // namespace closewatch::storm
