#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `closewatch demo` as a whole: a situation of every reason, told right; but for the one that changes a
# setting of the whole machine, which it plays when it is asked for. For a guest: that is a machine of its own.
set -euo pipefail

closewatch=/build/closewatch

expect_right() {  # SITUATIONS ARGUMENT...
  local said code=0
  said=$("$closewatch" demo "${@:2}" 2>&1) || code=$?
  if ((code != 0)) || ! grep -Fxq "$1 of $1 situations told right" <<<"$said"; then
    printf '%s\ndemo %s: exit code %d, expected %d of %d\n' "$said" "${*:2}" $code "$1" "$1"
    exit 1
  fi
}

# Lines "REASON (CLASS)"; of the class unknown nothing can be made.
reasons=$("$closewatch" explain | grep -E '^[a-z_0-9]+ \([a-z_]+\)$' | grep -Fcv '(class)')
expect_right $((reasons - 1))
expect_right 1 --reason orphan_limit
echo "$reasons reasons: ok"
