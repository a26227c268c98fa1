# shellcheck shell=bash
# Installs what is missing, and keeps the package manager from starting daemons of its own.

# require PROGRAM-OR-FILE PACKAGE: installs the Debian package unless the program or file is there.
require() {
  local wanted=$1 package=$2
  [[ -e $wanted ]] || command -v "$wanted" >/dev/null || install_package "$package" "$wanted"
}

install_package() {
  local package=$1 wanted=$2
  command -v apt-get >/dev/null ||
    fail "'$wanted' is missing and there is no apt-get here: install it (Debian's package is '$package')"
  ((EUID == 0)) || command -v sudo >/dev/null ||
    fail "'$wanted' is missing: run 'apt-get install $package' as root"
  echo "installing $package" >&2
  as_root bash -s "$package" <"$scripts/services.d/apt-install" >&2 ||
    fail "'apt-get install $package' failed"
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}
