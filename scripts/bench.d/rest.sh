# shellcheck shell=bash
# An engine with nothing to do; the dataflow alone.

idle() {
  local job before
  for job in 1 2; do
    wanted "ours-$job" || continue
    topics live-
    engine "$job" live-
    engine_ready
    sleep 3
    before=$(cpu "$engine_pid")
    sleep 10
    awk -v a="$(cpu "$engine_pid")" -v b="$before" \
      'BEGIN { printf "percent_of_a_core %.1f\n", (a - b) * 10 }' | record idle "ours-$job"
    engine_stop
    topics_gone live-
  done
}

dataflow() {
  local job
  for job in profile-1 profile-2 views-1 views-2; do
    wanted "$job" || continue
    local options=(-w "${job##*-}")
    if [[ $job == views-* ]]; then
      options+=(--events 1000000 --all)
    else
      options+=(--events 4000000)
    fi
    "$target/release/examples/drive" "${options[@]}" | grep -v ^worker_ | record dataflow "$job"
  done
}
