// SPDX-License-Identifier: Apache-2.0
// What the path of a cgroup tells: the container and the systemd unit. Pure functions over the
// conventions of systemd and of the container runtimes; no runtime is asked. Paths are raw bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace closewatch {

// The innermost container: the 64 hexadecimal digits that Docker, containerd, CRI-O and Podman use,
// or the name of an LXC, LXD, Incus or systemd-nspawn container. nullopt: none that is known.
//   /system.slice/docker-<id>.scope            /docker/<id>
//   /kubepods.slice/…/cri-containerd-<id>.scope  …/crio-<id>.scope  /kubepods/…/pod<uid>/<id>
//   /system.slice/containerd.service/kubepods-…-pod<uid>.slice:cri-containerd:<id>
//   /machine.slice/libpod-<id>.scope           /machine.slice/systemd-nspawn@<name>.service
//   /machine.slice/machine-<name>.scope        /lxc/<name>  /lxc.payload/<name> /lxc.payload.<name>
// What watches a container from outside (conmon, lxc.monitor) is not in it.
std::optional<std::string> container_of(std::string_view cgroup_path);

// The innermost systemd service or scope, as systemd names it ("nginx.service").
std::optional<std::string> unit_of(std::string_view cgroup_path);

}  // namespace closewatch
