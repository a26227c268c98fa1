# shellcheck shell=bash
# Prometheus: the configuration and the rules of ops/prometheus, scraping an engine on this host.

prometheus_install() {
  require prometheus prometheus
}

prometheus_ports() {
  echo "$PROMETHEUS_PORT"
}

prometheus_command() {
  local home=$SERVICES_DIR/prometheus
  mkdir -p "$home/targets" "$home/alertmanagers"
  cp "$root"/ops/prometheus/{prometheus,rules}.yml "$home/"
  # What there is to scrape differs between here and docker-compose, so it is a file beside.
  cat >"$home/targets/host.yml" <<YML
- targets: ["$PROMETHEUS_TARGET"]
  labels: { job: recsys }
- targets: ["127.0.0.1:$REDIS_EXPORTER_PORT"]
  labels: { job: redis }
- targets: ["127.0.0.1:$ALERTMANAGER_PORT"]
  labels: { job: alertmanager }
- targets: ["127.0.0.1:$PROMETHEUS_PORT"]
  labels: { job: prometheus }
YML
  echo "- targets: [\"127.0.0.1:$ALERTMANAGER_PORT\"]" >"$home/alertmanagers/host.yml"
  command=(prometheus "--config.file=$home/prometheus.yml" "--storage.tsdb.path=$home/data"
    "--web.listen-address=127.0.0.1:$PROMETHEUS_PORT" --log.level=warn)
}

prometheus_healthy() {
  printf 'GET /-/ready HTTP/1.0\r\n\r\n' | ask "$PROMETHEUS_PORT" 12 | grep -q '^HTTP/1.0 200'
}
