// SPDX-License-Identifier: Apache-2.0
// What a file of situations writes with: the stage of userspace/demo and its recipes.
#pragma once

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/scenarios/catalogue.h"
#include "userspace/demo/destroy.h"
#include "userspace/demo/network.h"
#include "userspace/demo/recipe.h"

namespace closewatch::scenarios {

using namespace demo;  // NOLINT(google-build-using-namespace): the vocabulary of every script

}  // namespace closewatch::scenarios
