# shellcheck shell=bash
# Redis: saved when it is stopped, not at every write.

redis_install() {
  require redis-server redis-server
}

redis_ports() {
  echo "$REDIS_PORT"
}

redis_command() {
  local home=$SERVICES_DIR/redis
  cat >"$home/redis.conf" <<CONF
bind 127.0.0.1
$(redis_door)
dir $home
save 3600 1
appendonly no
CONF
  command=(redis-server "$home/redis.conf")
}

# Where it listens, and to whom.
redis_door() {
  if ! is_secure; then
    echo "port $REDIS_PORT"
    return
  fi
  local tls=$SERVICES_DIR/tls
  cat <<CONF
port 0
tls-port $REDIS_PORT
tls-cert-file $tls/server.pem
tls-key-file $tls/server.key
tls-ca-cert-file $tls/ca.pem
tls-auth-clients no
requirepass $secure_password
CONF
}

redis_healthy() {
  if is_secure; then
    [[ $(printf 'AUTH %s\r\nPING\r\n' "$secure_password" | ask_secure "$REDIS_PORT") == *+PONG* ]]
    return
  fi
  [[ $(printf 'PING\r\n' | ask "$REDIS_PORT" 5) == +PONG ]]
}
