# shellcheck shell=bash
# What may be set from outside, what is built, and how this script talks.

rounds=3
events=6000000
jobs=
results=
keep=

tell() {
  echo "bench: $*" >&2
}

fail() {
  tell "$*"
  exit 1
}

misused() {
  tell "$*; see scripts/bench --help"
  exit 64
}

load_settings() {
  export SERVICES_DIR=${SERVICES_DIR:-$root/.services/bench}
  export KAFKA_PORTS=${KAFKA_PORTS:-9593 9594 9595}
  export KAFKA_CONTROLLER_PORTS=${KAFKA_CONTROLLER_PORTS:-19593 19594 19595}
  # A small heap is collected every second or two, and each time nobody can read or write.
  export KAFKA_HEAP=${KAFKA_HEAP:-1g}
  export REDIS_PORT=${REDIS_PORT:-6596}
  HTTP_PORT=${HTTP_PORT:-8596}
  mkdir -p "$SERVICES_DIR/results"
  SERVICES_DIR=$(cd "$SERVICES_DIR" && pwd -P)
  http=127.0.0.1:$HTTP_PORT
  redis=127.0.0.1:$REDIS_PORT
  brokers=$(sed 's/ \+/,/g; s/[0-9]\+/127.0.0.1:&/g' <<<"$KAFKA_PORTS")
  results=${results:-$SERVICES_DIR/results/$(date +%Y%m%d-%H%M%S).jsonl}
  target=${CARGO_TARGET_DIR:-$root/target}
  recsys=$target/release/recsys
  tool=$target/release/examples/bench
}

# What the chosen benchmarks run.
build() {
  cd "$root" || exit
  cargo build --release --locked --bin recsys --example bench
  if [[ " $* " == *" dataflow "* ]]; then
    cargo build --release --locked -p dataflows --example drive
  fi
  if [[ " $* " =~ " "(backlog|freshness|durability)" " && (-z $jobs || $jobs =~ loop|flink|kstreams) ]]; then
    cargo build --release --locked --manifest-path scripts/peers/loop/Cargo.toml --target-dir "$target"
    local peer
    for peer in flink kstreams; do
      [[ -e $scripts/peers/$peer/target/peer-$peer.jar ]] && continue
      require java default-jre-headless
      require mvn maven
      (cd "$scripts/peers/$peer" && mvn -q -B package) || fail "Maven could not build $peer"
    done
  fi
  require redis-cli redis-tools
}

services() {
  "$scripts/services" "$@" >&2
}

# Whether a job is to be run.
wanted() {
  [[ -z $jobs || $jobs == *",$1,"* ]]
}
