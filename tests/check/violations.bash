# SPDX-License-Identifier: Apache-2.0
# Sourced by every check with the check's own arguments: the tree to look at ($root), its files, and
# how violations are told. A check prints one line per violation into `tell`, which ends it.
# shellcheck shell=bash
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "${1:?usage: CHECK SOURCE_TREE BUILD_TREE}" && pwd)
cd "$root"

# Files that git tracks or would track, one a line, relative to $root.
files() {  # PATHSPEC...
  local file
  git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | sort -u |
    while read -r file; do [[ ! -e $file ]] || printf '%s\n' "$file"; done
}

# Bash scripts: by their first line, or to be sourced.
scripts() {
  local file line
  files . | while read -r file; do
    read -r line <"$file" 2>/dev/null || true
    [[ $file != *.bash && ! $line =~ ^'#!'.*[/\ ](ba|da)?sh$ ]] || printf '%s\n' "$file"
  done
}

# Ends a check: fails if there was a line.
tell() {
  local lines
  lines=$(cat)
  [[ $lines ]] || return 0
  printf '%s\n%d violations\n' "$lines" "$(wc -l <<<"$lines")"
  return 1
}
