// SPDX-License-Identifier: Apache-2.0
// What a shell completes after `closewatch`: written from the options themselves, so that none is
// missing and none is invented.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace closewatch {

struct CompletedOption {
  std::vector<std::string> names = {};  // "-o", "--output"
  std::string text = {};                // one line of --help
  bool takes_value = false;
  std::vector<std::string> values = {};  // empty: any, a file name perhaps
};

struct CompletedCommand {
  std::string name;
  std::string text;
  std::vector<CompletedOption> options = {};
  bool takes_word = false;              // an argument that is no option
  std::vector<std::string> words = {};  // what it may be; empty: a file
};

// Scripts for the directories where each shell looks for them.
std::string bash_completion(const std::vector<CompletedCommand>& commands);
std::string zsh_completion(const std::vector<CompletedCommand>& commands);
std::string fish_completion(const std::vector<CompletedCommand>& commands);

}  // namespace closewatch
