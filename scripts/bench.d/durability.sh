# shellcheck shell=bash
# Checkpoints: what they cost while events come, what they take, and how long a start takes with and without one.

# Between two checkpoints, of all alike, in seconds.
durability_interval=${CHECKPOINT_INTERVAL:-5}

# The backlog, to nowhere, with checkpoints and without, of all views and of profiles alone; then a start after a kill.
# Flink's job keeps profiles.
durability() {
  backlog_fill
  local job
  for job in off on profile-off profile-on; do
    wanted "$job" && durability_run "$job"
  done
  # So rarely that there is none.
  wanted flink-off && durability_flink flink-off 86400000
  wanted flink-on && durability_flink flink-on "$((durability_interval * 1000))"
  return 0
}

durability_run() {
  local job=$1 store=$SERVICES_DIR/checkpoints url=
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
    kill -9 "$engine_pid"
    wait "$engine_pid" 2>/dev/null || true
    engine_again 2 "$(backlog_prefix)" "${options[@]}"
    local began=${EPOCHREALTIME/./}
    engine_ready 600
    echo "restart_ms $(((${EPOCHREALTIME/./} - began) / 1000))"
  } >"$SERVICES_DIR/found"
  engine_stop
  record durability "$job" <"$SERVICES_DIR/found"
  rm -rf "$store"
}

durability_flink() {
  local job=$1 every=$2
  peer_flink --bootstrap "$brokers" --prefix "$(backlog_prefix)" --expect "$events" --redis none \
    --state rocksdb --checkpoint-ms "$every" >"$SERVICES_DIR/found" 2>"$SERVICES_DIR/peer.log" ||
    fail "Flink failed: $(tail -n 5 "$SERVICES_DIR/peer.log")"
  record durability "$job" <"$SERVICES_DIR/found"
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
