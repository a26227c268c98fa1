# shellcheck shell=bash
# Questions over HTTP while events come in. These linger for 20 ms at the producer, so that less of
# the machine is spent on writing them. Where many come in, all users are as likely: of 50,000 events
# a second, log-uniform users would have one visitor click 2,600 times a second.

# Profiles: of an engine that keeps nothing else, and of one that keeps all views.
profile() {
  local job
  for job in beside-100k beside-100k-views idle-views; do
    wanted "$job" || continue
    local views=("${profile_only[@]}")
    [[ $job == *-views ]] && views=()
    queries_begin 2 --users 500000 --events 1000000 --even-users -- "${views[@]}"
    [[ $job == idle-* ]] || feed live- 100000 31 --linger 20 --even-users
    "$tool" load --http "$http" --path '/api/user-profile/{user}' --rate 5000 --even-users \
      --warm-up 6 | record profile "$job"
    queries_end
  done
}

recommend() {
  local job
  for job in beside-50k idle; do
    wanted "$job" || continue
    queries_begin 2 --users 1000000 --events 2000000 --even-users --
    [[ $job == idle ]] || feed live- 50000 31 --linger 20 --users 1000000 --even-users
    "$tool" load --http "$http" --path '/api/recommendations/{user}?n=10' --rate 1000 \
      --users 1000000 --even-users --warm-up 6 | record recommend "$job"
    queries_end
  done
}

# As small as the data that session-based recommenders are measured with, with one worker and with
# two, without and with a thousand clicks a second beside it, and with a token for each question.
throughput() {
  local job shop=(--users 20000 --products 5000)
  for job in closed-8-1 closed-8-1-fed closed-8-2 closed-8-2-fed closed-8-2-locked; do
    wanted "$job" || continue
    local workers=${job#closed-8-} token='' lock=()
    if [[ $job == *-locked ]]; then
      local file
      file=$(realpath "$SERVICES_DIR")/tokens
      rm -f "$file"
      token=$("$recsys" token new --name bench --scope read --file "$file" |
        sed 's/.*"token":"\([^"]*\)".*/\1/')
      lock=(--set "http.tokens_file=$file" --set http.reads=token)
    fi
    queries_begin "${workers%%-*}" "${shop[@]}" --events 70000 -- "${lock[@]}"
    [[ $job != *-fed ]] || feed live- 1000 14 --linger 20 "${shop[@]}"
    "$tool" load --http "$http" --path '/api/recommendations/{user}?n=20' --token "$token" --closed \
      --connections 8 --seconds 10 "${shop[@]}" | record throughput "$job"
    queries_end
  done
}

# The costliest questions, one at a time, so that an answer's time bounds the time that it holds a
# worker: rules that nothing passes, the deepest page, and rules that look at every tag.
costly() {
  local job shop=(--users 20000 --products 50000) query
  queries_begin 1 "${shop[@]}" --events 1000000 --
  for job in light passes-none deep deep-per-tag; do
    wanted "$job" || continue
    case $job in
      light) query='n=10' ;;
      passes-none) query='n=1&onlyTags=none' ;;
      deep) query='n=1000&offset=1000&withoutTags=none' ;;
      deep-per-tag) query='n=1000&offset=1000&perTag=1' ;;
    esac
    "$tool" load --http "$http" --path "/api/recommendations/{user}?$query" --closed \
      --connections 1 --seconds 10 "${shop[@]}" | record costly "$job"
  done
  queries_end
}

# queries_begin WORKERS FILL-OPTION... -- ENGINE-OPTION...: an engine that has caught up with a week's
# events.
queries_begin() {
  local workers=$1 events=()
  shift
  while [[ $1 != -- ]]; do events+=("$1") && shift; done
  shift
  topics live-
  "$tool" fill --brokers "$brokers" --prefix live- --days 7 "${events[@]}" >"$SERVICES_DIR/feed"
  engine "$workers" live- "$@"
  engine_ready
}

queries_end() {
  [[ -z $feeder_pid ]] || fed
  engine_stop
  topics_gone live-
}
