# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of this folder begin with: source tree, build tree, the package in it.
set -euo pipefail

export root=${1:?usage: SOURCE_TREE BUILD_TREE}
build=${2:?usage: SOURCE_TREE BUILD_TREE}
made=$build/package

fail() {  # MESSAGE
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# The one package that package.build made.
the_package() {
  local found=("$made"/closewatch_*.deb)
  [[ ${#found[@]} == 1 && -f ${found[0]} ]] || fail "$made has not exactly one package: ${found[*]}"
  printf '%s\n' "${found[0]}"
}
