# shellcheck shell=bash
# Starting, asking and stopping a service, whichever it is.
#
# A service has a name (kafka2) and a kind (kafka). Its kind gives four functions:
#   <kind>_install        makes sure that its programs are there
#   <kind>_ports NAME     the ports that it listens on, the one to show first
#   <kind>_command NAME   writes its configuration; sets the array `command`
#   <kind>_healthy NAME   asks it over the network whether it works
# It runs in a folder of its own, $SERVICES_DIR/<name>, which also holds its log and its pid file.

kind() {
  echo "${1%%[0-9]}"
}

pid_of() {
  cat "$SERVICES_DIR/$1/pid" 2>/dev/null
}

# Whether the pid file's process is alive and ours: the number may have gone to another one since,
# but no other one works in our folder.
running() {
  local pid
  pid=$(pid_of "$1") && [[ $(readlink "/proc/$pid/cwd" 2>/dev/null) == "$SERVICES_DIR/$1" ]]
}

healthy() {
  "$(kind "$1")_healthy" "$1" 2>/dev/null
}

# One command at a time on a set of services.
lock() {
  exec 9>"$SERVICES_DIR/lock"
  flock 9
}

start() {
  local name=$1 command
  local home=$SERVICES_DIR/$name
  mkdir -p "$home"
  "$(kind "$name")_command" "$name"
  (
    cd "$home" || exit
    close_inherited
    # A session of its own: a Ctrl-C at the terminal is not meant for it.
    setsid "${command[@]}" </dev/null >log 2>&1 &
    echo $! >pid
  )
}

# A daemon that kept its starter's descriptors would hold on to locks and pipes, ours among them.
close_inherited() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd/"*; do
    descriptor=${descriptor##*/}
    # Bash itself reads its script from 255, and closes it before it runs anything else.
    if [[ $descriptor =~ ^[0-9]+$ ]] && ((descriptor > 2 && descriptor != 255)); then
      exec {descriptor}>&-
    fi
  done
}

wait_until_healthy() {
  local name=$1 deadline=$((SECONDS + SERVICES_TIMEOUT))
  until healthy "$name"; do
    running "$name" || fail "$name ended at once:"$'\n'"$(last_words "$name")"
    ((SECONDS < deadline)) ||
      fail "$name does not answer after $SERVICES_TIMEOUT s:"$'\n'"$(last_words "$name")"
    sleep 0.1
  done
  describe "$name" "up"
}

last_words() {
  tail -n 15 "$SERVICES_DIR/$1/log" | sed 's/^/  /'
  echo "  (all of it: $SERVICES_DIR/$1/log)"
}

# Asks all to stop before it waits for the first. Data that a service has not written by then is
# with the kernel, so that a kill after the grace loses nothing.
down() {
  local name pid
  for name in "$@"; do
    if running "$name"; then kill -TERM "$(pid_of "$name")"; fi
  done
  for name in "$@"; do
    if running "$name"; then
      pid=$(pid_of "$name")
      wait_until_gone "$name" 10 || kill -KILL "$pid"
      wait_until_gone "$name" 10 || fail "$name ($pid) cannot be killed"
    fi
    rm -f "$SERVICES_DIR/$name/pid"
    describe "$name" "down"
  done
}

signal_all() {
  local signal=$1 name
  shift
  for name in "$@"; do
    running "$name" || fail "$name does not run"
    kill "-$signal" "$(pid_of "$name")"
  done
}

kill_hard() {
  local name=$1
  running "$name" || fail "$name does not run"
  kill -KILL "$(pid_of "$name")"
  wait_until_gone "$name" 10 || fail "$name cannot be killed"
  rm -f "$SERVICES_DIR/$name/pid"
  describe "$name" "killed"
}

wait_until_gone() {
  local deadline=$((SECONDS + $2))
  while running "$1"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# The threads of a process that was killed end one by one, and the last one frees its ports.
require_free_ports() {
  local port deadline=$((SECONDS + 5))
  for port in $("$(kind "$1")_ports" "$1"); do
    while listening "$port"; do
      ((SECONDS < deadline)) ||
        fail "port $port, for $1, is already taken by another program$(holder "$port");" \
          "stop that one, or set another port (see scripts/services --help)"
      sleep 0.1
    done
  done
}

listening() {
  (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# " (redis-server, pid 123)", where the system tells.
holder() {
  command -v ss >/dev/null || return 0
  ss -Hltnp "sport = :$1" | sed -nE 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/ (\1, pid \2)/p' | head -n 1
}

# Sends standard input to a port of ours, and gives at most $2 bytes of the answer.
ask() {
  local port=$1 bytes=$2
  (
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    cat >&3
    timeout 2 head -c "$bytes" <&3
  )
}

describe() {
  local name=$1 state=$2 ports pid
  ports=$("$(kind "$name")_ports" "$name")
  pid=$(pid_of "$name") || pid=-
  printf '%-14s %-14s 127.0.0.1:%-6s pid %s\n' "$name" "$state" "${ports%% *}" "$pid"
}
