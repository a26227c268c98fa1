# shellcheck shell=bash
# What must be installed: a program or a file, and the Debian package that has it.

# For the build of the bundled librdkafka, by its own configure and make: cmake is not among them. OpenSSL,
# which is built along, wants the whole of Perl, of which `prove` is a part.
build_needs=(cc gcc c++ g++ make make /usr/include/zlib.h zlib1g-dev prove perl)

# For the whole gate besides. What services need, they install when they are started.
whole_needs=(shellcheck shellcheck chromium chromium promtool prometheus amtool prometheus-alertmanager
  systemd-analyze systemd python3 python3 curl curl node nodejs npm npm)

# For building with the feature `kafka-kerberos`.
kerberos_needs=(/usr/include/openssl/ssl.h libssl-dev /usr/include/sasl/sasl.h libsasl2-dev)

# need PROGRAM-OR-FILE PACKAGE...: installs what is missing.
need() {
  while (($# > 0)); do
    require "$1" "$2"
    shift 2
  done
}

# tell_missing PROGRAM-OR-FILE PACKAGE...: names what is missing, and installs nothing.
tell_missing() {
  while (($# > 0)); do
    [[ -e $1 ]] || command -v "$1" >/dev/null ||
      echo "test: $1 is missing; the whole gate needs it, and installs $2"
    shift 2
  done
}

# cargo_tool NAME VERSION: builds a tool of cargo's once, into .services/tools.
cargo_tool() {
  export PATH=$PATH:$root/.services/tools/bin
  command -v "$1" >/dev/null ||
    step "build $1" env CARGO_PROFILE_DEV_DEBUG=0 \
      cargo install --quiet --locked --debug "$1" --version "$2" --root .services/tools
}

# python_tool NAME VERSION: installs a tool of Python's once, into .services/tools.
python_tool() {
  local tools=$root/.services/tools/$1-$2
  export PATH=$PATH:$tools/bin
  if [[ ! -x $tools/bin/$1 ]]; then
    python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv "python3 -m venv"
    python3 -m venv "$tools"
    step "install $1" "$tools/bin/pip" install --quiet "$1==$2"
  fi
}

# browser_parts: installs what the tests of the console drive a browser by, as their lock file has it.
browser_parts() {
  local folder=tests/browser version
  version=$(node --version)
  version=${version#v}
  ((${version%%.*} >= 20)) || fail "the tests of the console need Node 20 or a later one, not $version"
  if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
    step "parts of the browser tests" \
      npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
  fi
}
