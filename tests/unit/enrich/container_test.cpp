// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/container.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace closewatch {
namespace {

const std::string kId = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const std::string kOther = "00ff" + std::string(60, 'a');
const std::string kPod =
    "/kubepods.slice/kubepods-burstable.slice/"
    "kubepods-burstable-pod8d4f1a0c_7a3e_4b1f_9c55_1f0f4a0f2a11.slice";

struct Row {
  const char* name;
  std::string path;
  std::optional<std::string> container;
  std::optional<std::string> unit;
};

class ContainerTest : public testing::TestWithParam<Row> {};

TEST_P(ContainerTest, IsTakenFromThePath) {
  EXPECT_EQ(container_of(GetParam().path), GetParam().container);
  EXPECT_EQ(unit_of(GetParam().path), GetParam().unit);
}

INSTANTIATE_TEST_SUITE_P(
    Paths, ContainerTest,
    testing::Values(
        Row{"empty", "", {}, {}}, Row{"root", "/", {}, {}},
        Row{"service", "/system.slice/nginx.service", {}, "nginx.service"},
        Row{"template",
            "/system.slice/system-getty.slice/getty@tty1.service",
            {},
            "getty@tty1.service"},
        Row{"init_scope", "/init.scope", {}, "init.scope"},
        Row{"below_a_unit", "/system.slice/ssh.service/worker/3", {}, "ssh.service"},
        Row{"slice_only", "/system.slice", {}, {}},
        Row{"user_session", "/user.slice/user-1000.slice/session-4.scope", {}, "session-4.scope"},
        Row{"user_service",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/mail.service",
            {},
            "mail.service"},
        Row{"docker_systemd", "/system.slice/docker-" + kId + ".scope", kId,
            "docker-" + kId + ".scope"},
        Row{"docker_cgroupfs", "/docker/" + kId, kId, {}},
        Row{"docker_rootless",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + kId + ".scope",
            kId, "docker-" + kId + ".scope"},
        Row{"systemd_in_docker", "/docker/" + kId + "/system.slice/nginx.service", kId,
            "nginx.service"},
        Row{"docker_in_docker", "/docker/" + kId + "/docker/" + kOther, kOther, {}},
        Row{"containerd_systemd", kPod + "/cri-containerd-" + kId + ".scope", kId,
            "cri-containerd-" + kId + ".scope"},
        Row{"containerd_colons",
            "/system.slice/containerd.service/kubepods-besteffort-pod7c2e.slice:cri-containerd:" +
                kId,
            kId, "containerd.service"},
        Row{"crio", kPod + "/crio-" + kId + ".scope", kId, "crio-" + kId + ".scope"},
        Row{"crio_conmon",
            kPod + "/crio-conmon-" + kId + ".scope",
            {},
            "crio-conmon-" + kId + ".scope"},
        Row{"kubepods_cgroupfs",
            "/kubepods/burstable/pod8d4f1a0c-7a3e-4b1f-9c55-1f0f4a0f2a11/" + kId,
            kId,
            {}},
        Row{"pod_without_container", kPod, {}, {}},
        Row{"ecs", "/ecs/0c1b2a3d4e5f60718293a4b5c6d7e8f9/" + kId, kId, {}},
        Row{"podman", "/machine.slice/libpod-" + kId + ".scope/container", kId,
            "libpod-" + kId + ".scope"},
        Row{"podman_conmon",
            "/machine.slice/libpod-conmon-" + kId + ".scope",
            {},
            "libpod-conmon-" + kId + ".scope"},
        Row{"podman_pod",
            "/machine.slice/machine-libpod_pod_" + kOther + ".slice/libpod-" + kId + ".scope", kId,
            "libpod-" + kId + ".scope"},
        Row{"lxc_v1", "/lxc/web1/system.slice/ssh.service", "web1", "ssh.service"},
        Row{"lxc_payload", "/lxc.payload.web1/init.scope", "web1", "init.scope"},
        Row{"lxc_payload_directory", "/lxc.payload/web1", "web1", {}},
        Row{"lxc_monitor", "/lxc.monitor.web1", {}, {}},
        Row{"nspawn_service", "/machine.slice/systemd-nspawn@deb\\x2d12.service/payload", "deb-12",
            "systemd-nspawn@deb\\x2d12.service"},
        Row{"nspawn_scope", "/machine.slice/machine-deb\\x2d12.scope", "deb-12",
            "machine-deb\\x2d12.scope"},
        Row{"virtual_machine",
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            {},
            "machine-qemu\\x2d1\\x2dvm.scope"},
        Row{"machine_elsewhere", "/user.slice/machine-x.scope", {}, "machine-x.scope"},
        Row{"too_few_digits", "/docker/" + kId.substr(1), {}, {}},
        Row{"too_many_digits", "/docker/a" + kId, {}, {}},
        Row{"not_hexadecimal", "/docker/" + kId.substr(1) + "g", {}, {}},
        Row{"upper_case", "/docker/" + kId.substr(1) + "A", {}, {}},
        Row{"dash_without_scope", "/docker/web-" + kId, {}, {}},
        Row{"hostile_bytes", "/lxc/\x1b[31m\xff\n", "\x1b[31m\xff\n", {}},
        Row{"only_a_suffix", "/system.slice/.service", {}, {}}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace closewatch
