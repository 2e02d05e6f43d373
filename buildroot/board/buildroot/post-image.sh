#!/usr/bin/env bash
# Puts what Buildroot has made into the disk image and the update bundle, by the programs that Debian's image is made with.
# usage: post-image.sh IMAGES BOARD       (by Buildroot; BOARD is qemu, rpi4 or rpi5)
#
# Results: IMAGES/alcove/alcove-BOARD.img and .raucb. RAUC_CERT and RAUC_KEY name what the bundle is signed with.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

readonly images=$1 board=$2
readonly out=$images/alcove
export PATH=$HOST_DIR/bin:$HOST_DIR/sbin:$PATH

# What a program needs to be loaded, and what that needs, into programs/lib.
copy_libraries() {
  local name
  for name in $(readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    [ ! -e "programs/lib/$name" ] || continue
    cp --dereference "$(find "$TARGET_DIR/lib/" "$TARGET_DIR/usr/lib/" -name "$name" -print -quit)" "programs/lib/$name"
    copy_libraries "programs/lib/$name"
  done
}

rm -rf "$out"
mkdir -p "$out"/{slot,boot,programs/bin,programs/lib}
cd "$out"

# The drivers of disks are in the kernel.
cp --dereference "$TARGET_DIR/bin/busybox" programs/bin/
cp --dereference "$TARGET_DIR/lib/ld-linux-aarch64.so.1" programs/lib/
copy_libraries programs/bin/busybox
ln -s lib programs/lib64
"$here/common/make-initrd" programs slot/initrd

cp "$images/Image" slot/vmlinuz
cp --dereference "$images/rootfs.squashfs" root.img

# The board says how slot/ and boot/ are filled, with what is in these folders.
# shellcheck disable=SC2034
device_tree_folder=$images firmware_folder=$images/rpi-firmware overlay_folder=$images/rpi-firmware/overlays
# shellcheck disable=SC2034
grub_folder=$(echo "$BUILD_DIR"/grub2-*/build-arm64-efi/grub-core)
# shellcheck source=/dev/null
. "$here/$board/board"
fill_boot

version=$(sed -n 's/^ALCOVE_VERSION = //p' "$here/../package/alcove/alcove.mk")
"$here/common/assemble" "$board" "$version" "$out"
