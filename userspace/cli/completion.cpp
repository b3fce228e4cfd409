// SPDX-License-Identifier: Apache-2.0
#include "userspace/cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace closewatch {
namespace {

// Within '...' of a shell.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

// Within the brackets of zsh's _arguments, where : and ] and [ mean something.
std::string for_zsh(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::vector<std::string> names_of_all(const CompletedCommand& command) {
  std::vector<std::string> names;
  for (const CompletedOption& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

}  // namespace

std::string bash_completion(const std::vector<CompletedCommand>& commands) {
  std::string names;
  std::string options;
  std::string values;
  std::string words;
  for (const CompletedCommand& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    options += fmt::format("    {}) options='{}' ;;\n", command.name,
                           fmt::join(names_of_all(command), " "));
    if (!command.words.empty()) {
      words += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$current\")) && return ;;\n",
                           command.name, fmt::join(command.words, " "));
    }
    for (const CompletedOption& option : command.options) {
      for (const std::string& name : option.names) {
        if (!option.values.empty()) {
          values += fmt::format(
              "    '{} {}') COMPREPLY=($(compgen -W '{}' -- \"$current\")) && return ;;\n",
              command.name, name, fmt::join(option.values, " "));
        } else if (option.takes_value) {
          values += fmt::format("    '{} {}') return ;;\n", command.name, name);
        }
      }
    }
  }
  return fmt::format(R"(# bash completion for closewatch(8)
# shellcheck shell=bash disable=SC2207
_closewatch() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command=${{COMP_WORDS[1]}} options=
  COMPREPLY=()
  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W '{names}' -- "$current"))
    return
  fi
  [[ $command != -* ]] || command=trace
  case "$command $before" in
{values}  esac
  case $command in
{options}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    return
  fi
  case $command in
{words}  esac
}}
complete -o default -F _closewatch closewatch
)",
                     fmt::arg("names", names), fmt::arg("values", values),
                     fmt::arg("options", options), fmt::arg("words", words));
}

std::string zsh_completion(const std::vector<CompletedCommand>& commands) {
  std::string described;
  std::string arguments;
  for (const CompletedCommand& command : commands) {
    described += fmt::format("    {}\n", quoted(command.name + ":" + for_zsh(command.text)));
    arguments += fmt::format("    {}) _arguments", command.name);
    for (const CompletedOption& option : command.options) {
      std::string value;
      if (option.takes_value) {
        value = option.values.empty() ? ":value:_files"
                                      : fmt::format(":value:({})", fmt::join(option.values, " "));
      }
      for (const std::string& name : option.names) {
        arguments += fmt::format(
            " \\\n      {}", quoted(fmt::format("{}[{}]{}", name, for_zsh(option.text), value)));
      }
    }
    if (command.takes_word) {
      arguments +=
          " \\\n      " + quoted(command.words.empty()
                                     ? "*:file:_files"
                                     : fmt::format("*:word:({})", fmt::join(command.words, " ")));
    }
    arguments += " ;;\n";
  }
  return fmt::format(R"(#compdef closewatch
# zsh completion for closewatch(8)
_closewatch() {{
  local -a commands
  commands=(
{described}  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe -t commands 'closewatch command' commands
    return
  fi
  local command=$words[2]
  if [[ $command == -* ]]; then
    command=trace
  else
    shift words
    ((CURRENT--))
  fi
  case $command in
{arguments}  esac
}}
_closewatch "$@"
)",
                     fmt::arg("described", described), fmt::arg("arguments", arguments));
}

std::string fish_completion(const std::vector<CompletedCommand>& commands) {
  std::string out =
      "# fish completion for closewatch(8)\n"
      "complete -c closewatch -n __fish_use_subcommand -f\n";
  for (const CompletedCommand& command : commands) {
    out += fmt::format("complete -c closewatch -n __fish_use_subcommand -a {} -d {}\n",
                       command.name, quoted(command.text));
    const std::string seen = quoted("__fish_seen_subcommand_from " + command.name);
    if (!command.takes_word || !command.words.empty()) {
      out += fmt::format("complete -c closewatch -n {} -f\n", seen);
    }
    if (!command.words.empty()) {
      out += fmt::format("complete -c closewatch -n {} -a {}\n", seen,
                         quoted(fmt::format("{}", fmt::join(command.words, " "))));
    }
    for (const CompletedOption& option : command.options) {
      out += "complete -c closewatch -n " + seen;
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) {
        out += " -r";
      }
      if (!option.values.empty()) {
        out += " -f -a " + quoted(fmt::format("{}", fmt::join(option.values, " ")));
      }
      out += " -d " + quoted(option.text) + "\n";
    }
  }
  return out;
}

}  // namespace closewatch
