# shellcheck shell=bash
# Where tests find the services, by the ports that scripts/services starts them on.

tell_addresses() {
  local -a ports
  read -ra ports <<<"$KAFKA_PORTS"
  printf -v RECSYS_TEST_KAFKA ',127.0.0.1:%s' "${ports[@]}"
  export RECSYS_TEST_KAFKA=${RECSYS_TEST_KAFKA#,}
  export RECSYS_TEST_REDIS=redis://127.0.0.1:$REDIS_PORT
  export RECSYS_TEST_ZOOKEEPER=127.0.0.1:$ZOOKEEPER_PORT
}
