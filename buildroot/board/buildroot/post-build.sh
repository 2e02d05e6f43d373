#!/usr/bin/env bash
# Finishes the root file system that Buildroot has put together, by the program that Debian's is finished with.
# usage: post-build.sh TARGET BOARD       (by Buildroot; BOARD is qemu, rpi4 or rpi5)
set -euo pipefail

readonly target=$1 board=$2

"$(dirname "$0")/../common/finish-root" "$board" "$target"

# The root is read-only: where preinit mounts something there has to be a folder.
mkdir -p "$target"/{var,etc/alcove,etc/systemd/network}
# Nobody logs in.
rm -f "$target"/{usr/lib,etc}/systemd/system/multi-user.target.wants/getty.target
# The same sources make the same image.
touch --date=@"${SOURCE_DATE_EPOCH:-$(date +%s)}" "$target/usr/lib/clock-epoch"
