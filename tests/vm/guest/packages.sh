#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/dev/packages on a system that runs systemd: a package comes with a service as those of Debian
# do, from an archive of the guest's own; it is installed, its service neither runs nor will.
set -euo pipefail

fail() {  # MESSAGE
  printf 'error: %s\n' "$1"
  exit 1
}

archive=/tmp/archive
mkdir -p $archive/tree/{DEBIAN,lib/systemd/system}
cat >$archive/tree/DEBIAN/control <<'END'
Package: patient
Version: 1
Architecture: all
Maintainer: nobody <nobody@closewatch.example>
Description: a package with a service
END
cat >$archive/tree/lib/systemd/system/patient.service <<'END'
[Service]
ExecStart=sleep infinity
[Install]
WantedBy=multi-user.target
END
cat >$archive/tree/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
deb-systemd-helper enable patient.service
systemctl daemon-reload
deb-systemd-invoke start patient.service
END
chmod 755 $archive/tree/DEBIAN/postinst
dpkg-deb --build $archive/tree $archive/patient.deb >/dev/null
{
  cat $archive/tree/DEBIAN/control
  printf 'Filename: ./patient.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s $archive/patient.deb)" \
    "$(sha256sum <$archive/patient.deb | cut -d' ' -f1)"
} >$archive/Packages
rm -f /etc/apt/sources.list.d/*
printf 'deb [trusted=yes] file:%s ./\n' $archive >/etc/apt/sources.list

printf 'patient\n' >/tmp/list
/source/tools/dev/packages /tmp/list
[[ $(dpkg-query --show --showformat '${db:Status-Status}' patient) == installed ]] ||
  fail 'the package is not installed'
[[ $(systemctl is-active patient) == inactive ]] || fail "its service is $(systemctl is-active patient)"
[[ $(systemctl is-enabled patient) == disabled ]] || fail "it will be $(systemctl is-enabled patient)"
[[ ! -e /usr/sbin/policy-rc.d ]] || fail 'the policy of the installation is still there'
[[ -z $(/source/tools/dev/packages --missing /tmp/list) ]] || fail 'it is still missing'
