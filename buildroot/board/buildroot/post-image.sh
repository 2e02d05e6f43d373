#!/usr/bin/env bash
# Puts what Buildroot has made into the disk image and the update bundle, by the program that Debian's image is made with.
# usage: post-image.sh IMAGES BOARD       (by Buildroot; BOARD is qemu, rpi4 or rpi5)
#
# Results: IMAGES/alcove/alcove-BOARD.img and .raucb. RAUC_CERT and RAUC_KEY name what the bundle is signed with.
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)

readonly images=$1 board=$2
readonly out=$images/alcove
export PATH=$HOST_DIR/bin:$HOST_DIR/sbin:$PATH

# What a program needs to be loaded, and what that needs.
libraries() {
  local name
  for name in $(readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    [ ! -e "$first/lib/$name" ] || continue
    cp --dereference "$(find "$TARGET_DIR/lib/" "$TARGET_DIR/usr/lib/" -name "$name" -print -quit)" "$first/lib/$name"
    libraries "$first/lib/$name"
  done
}

# The same first program as in Debian's image finds the slot's root; the drivers of disks are in the kernel.
make_initrd() {
  first=$(mktemp -d)
  mkdir -p "$first"/{bin,lib,modules,dev,proc,sys,root}
  cp --dereference "$TARGET_DIR/bin/busybox" "$first/bin/"
  ln -s busybox "$first/bin/sh"
  ln -s lib "$first/lib64"
  cp --dereference "$TARGET_DIR"/lib/ld-linux-aarch64.so.1 "$first/lib/"
  libraries "$first/bin/busybox"
  : > "$first/modules/order"
  install -m 755 "$tree/board/common/initrd/init" "$first/init"
  find "$first" -exec touch --no-dereference --date=@"${SOURCE_DATE_EPOCH:-0}" {} +
  (cd "$first" && find . | LC_ALL=C sort | cpio --quiet --reproducible --owner=0:0 -o -H newc | gzip --no-name)
  rm -rf "$first"
}

fill_qemu() {
  cp -r "$tree/board/qemu/slot/." "$out/slot/"
  cp -r "$tree/board/qemu/boot/." "$out/boot/"
  mkdir -p "$out/boot/EFI/BOOT"
  cp "$images/efi-part/EFI/BOOT/bootaa64.efi" "$out/boot/EFI/BOOT/BOOTAA64.EFI"
  # An environment of GRUB's: these lines, filled up to 1024 bytes. Slot B has nothing in it yet.
  { printf '# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n'
    printf '%01024d' 0 | tr 0 '#'; } | head -c 1024 > "$out/boot/grubenv"
}

fill_rpi() {
  cp -r "$tree/board/rpi/slot/." "$out/slot/"
  cp -r "$tree/board/rpi/boot/." "$out/boot/"
  cp "$images"/*.dtb "$out/slot/"
  cp -r "$images/rpi-firmware/." "$out/slot/"
}

rm -rf "$out"
mkdir -p "$out"/{slot,boot}
cp "$images/rootfs.squashfs" "$out/root.img"
cp "$images/Image" "$out/slot/vmlinuz"
make_initrd > "$out/slot/initrd"
case $board in
  qemu) fill_qemu ;;
  rpi4 | rpi5) fill_rpi ;;
  *) echo "post-image: there is no board '$board': give qemu, rpi4 or rpi5" >&2; exit 1 ;;
esac
version=$(sed -n 's/^ALCOVE_VERSION = //p' "$tree/package/alcove/alcove.mk")
"$tree/board/common/assemble" "$board" "$version" "$out"
