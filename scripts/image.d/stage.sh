# shellcheck shell=bash
# A stage of the build: a folder that is the root of its steps, with an environment, a folder and a user.

# The current one.
stage=
environment=()
folder=/
user=root

# begin_stage NAME IMAGE: makes the folder from what the image holds.
begin_stage() {
  stage=$work/stages/$1
  environment=(HOME=/root LANG=C.UTF-8)
  folder=/ user=root
  debian_base
  rm -rf --one-file-system "${stage:?}"
  mkdir -p "$work/stages"
  cp -a "$work/base" "$stage"
  mount -t proc proc "$stage/proc"
  mount --rbind /dev "$stage/dev"
  cp /etc/resolv.conf "$stage/etc/resolv.conf"
  case $2 in
    debian:bookworm-slim) environment+=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin) ;;
    rust:*-slim-bookworm)
      local version=${2#rust:}
      rust_base "${version%-slim-bookworm}"
      ;;
    *) fail "no folder can be made for the image '$2'" ;;
  esac
}

# What debian:bookworm-slim holds, as far as the steps need it.
debian_base() {
  [[ -d $work/base ]] && return
  rm -rf "$work/base.new"
  debootstrap --variant=minbase bookworm "$work/base.new" >"$work/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $work/debootstrap.log"
  mv "$work/base.new" "$work/base"
}

# rust_base VERSION: what the image rust:VERSION-slim-bookworm adds: a linker, and the compiler without the
# components for developers.
rust_base() {
  local compiler name
  compiler=$(rustup which --toolchain "$1" rustc) || fail "rustup has no toolchain $1"
  name=$1-$("$compiler" -vV | sed -n 's/^host: //p')
  mkdir -p "$stage/usr/local/rustup/toolchains/$name" "$stage/usr/local/cargo/bin"
  # Its folder may be a link.
  cp -a "$(dirname "$compiler")/../." "$stage/usr/local/rustup/toolchains/$name/"
  sed -i '/^\(clippy\|rustfmt\)/d' "$stage/usr/local/rustup/toolchains/$name/lib/rustlib/components"
  printf 'version = "12"\ndefault_toolchain = "%s"\nprofile = "minimal"\n' "$name" \
    >"$stage/usr/local/rustup/settings.toml"
  local proxy
  for proxy in rustup cargo rustc; do
    cp "$(command -v rustup)" "$stage/usr/local/cargo/bin/$proxy"
  done
  environment+=(
    RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo
    PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  )
  in_stage sh -c 'apt-get update -qq && apt-get install -qq --yes --no-install-recommends \
    ca-certificates gcc libc6-dev >/dev/null'
}

# in_stage COMMAND...: runs it in the stage, as its user, in its folder. With replace=exec the shell becomes it.
in_stage() {
  ${replace:-} chroot --userspec="$user" "${stage:?}" \
    env -i --chdir="$folder" "${environment[@]}" "$@"
}

# seal_stage FOLDER...: nothing can be written to but these and /tmp, as in a container with a read-only root.
seal_stage() {
  local writable
  mount -t tmpfs tmpfs "$stage/tmp"
  for writable in "$@"; do mount --bind "$stage$writable" "$stage$writable"; done
  mount --rbind "$stage" "$stage"
  mount -o remount,bind,ro "$stage"
  if chroot "$stage" touch /written 2>/dev/null; then fail "the root can be written to"; fi
}

# mount_cache FOLDER: one that outlives the stage. The registry is this machine's own.
mount_cache() {
  local cache=$work/cache$1
  [[ $1 != /usr/local/cargo/registry ]] || cache=${CARGO_HOME:-$HOME/.cargo}/registry
  mkdir -p "$cache" "$stage$1"
  mount --bind "$cache" "$stage$1"
}
