# Stands in for what the check cannot download: an override file for Buildroot with which the recipe of the daemon, and
# nothing else, is really followed. Compilers and libraries are Debian's; an image made with this would be of no use.
#
# ALCOVE_SYSROOT is a folder with the libraries of arm64. Needed on this machine: Debian's cross compiler for arm64, its
# Rust compiler with the standard library of arm64, libclang and pkgconf. What is left of Buildroot: the configuration,
# the order of steps, its wrapper around the compiler with all flags, cargo-package and the recipe.

# What stands for a package's source: a folder without a Makefile.
STAND_IN_SOURCE := $(call qstrip,$(BR2_EXTERNAL_ALCOVE_PATH))/fragments

# $(1): the package's name in capitals
define stand-in
$(1)_OVERRIDE_SRCDIR = $(STAND_IN_SOURCE)
override $(1)_DEPENDENCIES =
override $(1)_CONFIGURE_CMDS = @:
override $(1)_BUILD_CMDS = @:
$(foreach hooks,POST_RSYNC PRE_CONFIGURE POST_CONFIGURE PRE_BUILD POST_BUILD POST_INSTALL_STAGING \
	POST_INSTALL_TARGET,
override $(1)_$(hooks)_HOOKS =)
override $(1)_INSTALL_CMDS = $$($(1)_STAND_IN)
override $(1)_INSTALL_STAGING_CMDS = $$($(1)_STAND_IN)
override $(1)_INSTALL_TARGET_CMDS = @:
endef

# The libraries come with the compiler, below.
$(foreach package,ALSA_LIB GSTREAMER1 GST1_PLUGINS_BASE,$(eval $(call stand-in,$(package))))
$(foreach package,HOST_CLANG HOST_PKGCONF HOST_RUST_BIN,$(eval $(call stand-in,$(package))))

override HOST_CLANG_POST_INSTALL_HOOKS =
define HOST_CLANG_STAND_IN
	mkdir -p $(HOST_DIR)/bin $(HOST_DIR)/lib
	ln -sfn $(firstword $(wildcard /usr/lib/llvm-*/lib/clang)) $(HOST_DIR)/lib/clang
	ln -sfn $(firstword $(wildcard /usr/lib/llvm-*/lib/libclang.so.1)) $(HOST_DIR)/lib/libclang.so
endef

define HOST_PKGCONF_STAND_IN
	mkdir -p $(HOST_DIR)/bin
	ln -sfn /usr/bin/pkgconf $(HOST_DIR)/bin/pkgconf
endef

# Links, since Buildroot's wrapper refuses libraries below /usr/lib.
define HOST_RUST_BIN_STAND_IN
	mkdir -p $(HOST_DIR)/bin $(HOST_DIR)/lib
	rm -rf $(HOST_DIR)/lib/rustlib
	cp --recursive --symbolic-link /usr/lib/rustlib $(HOST_DIR)/lib/
	printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot $(HOST_DIR) "$$@"\n' > $(HOST_DIR)/bin/rustc
	chmod 755 $(HOST_DIR)/bin/rustc
	ln -sfn /usr/bin/cargo $(HOST_DIR)/bin/cargo
endef

# The compiler: Buildroot's own wrapper is built and used, and calls Debian's compiler instead of Bootlin's. That nothing
# is downloaded for it has to be said on the command line (TOOLCHAIN_EXTERNAL_BOOTLIN_OVERRIDE_SRCDIR): here is too late.

define TOOLCHAIN_EXTERNAL_BOOTLIN_STAND_IN
	mkdir -p $(TOOLCHAIN_EXTERNAL_BIN)
	for tool in /usr/bin/aarch64-linux-gnu-*; do \
		printf '#!/bin/sh\nexec %s "$$@"\n' $$tool \
			> $(TOOLCHAIN_EXTERNAL_CROSS)$${tool$(SHARP_SIGN)/usr/bin/aarch64-linux-gnu-} || exit 1; \
	done
	chmod 755 $(TOOLCHAIN_EXTERNAL_BIN)/*
endef
override TOOLCHAIN_EXTERNAL_BOOTLIN_CONFIGURE_CMDS = $(TOOLCHAIN_EXTERNAL_BOOTLIN_STAND_IN)

define TOOLCHAIN_EXTERNAL_BOOTLIN_STAND_IN_STAGING
	$(TOOLCHAIN_WRAPPER_INSTALL)
	mkdir -p $(STAGING_DIR)/usr
	cp --recursive --link --no-dereference $(ALCOVE_SYSROOT)/usr/include $(ALCOVE_SYSROOT)/usr/lib $(STAGING_DIR)/usr/
	cp --recursive --link --no-dereference $(ALCOVE_SYSROOT)/lib/. $(STAGING_DIR)/lib/
	mkdir -p $(STAGING_DIR)/usr/lib/pkgconfig
	cp $(ALCOVE_SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig/*.pc $(STAGING_DIR)/usr/lib/pkgconfig/
	$(TOOLCHAIN_EXTERNAL_INSTALL_WRAPPER)
endef
override TOOLCHAIN_EXTERNAL_BOOTLIN_INSTALL_STAGING_CMDS = $(TOOLCHAIN_EXTERNAL_BOOTLIN_STAND_IN_STAGING)
override TOOLCHAIN_EXTERNAL_BOOTLIN_INSTALL_TARGET_CMDS = @:
