# shellcheck shell=bash
# The whole gate: everything that must hold of a commit on the main branch.

whole() {
  step "packages" need "${build_needs[@]}" "${whole_needs[@]}"
  format_and_lints
  # Licences, bans and sources of what is linked.
  cargo_tool cargo-deny 0.20.2
  step "licences and sources" cargo deny --locked check bans licenses sources
  advisories
  step "build of the tests" cargo test --workspace --locked --no-run
  step "tests" cargo test --workspace --locked
  step "documentation" env RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked
  step "Prometheus rules" promtool check rules ops/prometheus/rules.yml
  step "tests of the rules" promtool test rules ops/prometheus/rules_test.yml
  step "configuration of Alertmanager" amtool check-config ops/alertmanager/alertmanager.yml
  deployments
  api
  with_services
  tell_long_run
}

# Known vulnerabilities of what is linked. Their database is not within reach everywhere, which is told.
advisories() {
  if timeout 60 cargo deny fetch db >/dev/null 2>&1; then
    step "advisories" cargo deny --locked check advisories
  else
    echo "test: the database of advisories cannot be reached: nothing was held to it" >&2
  fi
}

with_services() {
  export SERVICES_DIR=$root/.services/test
  export KAFKA_PORTS="9393 9394 9395" KAFKA_CONTROLLER_PORTS="19393 19394 19395"
  export REDIS_PORT=6399 ZOOKEEPER_PORT=2199 MOTO_PORT=5099
  # Three brokers start slowly beside a busy machine's other work.
  export SERVICES_TIMEOUT=${SERVICES_TIMEOUT:-180}
  mkdir -p "$SERVICES_DIR"
  at_end=stop_services
  step "start of the services" "$scripts/services" up kafka redis zookeeper moto

  browser_parts
  tell_addresses
  step "tests with ZooKeeper" cargo test --workspace --locked --lib settings::zookeeper -- --ignored
  # For this step alone: the names are those of every tool of S3's.
  export RECSYS_TEST_PYTHON=$root/.services/python/bin/python
  step "tests with S3 and DuckDB" env "RECSYS_TEST_S3=http://127.0.0.1:$MOTO_PORT" \
    "AWS_ENDPOINT=http://127.0.0.1:$MOTO_PORT" AWS_ALLOW_HTTP=true AWS_REGION=us-east-1 \
    AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
    cargo test --workspace --locked --tests -- --ignored s3_ duckdb_
  step "end-to-end tests" cargo test --workspace --locked --test end_to_end -- --ignored --skip s3_
}

# Ends the services of this gate, and no others: they are told by their folder.
stop_services() {
  "$scripts/services" clean >/dev/null ||
    echo "test: could not stop the services in $SERVICES_DIR" >&2
}
