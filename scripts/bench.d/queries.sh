# shellcheck shell=bash
# Questions over HTTP, all views on, while events come in. These linger for 20 ms at the producer, so
# that less of the machine is spent on writing them. Where many come in, all users are as likely: of
# 50,000 events a second, log-uniform users would have one visitor click 2,600 times a second.

profile() {
  local job
  for job in beside-100k idle; do
    wanted "$job" || continue
    queries_begin 500000 1000000 --even-users
    [[ $job == idle ]] || feed live- 100000 30 --linger 20 --even-users
    "$tool" load --http "$http" --path '/api/user-profile/{user}' --rate 5000 --even-users |
      record profile "$job"
    queries_end
  done
}

recommend() {
  local job
  for job in beside-50k idle; do
    wanted "$job" || continue
    queries_begin 1000000 2000000 --even-users
    [[ $job == idle ]] || feed live- 50000 30 --linger 20 --users 1000000 --even-users
    "$tool" load --http "$http" --path '/api/recommendations/{user}?n=10' --rate 1000 \
      --users 1000000 --even-users | record recommend "$job"
    queries_end
  done
}

# As small as the data that session-based recommenders are measured with.
throughput() {
  wanted closed-8 || return 0
  queries_begin 20000 70000 --products 5000
  feed live- 1000 20 --linger 20 --users 20000 --products 5000
  "$tool" load --http "$http" --path '/api/recommendations/{user}?n=20' --closed --connections 8 \
    --seconds 10 --users 20000 --products 5000 | record throughput closed-8
  queries_end
}

# queries_begin USERS EVENTS [OPTION]...: an engine that has caught up with so many events.
queries_begin() {
  local users=$1 count=$2
  shift 2
  topics live-
  "$tool" fill --brokers "$brokers" --prefix live- --events "$count" --users "$users" --days 7 \
    "$@" >"$SERVICES_DIR/feed"
  engine 2 live-
  engine_ready
}

queries_end() {
  [[ -z $feeder_pid ]] || fed
  engine_stop
  topics_gone live-
}
