# shellcheck shell=bash
# Alertmanager: takes Prometheus's alerts, and tells whom ops/alertmanager names.

alertmanager_install() {
  require prometheus-alertmanager prometheus-alertmanager
}

alertmanager_ports() {
  echo "$ALERTMANAGER_PORT"
}

alertmanager_command() {
  local home=$SERVICES_DIR/alertmanager
  # Where it is, not a copy: files of secrets are named from there. One alone needs no port for others.
  command=(prometheus-alertmanager "--config.file=$root/ops/alertmanager/alertmanager.yml"
    "--storage.path=$home/data" "--web.listen-address=127.0.0.1:$ALERTMANAGER_PORT"
    --cluster.listen-address= --log.level=warn)
}

alertmanager_healthy() {
  printf 'GET /-/ready HTTP/1.0\r\n\r\n' | ask "$ALERTMANAGER_PORT" 12 | grep -q '^HTTP/1.0 200'
}
