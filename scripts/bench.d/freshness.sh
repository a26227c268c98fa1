# shellcheck shell=bash
# At a steady rate: from a record's timestamp until Redis has answered with the profile written. The
# producer lingers 5 ms, which is in it. And how long a client waits that posts an event and asks
# for an answer once every read shows it.

freshness_rate=${FRESHNESS_RATE:-20000}
freshness_seconds=${FRESHNESS_SECONDS:-45}

freshness() {
  local job
  for job in ours-2 ours-2-views; do
    wanted "$job" && freshness_ours "$job"
  done
  for job in flink kstreams; do
    wanted "$job" && freshness_peer "$job"
  done
  return 0
}

freshness_ours() {
  local job=$1 views=("${profile_only[@]}") before
  [[ $job == *-views ]] && views=()
  topics live-
  engine 2 live- "${views[@]}"
  engine_ready
  feed live- "$freshness_rate" $((freshness_seconds + 25))
  sleep 3
  before=$(cpu "$engine_pid")
  {
    "$tool" freshness --http "$http" --seconds "$freshness_seconds"
    echo "cores $(awk -v a="$(cpu "$engine_pid")" -v b="$before" -v s="$freshness_seconds" \
      'BEGIN { printf "%.2f", (a - b) / s }')"
  } | record freshness "$job"
  "$tool" load --http "$http" --path '/api/user-behavior?wait=visible' --rate 50 --connections 8 \
    --seconds 10 --post '{"eventType":"view","userId":"{user}","product":"{product}","tags":["tag1"]}' |
    record freshness "$job-posted-until-visible"
  fed
  engine_stop
  topics_gone live-
}

freshness_peer() {
  local job=$1 peer
  topics live-
  redis-cli -p "$REDIS_PORT" flushall >/dev/null
  "peer_$job" --bootstrap "$brokers" --prefix live- --redis "$redis" --latency \
    --expect $((freshness_rate * freshness_seconds)) >"$SERVICES_DIR/found" 2>"$SERVICES_DIR/peer.log" &
  peer=$!
  sleep 10 # a JVM starts
  feed live- "$freshness_rate" "$freshness_seconds"
  fed
  wait "$peer" || fail "$job failed: $(tail -n 5 "$SERVICES_DIR/peer.log")"
  awk '$1 == "events" { print }
    $1 == "latency_ms" { for (i = 2; i < NF; i += 2) print $i "_ms", $(i + 1) }' "$SERVICES_DIR/found" |
    record freshness "$job"
  topics_gone live-
}
