# shellcheck shell=bash
# The exporter of Redis: what Prometheus is told of Redis itself.

redis-exporter_install() {
  require prometheus-redis-exporter prometheus-redis-exporter
}

redis-exporter_ports() {
  echo "$REDIS_EXPORTER_PORT"
}

redis-exporter_command() {
  # The machine's memory is the limit of a Redis that has none of its own.
  command=(prometheus-redis-exporter -include-system-metrics "-redis.addr=redis://127.0.0.1:$REDIS_PORT"
    "-web.listen-address=127.0.0.1:$REDIS_EXPORTER_PORT")
}

# It answers also while Redis is down, and says so.
redis-exporter_healthy() {
  printf 'GET /health HTTP/1.0\r\n\r\n' | ask "$REDIS_EXPORTER_PORT" 12 | grep -q '^HTTP/1.0 200'
}
