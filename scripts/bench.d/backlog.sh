# shellcheck shell=bash
# Events that wait in Kafka, read from the beginning: to Redis, and to nowhere.
#
# The clock runs from the first event read to the last one acknowledged by Redis (without Redis: to
# the last one in the state), for all alike; starting a process is not in it. The peers and the loop
# tell it themselves, the engine is watched from outside.

backlog_prefix() {
  echo "backlog-$events-"
}

backlog() {
  backlog_fill
  local job
  for job in ours-1 ours-2 ours-2-views; do
    wanted "$job" && backlog_ours "$job" redis
    wanted "$job-no-redis" && backlog_ours "$job" none
  done
  for job in loop flink kstreams; do
    wanted "$job" && backlog_peer "$job" redis
    wanted "$job-no-redis" && backlog_peer "$job" none
  done
  return 0
}

# Writes the events, once, and notes what Redis must hold after them.
backlog_fill() {
  local filled=$SERVICES_DIR/backlog-$events
  [[ -e $filled ]] && return
  tell "writing $events events to Kafka, once"
  topics_gone "$(backlog_prefix)"
  topics "$(backlog_prefix)"
  "$tool" fill --brokers "$brokers" --prefix "$(backlog_prefix)" --events "$events" --days 7 \
    --expect >"$filled.new"
  mv "$filled.new" "$filled"
}

backlog_ours() {
  local job=$1 to=$2 workers views=("${profile_only[@]}") sink=() watch=(--redis)
  [[ $job == ours-1 ]] && workers=1 || workers=2
  [[ $job == *-views ]] && views=()
  [[ $to == none ]] && sink=(--set redis.url=) watch=()
  local redis_before brokers_before
  redis_before=$(cpu_redis) brokers_before=$(cpu_brokers)
  engine "$workers" "$(backlog_prefix)" "${views[@]}" "${sink[@]}"
  {
    "$tool" watch --http "$http" --events "$events" "${watch[@]}" ||
      fail "the engine did not finish: $(tail -n 5 "$SERVICES_DIR/engine/log")"
    echo "cpu_s $(cpu "$engine_pid")"
    backlog_others "$redis_before" "$brokers_before"
    echo "max_rss_mb $(memory_mb "$engine_pid" VmHWM)"
    backlog_content "$to"
  } >"$SERVICES_DIR/found"
  engine_stop
  backlog_record "$job" "$to"
}

backlog_peer() {
  local job=$1 to=$2 redis_before brokers_before
  local options=(--bootstrap "$brokers" --prefix "$(backlog_prefix)" --expect "$events")
  if [[ $to == none ]]; then options+=(--redis none); else options+=(--redis "$redis"); fi
  redis-cli -p "$REDIS_PORT" flushall >/dev/null
  redis_before=$(cpu_redis) brokers_before=$(cpu_brokers)
  {
    "peer_$job" "${options[@]}" 2>"$SERVICES_DIR/peer.log" ||
      fail "$job failed: $(tail -n 5 "$SERVICES_DIR/peer.log")"
    backlog_others "$redis_before" "$brokers_before"
    backlog_content "$to"
  } >"$SERVICES_DIR/found"
  backlog_record "$job" "$to"
}

backlog_others() {
  echo "redis_cpu_s $(less "$(cpu_redis)" "$1")"
  echo "brokers_cpu_s $(less "$(cpu_brokers)" "$2")"
}

# Whether Redis holds what it must.
backlog_content() {
  [[ $1 == none ]] && return
  local held
  held=$("$tool" digest --redis "$redis")
  if [[ $held == "$(grep ^digest "$SERVICES_DIR/backlog-$events")" ]]; then
    echo "content right"
  else
    echo "content wrong"
  fi
}

backlog_record() {
  local name=$1
  [[ $2 == none ]] && name+=-no-redis
  # Its processes' own CPU before the first event is the start of a JVM, which nobody measures here.
  sed 's/^cpu_s_after_first_event/cpu_s/' "$SERVICES_DIR/found" |
    awk '$1 == "cpu_s" { last = $0; next } { print } END { print last }' |
    record backlog "$name"
}

peer_loop() {
  "$target/release/peer-loop" "$@"
}

peer_flink() {
  java -XX:+UseParallelGC -Xmx1g -jar "$scripts/peers/flink/target/peer-flink.jar" "$@"
}

# Without its change log, which nothing else here has.
peer_kstreams() {
  java -XX:+UseParallelGC -Xmx1g -jar "$scripts/peers/kstreams/target/peer-kstreams.jar" \
    --changelog off "$@"
}
