#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the Debian packages of the last commit in a clean Debian 12: builds them from a clone,
# makes a minimal system with debootstrap, installs them there with apt, which finds their
# dependencies, and runs debian/tests there. Run it as root, with dpkg-dev, the build dependencies
# and debootstrap installed.
#
#   packaging/check-package.sh [DIRECTORY_WITH_DEBS]
#
# With a directory, it uses the packages in it instead of building them. MIRROR names another mirror
# of Debian. Exit code 0 if everything works.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" -eq 0 ] || { echo "check-package: run it as root, for debootstrap and chroot" >&2; exit 2; }
for tool in dpkg-buildpackage debootstrap; do
    command -v $tool >/dev/null ||
        { echo "check-package: a tool is missing; apt install dpkg-dev debootstrap" >&2; exit 2; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/hcnn-package-XXXXXX")
clean=$work/root
# --one-file-system: if a mount cannot be undone, nothing below it is removed.
clean_up() {
    for place in proc sys dev/shm; do
        ! mountpoint -q "$clean/$place" || umount "$clean/$place"
    done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

heading() {
    printf '\n==== %s ====\n' "$*"
}

inside() {
    chroot "$clean" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

debs=${1:-}
if [ -z "$debs" ]; then
    heading "packages"
    debs=$work
    git clone --quiet "$root" "$work/hcnn-cl"
    (cd "$work/hcnn-cl" && dpkg-buildpackage -us -uc -b)
fi

heading "a clean Debian 12"
debootstrap --variant=minbase bookworm "$clean" "$mirror"
mount -t proc proc "$clean/proc"
mount -t sysfs sysfs "$clean/sys"
mkdir -p "$clean/dev/shm" && mount -t tmpfs tmpfs "$clean/dev/shm"
cp /etc/resolv.conf "$clean/etc/resolv.conf"

heading "apt install"
mkdir "$clean/packages"
cp "$debs"/hcnn-cl_*.deb "$debs"/libhcnn0_*.deb "$debs"/libhcnn-dev_*.deb "$clean/packages"
inside apt-get update
inside sh -c 'apt-get install -y --no-install-recommends /packages/hcnn-cl_*.deb bash-completion'

heading "debian/tests/program"
cp -r "$root/debian/tests" "$clean/packages/tests"
inside /packages/tests/program

heading "debian/tests/library"
inside sh -c 'apt-get install -y --no-install-recommends /packages/libhcnn*.deb gcc libc6-dev \
    pkg-config'
inside /packages/tests/library

echo "check-package: the packages install and work in a clean Debian 12"
