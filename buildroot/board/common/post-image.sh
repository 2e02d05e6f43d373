#!/usr/bin/env bash
# Buildroot calls this when the root file system is packed and the kernel is there (BR2_ROOTFS_POST_IMAGE_SCRIPT): the
# disk image and the update bundle are made of them, in BINARIES_DIR.
# usage: post-image.sh BINARIES_DIR BOARD         (the board as BR2_ROOTFS_POST_SCRIPT_ARGS)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
repository=$(cd "$here/../.." && pwd)

readonly binaries=$1 board=$2
cd "$binaries"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repository/Cargo.toml")

# Busybox of the box, and what it is linked to. All drivers that a root file system needs are in the kernel.
rm -rf programs slot boot
mkdir -p programs/{bin,lib} slot boot
cp "$TARGET_DIR/bin/busybox" programs/bin/
for library in ld-linux-aarch64.so.1 libc.so.6 libresolv.so.2; do
  cp --dereference "$TARGET_DIR/lib/$library" programs/lib/
done
ln -sfn lib programs/lib64
"$here/common/make-initrd" programs slot/initrd
cp Image slot/vmlinuz
cp --dereference rootfs.squashfs root.img

# shellcheck source=/dev/null
. "$here/$board/board"
# Where the files lie that a board's fill_boot takes.
# shellcheck disable=SC2034
device_tree_folder=$binaries overlay_folder=$binaries/rpi-firmware/overlays firmware_folder=$binaries/rpi-firmware \
  grub_folder=$(echo "$BUILD_DIR"/grub2-*/build-arm64-efi/grub-core)
fill_boot
"$here/common/assemble" "$board" "$version" "$binaries"
