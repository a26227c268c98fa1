# shellcheck shell=bash
# Checkpoints: what they cost while events come, what they take, and how long a start takes with and without one.

# Between two checkpoints, of all alike, in seconds.
durability_interval=${CHECKPOINT_INTERVAL:-5}
# How long the slowest hundredth of the answers took without checkpoints, in this round, in milliseconds.
durability_p99=

# The backlog, to nowhere, with checkpoints and without, of all views and of profiles alone; then a start after a kill.
# Flink's job keeps profiles. Then a start with many profiles, and what is asked beside events.
durability() {
  local job
  for job in off on profile-off profile-on; do
    wanted "$job" && durability_run "$job"
  done
  # So rarely that there is none.
  wanted flink-off && durability_flink flink-off 86400000
  wanted flink-on && durability_flink flink-on "$((durability_interval * 1000))"
  wanted start-profile && durability_start
  for job in asked-off asked-on asked-adding; do
    wanted "$job" && durability_asked "$job"
  done
  return 0
}

durability_run() {
  local job=$1 store=$SERVICES_DIR/checkpoints url=
  backlog_fill
  [[ $job == *on ]] && url=$store
  rm -rf "$store"
  local options=(--set redis.url= --set "checkpoint.url=$url"
    --set "checkpoint.interval_s=$durability_interval")
  [[ $job == profile-* ]] && options+=("${profile_only[@]}")
  engine 2 "$(backlog_prefix)" "${options[@]}"
  {
    "$tool" watch --http "$http" --events "$events" ||
      fail "the engine did not finish: $(tail -n 5 "$SERVICES_DIR/engine/log")"
    echo "cpu_s $(cpu "$engine_pid")"
    echo "max_rss_mb $(memory_mb "$engine_pid" VmHWM)"
    if [[ $job == *on ]]; then
      durability_metric checkpoints recsys_checkpoints_total
      durability_last
      durability_metric bytes recsys_checkpoint_bytes
      durability_metric new_bytes recsys_checkpoint_new_bytes_total
      durability_added
      durability_metric added_bytes recsys_checkpoint_bytes
    fi
  } >"$SERVICES_DIR/found"
  durability_again "$(backlog_prefix)" "${options[@]}" >>"$SERVICES_DIR/found"
  engine_stop
  record durability "$job" <"$SERVICES_DIR/found"
  rm -rf "$store"
}

# A start of profiles alone, from a checkpoint that has all of five million events, each of which brought two pairs of a user
# and a tag that none brought before.
durability_start() {
  local store=$SERVICES_DIR/checkpoints filled=$SERVICES_DIR/pairs count=5000000
  if [[ ! -e $filled ]]; then
    topics_gone pairs-
    topics pairs-
    "$tool" fill --brokers "$brokers" --prefix pairs- --events "$count" --days 7 --distinct >"$filled.new"
    mv "$filled.new" "$filled"
  fi
  rm -rf "$store"
  local options=(--set redis.url= --set "checkpoint.url=$store"
    --set "checkpoint.interval_s=$durability_interval" "${profile_only[@]}")
  engine 2 pairs- "${options[@]}"
  {
    "$tool" watch --http "$http" --events "$count" >/dev/null ||
      fail "the engine did not finish: $(tail -n 5 "$SERVICES_DIR/engine/log")"
    durability_last
    durability_added
    durability_metric bytes recsys_checkpoint_bytes
  } >"$SERVICES_DIR/found"
  durability_again pairs- "${options[@]}" >>"$SERVICES_DIR/found"
  curl -s "http://$http/metrics" | awk '/^recsys_held_records\{name="profile",/ { pairs += $2 }
    END { print "pairs " pairs }' >>"$SERVICES_DIR/found"
  engine_stop
  record durability-start profile <"$SERVICES_DIR/found"
  rm -rf "$store"
}

# Recommendations beside events: without checkpoints; with one every few seconds, of an engine whose segments have been
# added together; and from when these begin to be. p99_times is how much longer the slowest hundredth of the answers takes
# than without, in the same round.
durability_asked() {
  local job=$1 store=$SERVICES_DIR/checkpoints url='' load=(--seconds 20 --warm-up 6)
  warm_up
  [[ $job == asked-off ]] || url=$store
  rm -rf "$store"
  queries_begin 2 --users 1000000 --events 2000000 --even-users -- --set redis.url= \
    --set "checkpoint.url=$url" --set "checkpoint.interval_s=$durability_interval"
  [[ $job == asked-off ]] || durability_last
  [[ $job == asked-on ]] && durability_added
  [[ $job == asked-adding ]] && load=(--seconds 5 --warm-up 1)
  feed live- 20000 31 --linger 20 --users 1000000 --even-users
  {
    "$tool" load --http "$http" --path '/api/recommendations/{user}?n=10' --rate 500 \
      --users 1000000 --even-users "${load[@]}"
    durability_metric checkpoints recsys_checkpoints_total
  } >"$SERVICES_DIR/found"
  queries_end
  rm -rf "$store"
  local p99
  p99=$(awk '$1 == "p99_ms" { print $2 }' "$SERVICES_DIR/found")
  [[ $job == asked-off ]] && durability_p99=$p99
  [[ -z $durability_p99 ]] ||
    awk -v a="$p99" -v b="$durability_p99" 'BEGIN { printf "p99_times %.2f\n", a / b }' >>"$SERVICES_DIR/found"
  record durability-asked "$job" <"$SERVICES_DIR/found"
}

durability_flink() {
  local job=$1 every=$2
  backlog_fill
  peer_flink --bootstrap "$brokers" --prefix "$(backlog_prefix)" --expect "$events" --redis none \
    --state rocksdb --checkpoint-ms "$every" >"$SERVICES_DIR/found" 2>"$SERVICES_DIR/peer.log" ||
    fail "Flink failed: $(tail -n 5 "$SERVICES_DIR/peer.log")"
  record durability "$job" <"$SERVICES_DIR/found"
}

# durability_again PREFIX OPTION...: kills the engine, and tells how long it takes until another one is ready.
durability_again() {
  kill -9 "$engine_pid"
  wait "$engine_pid" 2>/dev/null || true
  local began=${EPOCHREALTIME/./}
  engine_again 2 "$@"
  engine_ready 600
  echo "restart_ms $(((${EPOCHREALTIME/./} - began) / 1000))"
}

# A checkpoint of all that was read. It may have to wait for segments that are added together.
durability_last() {
  local try
  for try in {1..20}; do
    curl -sf -X POST "http://$http/api/admin/checkpoint" >/dev/null && return
    sleep 1
  done
  fail "no checkpoint after $try tries: $(tail -n 5 "$SERVICES_DIR/engine/log")"
}

# Waits until segments have been added together, and the next checkpoint names what they came to.
durability_added() {
  local try before
  before=$(durability_metric bytes recsys_checkpoint_bytes)
  for try in {1..120}; do
    [[ $(durability_metric bytes recsys_checkpoint_bytes) == "$before" ]] || return 0
    sleep 1
  done
  fail "segments were not added together in $try s: $(tail -n 5 "$SERVICES_DIR/engine/log")"
}

# durability_metric KEY NAME: a line with the value of a metric.
durability_metric() {
  echo "$1 $(curl -s "http://$http/metrics" | awk -v name="$2" '$1 == name { print $2 }')"
}
