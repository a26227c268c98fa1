# shellcheck shell=bash
# S3, as moto plays it: in memory, for whatever credentials. In the same environment is DuckDB, by which tests open
# what is written.

# Shared by all sets of services: the packages are the same for each.
python_tools=$root/.services/python

moto_install() {
  [[ -d $python_tools ]] && return
  require python3 python3
  echo "fetching moto and DuckDB" >&2
  # Elsewhere first: an environment of half of them must not pass for whole. Its programs name its path, so
  # they are run by their modules.
  local fetched
  fetched=$(mktemp -d "$python_tools.XXXXXX")
  make_python_environment "$fetched" ||
    fail "pip could not fetch moto and DuckDB; it says why above"
  mv -T "$fetched" "$python_tools" 2>/dev/null || rm -rf "$fetched" # another set was quicker
}

make_python_environment() {
  if ! python3 -m venv "$1" >&2; then
    install_package python3-venv python3-venv
    python3 -m venv --clear "$1" >&2 || return
  fi
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check \
    'moto[server]==5.2.5' 'duckdb==2.0.1' >&2
}

moto_ports() {
  echo "$MOTO_PORT"
}

moto_command() {
  command=("$python_tools/bin/python" -m moto.server -H 127.0.0.1 -p "$MOTO_PORT")
}

moto_healthy() {
  printf 'GET /moto-api/ HTTP/1.0\r\n\r\n' | ask "$MOTO_PORT" 12 | grep -q '^HTTP/1.[01] 200'
}
