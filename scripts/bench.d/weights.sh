# shellcheck shell=bash
# Over ten million distinct (user, tag) pairs, a million users with ten tags each: new weights, and
# memory.

pairs_users=1000000
pairs_events=5000000
pairs=$((2 * pairs_events))

# Writes the events, once: each brings two new pairs.
pairs_fill() {
  [[ -e $SERVICES_DIR/pairs-$pairs_events ]] && return
  tell "writing $pairs_events events to Kafka, once"
  topics_gone pairs-
  topics pairs-
  "$tool" fill --brokers "$brokers" --prefix pairs- --events "$pairs_events" \
    --users "$pairs_users" --distinct >"$SERVICES_DIR/pairs-$pairs_events.new"
  mv "$SERVICES_DIR/pairs-$pairs_events"{.new,}
}

weights() {
  wanted pairs-10M || return 0
  pairs_fill
  engine 2 pairs- "${profile_only[@]}"
  "$tool" watch --http "$http" --events "$pairs_events" --redis >/dev/null ||
    fail "the engine did not finish: $(tail -n 5 "$SERVICES_DIR/engine/log")"
  "$tool" load --http "$http" --path '/api/user-profile/{user}' --rate 1000 --seconds 20 \
    --users "$pairs_users" >"$SERVICES_DIR/found" &
  local load=$!
  sleep 4
  "$tool" reweigh --http "$http" --redis "$redis" --users "$pairs_users" | record weights pairs-10M
  wait "$load" || fail "queries failed"
  record weights queries-meanwhile <"$SERVICES_DIR/found"
  engine_stop
}

# Without Redis: nothing waits to be written. What librdkafka, names and code take is in it.
memory() {
  local job
  for job in profile views; do
    wanted "$job" || continue
    pairs_fill
    local views=("${profile_only[@]}")
    [[ $job == views ]] && views=()
    engine 2 pairs- --set redis.url= "${views[@]}"
    engine_ready 300
    sleep 5 # merges go on without input
    local resident
    resident=$(memory_mb "$engine_pid" VmRSS)
    {
      echo "pairs $pairs"
      echo "rss_mb $resident"
      echo "max_rss_mb $(memory_mb "$engine_pid" VmHWM)"
      echo "bytes_a_pair $((resident * 1048576 / pairs))"
    } | record memory "$job"
    engine_stop
  done
}
