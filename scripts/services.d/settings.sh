# shellcheck shell=bash
# What may be set from outside, its defaults, and how this script complains.

fail() {
  echo "services: $*" >&2
  exit 1
}

misused() {
  echo "services: $*" >&2
  exit 64
}

load_settings() {
  # Kafka's ports may be parted by blanks or by commas.
  read -ra KAFKA_PORTS <<<"$(tr ',' ' ' <<<"${KAFKA_PORTS:-9093 9094 9095}")"
  local above=() port
  for port in "${KAFKA_PORTS[@]}"; do
    require_port KAFKA_PORTS "$port"
    above+=($((port + 10000)))
  done
  read -ra KAFKA_CONTROLLER_PORTS <<<"$(tr ',' ' ' <<<"${KAFKA_CONTROLLER_PORTS:-${above[*]}}")"
  for port in "${KAFKA_CONTROLLER_PORTS[@]}"; do require_port KAFKA_CONTROLLER_PORTS "$port"; done
  ((${#KAFKA_PORTS[@]} == ${#KAFKA_CONTROLLER_PORTS[@]})) ||
    misused "KAFKA_PORTS and KAFKA_CONTROLLER_PORTS must hold as many ports as there are brokers"

  KAFKA_HEAP=${KAFKA_HEAP:-512m}
  REDIS_PORT=${REDIS_PORT:-6379}
  REDIS_REPLICA_PORT=${REDIS_REPLICA_PORT:-6390}
  read -ra SENTINEL_PORTS <<<"$(tr ',' ' ' <<<"${SENTINEL_PORTS:-26379 26380 26381}")"
  read -ra REDIS_CLUSTER_PORTS <<<"$(tr ',' ' ' <<<"${REDIS_CLUSTER_PORTS:-7001 7002 7003 7004}")"
  above=()
  for port in "${REDIS_CLUSTER_PORTS[@]}"; do
    require_port REDIS_CLUSTER_PORTS "$port"
    above+=($((port + 10000)))
  done
  read -ra REDIS_CLUSTER_BUS_PORTS <<<"$(tr ',' ' ' <<<"${REDIS_CLUSTER_BUS_PORTS:-${above[*]}}")"
  for port in "${REDIS_CLUSTER_BUS_PORTS[@]}"; do require_port REDIS_CLUSTER_BUS_PORTS "$port"; done
  ((${#REDIS_CLUSTER_PORTS[@]} >= 3 && ${#REDIS_CLUSTER_PORTS[@]} == ${#REDIS_CLUSTER_BUS_PORTS[@]})) ||
    misused "REDIS_CLUSTER_PORTS and REDIS_CLUSTER_BUS_PORTS must hold as many ports, at least three"
  ZOOKEEPER_PORT=${ZOOKEEPER_PORT:-2181}
  MOTO_PORT=${MOTO_PORT:-5000}
  REDIS_EXPORTER_PORT=${REDIS_EXPORTER_PORT:-9121}
  ALERTMANAGER_PORT=${ALERTMANAGER_PORT:-9099}
  PROMETHEUS_PORT=${PROMETHEUS_PORT:-9090}
  PROMETHEUS_TARGET=${PROMETHEUS_TARGET:-127.0.0.1:8080}
  SERVICES_TIMEOUT=${SERVICES_TIMEOUT:-60}
  require_port REDIS_PORT "$REDIS_PORT"
  require_port REDIS_REPLICA_PORT "$REDIS_REPLICA_PORT"
  for port in "${SENTINEL_PORTS[@]}"; do require_port SENTINEL_PORTS "$port"; done
  require_port ZOOKEEPER_PORT "$ZOOKEEPER_PORT"
  require_port MOTO_PORT "$MOTO_PORT"
  require_port REDIS_EXPORTER_PORT "$REDIS_EXPORTER_PORT"
  require_port ALERTMANAGER_PORT "$ALERTMANAGER_PORT"
  require_port PROMETHEUS_PORT "$PROMETHEUS_PORT"

  mkdir -p "${SERVICES_DIR:=$root/.services}" "$root/.services"
  SERVICES_DIR=$(cd "$SERVICES_DIR" && pwd -P)
}

require_port() {
  if [[ ! $2 =~ ^[0-9]{1,5}$ ]] || (($2 < 1 || $2 > 65535)); then
    misused "$1: '$2' is not a port"
  fi
}
