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
port $REDIS_PORT
dir $home
save 3600 1
appendonly no
CONF
  command=(redis-server "$home/redis.conf")
}

redis_healthy() {
  [[ $(printf 'PING\r\n' | ask "$REDIS_PORT" 5) == +PONG ]]
}
