# shellcheck shell=bash
# Starts and stops the engine, feeds it, and reads what processes have used.

engine_pid=
feeder_pid=

# engine WORKERS PREFIX [--set KEY=VALUE]...: starts it in a folder of its own, on an empty Redis.
engine() {
  rm -rf "$SERVICES_DIR/engine"
  mkdir -p "$SERVICES_DIR/engine"
  redis-cli -p "$REDIS_PORT" flushall >/dev/null
  engine_again "$@"
}

# The same, where one was before.
engine_again() {
  local workers=$1 prefix=$2 home=$SERVICES_DIR/engine
  shift 2
  (
    cd "$home" || exit
    exec "$recsys" run -w "$workers" --set "kafka.brokers=$brokers" --set "kafka.topic_prefix=$prefix" \
      --set "http.listen=$http" --set "redis.url=redis://$redis" "$@" >log 2>&1
  ) &
  engine_pid=$!
}

engine_stop() {
  kill "$engine_pid"
  wait "$engine_pid" || fail "the engine failed: $(tail -n 5 "$SERVICES_DIR/engine/log")"
  engine_pid=
}

# The profile alone.
profile_only=(--set views.mode=profile)

# Waits until the engine has caught up.
engine_ready() {
  local deadline=$((SECONDS + ${1:-120}))
  until curl -sf "http://$http/readyz" >/dev/null; do
    kill -0 "$engine_pid" || fail "the engine ended: $(tail -n 5 "$SERVICES_DIR/engine/log")"
    ((SECONDS < deadline)) || fail "the engine is not ready: $(curl -s "http://$http/readyz")"
    sleep 0.1
  done
}

# topics PREFIX: makes the topics, empty.
topics() {
  (cd "$SERVICES_DIR" && RECSYS_KAFKA_BROKERS=$brokers RECSYS_KAFKA_TOPIC_PREFIX=$1 \
    "$recsys" topics create --partitions 4 --replication "${REPLICATION:-1}") >&2
}

topics_gone() {
  "$scripts/services" kafka-topics --delete --topic "$1.*" >/dev/null 2>&1 || true
}

# feed PREFIX RATE SECONDS [OPTION]...: events at a rate, in the background.
feed() {
  local prefix=$1 rate=$2 seconds=$3
  shift 3
  "$tool" fill --brokers "$brokers" --prefix "$prefix" --rate "$rate" \
    --events $((rate * seconds)) "$@" >"$SERVICES_DIR/feed" &
  feeder_pid=$!
}

# Waits for its end; what it tells are lines as well.
fed() {
  wait "$feeder_pid" || fail "events could not be written"
  feeder_pid=
}

stop_all() {
  local pid
  for pid in $engine_pid $feeder_pid; do kill "$pid" 2>/dev/null || true; done
  wait
}

# CPU seconds that processes have used so far.
cpu() {
  local pid
  for pid; do cat "/proc/$pid/stat"; done |
    sed 's/.*) //' | awk '{ ticks += $12 + $13 } END { printf "%.2f\n", ticks / 100 }'
}

cpu_redis() {
  cpu "$(cat "$SERVICES_DIR/redis/pid")"
}

cpu_brokers() {
  local pids
  mapfile -t pids < <(cat "$SERVICES_DIR"/kafka?/pid)
  cpu "${pids[@]}"
}

# The most memory that a process has had, or has, in MB: VmHWM or VmRSS.
memory_mb() {
  awk -v name="$2:" '$1 == name { printf "%.0f\n", $2 / 1024 }' "/proc/$1/status"
}

less() {
  awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a - b }'
}

# Brokers that have just started compile themselves for minutes, at the cost of everyone's latency.
warm_up() {
  local warm=$SERVICES_DIR/warm
  [[ -e $warm && $warm -nt $SERVICES_DIR/kafka1/pid ]] && return
  tell "warming the brokers up, for two minutes"
  topics warm-
  engine 2 warm- "${profile_only[@]}"
  feed warm- 20000 120
  fed
  engine_stop
  topics_gone warm-
  touch "$warm"
}
