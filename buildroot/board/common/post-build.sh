#!/usr/bin/env bash
# Buildroot calls this when the root file system is there and not yet packed (BR2_ROOTFS_POST_BUILD_SCRIPT).
# usage: post-build.sh TARGET_DIR BOARD           (the board as BR2_ROOTFS_POST_SCRIPT_ARGS)
set -euo pipefail

"$(dirname "$0")/finish-root" "$2" "$1"
