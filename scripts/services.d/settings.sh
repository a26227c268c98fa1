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

# read_ports NAME DEFAULT: makes a list of ports an array. They may be parted by blanks or by commas.
read_ports() {
  local -n ports=$1
  read -ra ports <<<"$(tr ',' ' ' <<<"${ports:-$2}")"
  local port
  for port in "${ports[@]}"; do require_port "$1" "$port"; done
}

# above PORT...: the ports that are ten thousand higher.
above() {
  local port
  for port; do echo $((port + 10000)); done | xargs
}

load_settings() {
  read_ports KAFKA_PORTS "9093 9094 9095"
  read_ports KAFKA_CONTROLLER_PORTS "$(above "${KAFKA_PORTS[@]}")"
  ((${#KAFKA_PORTS[@]} == ${#KAFKA_CONTROLLER_PORTS[@]})) ||
    misused "KAFKA_PORTS and KAFKA_CONTROLLER_PORTS must hold as many ports as there are brokers"

  KAFKA_HEAP=${KAFKA_HEAP:-512m}
  REDIS_PORT=${REDIS_PORT:-6379}
  REDIS_REPLICA_PORT=${REDIS_REPLICA_PORT:-6390}
  read_ports SENTINEL_PORTS "26379 26380 26381"
  read_ports REDIS_CLUSTER_PORTS "7001 7002 7003 7004"
  read_ports REDIS_CLUSTER_BUS_PORTS "$(above "${REDIS_CLUSTER_PORTS[@]}")"
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
