# shellcheck shell=bash
# What it costs that rankings are graded: the engine's CPU at a steady rate of events, without grades and with them.

# Each visitor clicks every ten seconds, so nearly all clicks are within a visit, and all of those of the sample are graded. A
# hundred recommendations a second are asked for, so that what the first question needs is there in any case.
grading() {
  local job share shop=(--users 200000 --even-users)
  for job in off on; do
    wanted "$job" || continue
    if [[ $job == off ]]; then share=0; else share=0.05; fi
    queries_begin 2 "${shop[@]}" --events 2000000 -- --set redis.url= --set "grading.share=$share"
    feed live- 20000 75 --linger 20 "${shop[@]}"
    "$tool" load --http "$http" --path '/api/recommendations/{user}?n=20' --rate 100 --seconds 68 \
      "${shop[@]}" >"$SERVICES_DIR/found" &
    local asking=$!
    sleep 15
    local cpu_before lists_before skipped_before
    cpu_before=$(cpu "$engine_pid")
    lists_before=$(grading_count recsys_graded_lists_total)
    skipped_before=$(grading_count recsys_grading_skipped_events_total)
    sleep 45
    {
      echo "percent_of_a_core $(awk -v a="$(cpu "$engine_pid")" -v b="$cpu_before" \
        'BEGIN { printf "%.1f", (a - b) * 100 / 45 }')"
      echo "graded_per_s $((($(grading_count recsys_graded_lists_total) - lists_before) / 45))"
      echo "skipped $(($(grading_count recsys_grading_skipped_events_total) - skipped_before))"
    } | record grading "$job"
    wait "$asking" || fail "recommendations were not answered"
    queries_end
  done
}

# grading_count NAME: a metric of all lists in force, or without labels.
grading_count() {
  curl -s "http://$http/metrics" |
    awk -v name="$1" '$1 == name || index($1, name "{") && /products="all"/ && /ranking="in_force"/ { sum += $2 }
      END { printf "%d\n", sum }'
}
