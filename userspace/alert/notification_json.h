// SPDX-License-Identifier: Apache-2.0
// A notification as one JSON object: what a webhook and a program get, and what a dry run prints.
// README.md of this folder lists the keys.
#pragma once

#include "userspace/alert/notification.h"
#include "userspace/render/text_buffer.h"

namespace closewatch::alert {

// On one line, without its newline; no key is ever absent, what is unknown is null.
void append_notification_json(TextBuffer& out, const Notification& notification);

}  // namespace closewatch::alert
