# shellcheck shell=bash
# What takes longer than a gate may: before a release, and now and then.

long_run=docs/long-run.tsv

long() {
  tell_long_run
  step "packages" need "${build_needs[@]}" "${kerberos_needs[@]}"

  local first=${ORACLE_SEED:-$EPOCHSECONDS}
  local seeds=$first..$((first + ${ORACLE_SCRIPTS:-400}))
  # For this step alone: the program takes its settings from variables of such names.
  step "oracle, seeds $seeds" env "RECSYS_ORACLE_SEEDS=$seeds" \
    cargo test --workspace --locked --test oracle -- --ignored --nocapture
  export PROPTEST_CASES=${PROPTEST_CASES:-20000}
  step "property tests, $PROPTEST_CASES cases" cargo test --workspace --locked --lib

  cargo_tool cargo-fuzz 0.13.2
  # The sanitizer is the compiler's, but only its nightly build takes the flag without being told.
  step "fuzz the parser" env RUSTC_BOOTSTRAP=1 \
    cargo fuzz run parse -- -max_total_time="${FUZZ_SECONDS:-300}" -print_final_stats=1

  step "lints with Kerberos for Kafka" \
    cargo clippy --workspace --all-targets --locked --features kafka-kerberos -- -D warnings
  step "lints of the hand-written loop" cargo clippy --locked \
    --manifest-path scripts/peers/loop/Cargo.toml --target-dir target -- -D warnings
  step "benchmarks" scripts/bench dataflow idle --rounds 1
  record_long_run
}

# Says when the long run last passed, and how many commits ago.
tell_long_run() {
  local finished commit rest ago=
  if ! { read -r && read -r finished commit rest; } 2>/dev/null <"$long_run"; then
    printf '\ntest: the long run has never passed: scripts/test --long\n'
    return
  fi
  ago=$(git rev-list --count "${commit%+*}..HEAD" 2>/dev/null) && ago=", $ago commits ago"
  printf '\ntest: the long run last passed at %s on %s%s: %s\n' \
    "$finished" "$commit" "$ago" "$long_run"
}

# A line a step; the first one is the whole run.
record_long_run() {
  local finished commit line
  finished=$(date -u +%FT%TZ)
  commit=$(git rev-parse --short=12 HEAD)
  git diff --quiet HEAD || commit+=+changes
  {
    printf 'finished\tcommit\tseconds\tstep\n'
    for line in "$(seconds_since "$run_began") all" "${steps[@]}"; do
      printf '%s\t%s\t%s\t%s\n' "$finished" "$commit" "${line%% *}" "${line#* }"
    done
  } >"$long_run"
  tell_long_run
}
