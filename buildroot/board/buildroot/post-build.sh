#!/usr/bin/env bash
# Finishes the root file system that Buildroot has put together: what depends on the board, and places to mount things.
# usage: post-build.sh TARGET BOARD       (by Buildroot; BOARD is qemu, rpi4 or rpi5)
#
# RAUC_KEYRING names the certificate of those whose updates the image accepts; without it a development key of this user.
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)

readonly target=$1 board=$2
keyring=${RAUC_KEYRING:-$("$tree/ota/development-keys")/ca.pem}

# The root is read-only: where preinit mounts something there has to be a folder.
mkdir -p "$target"/{data,boot,var,etc/alcove,etc/systemd/network,etc/rauc,usr/share/alcove}
rm -f "$target"/{data,boot}/.keep

# /etc/alcove is on the data partition: the first configuration is given out when there is none.
if [ -e "$target/etc/alcove/alcove.toml" ]; then
  mv "$target/etc/alcove/alcove.toml" "$target/usr/share/alcove/alcove.toml"
fi

sed -e "s/@COMPATIBLE@/$(<"$tree/board/$board/compatible")/" -e "/@BOOTLOADER@/{
  r $tree/board/$board/rauc
  d
}" "$tree/ota/system.conf.in" > "$target/etc/rauc/system.conf"
cp "$keyring" "$target/etc/rauc/keyring.pem"
# RAUC's own rule lets everybody install updates; ours comes with the daemon.
rm -f "$target/usr/share/dbus-1/system.d/de.pengutronix.rauc.conf"

# Nobody logs in.
rm -f "$target"/{usr/lib,etc}/systemd/system/multi-user.target.wants/getty.target

# No box has been started before this moment: systemd never lets the clock be earlier.
touch --date=@"${SOURCE_DATE_EPOCH:-$(date +%s)}" "$target/usr/lib/clock-epoch"
