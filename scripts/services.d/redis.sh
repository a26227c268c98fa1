# shellcheck shell=bash
# Redis: saved when it is stopped, not at every write. A replica of it, and sentinels that watch both: who wants
# these names them.

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
$(redis_door "$REDIS_PORT")
$(redis_login)
dir $home
save 3600 1
appendonly no
CONF
  command=(redis-server "$home/redis.conf")
}

# Where it listens, and to whom; and how it talks to others of its kind.
redis_door() {
  local port=$1
  if ! is_secure; then
    echo "port $port"
    return
  fi
  local tls=$SERVICES_DIR/tls
  cat <<CONF
port 0
tls-port $port
tls-cert-file $tls/server.pem
tls-key-file $tls/server.key
tls-ca-cert-file $tls/ca.pem
tls-auth-clients no
tls-replication yes
requirepass $secure_password
CONF
}

# How a replica logs in to its master, as any Redis may become one.
redis_login() {
  if is_secure; then echo "masterauth $secure_password"; fi
}

redis_healthy() {
  redis_answers "$REDIS_PORT"
}

redis_answers() {
  if is_secure; then
    [[ $(printf 'AUTH %s\r\nPING\r\n' "$secure_password" | ask_secure "$1") == *+PONG* ]]
    return
  fi
  [[ $(printf 'PING\r\n' | ask "$1" 5) == +PONG ]]
}

redis-replica_install() {
  redis_install
}

redis-replica_ports() {
  echo "$REDIS_REPLICA_PORT"
}

# Sentinels have both rewrite their configuration when they change places, so it is left once it is there.
redis-replica_command() {
  local home=$SERVICES_DIR/redis-replica
  [[ -e $home/redis.conf ]] || cat >"$home/redis.conf" <<CONF
bind 127.0.0.1
$(redis_door "$REDIS_REPLICA_PORT")
$(redis_login)
dir $home
save 3600 1
appendonly no
replicaof 127.0.0.1 $REDIS_PORT
CONF
  command=(redis-server "$home/redis.conf")
}

# A replica is there once it has what its master has.
redis-replica_healthy() {
  redis_answers "$REDIS_REPLICA_PORT" && [[ $(redis_replication "$REDIS_REPLICA_PORT") != *master_link_status:down* ]]
}

redis_replication() {
  if is_secure; then
    printf 'AUTH %s\r\nINFO replication\r\n' "$secure_password" | ask_secure "$1"
  else
    printf 'INFO replication\r\n' | ask "$1" 4096
  fi
}

sentinels() {
  local id
  for id in "${!SENTINEL_PORTS[@]}"; do echo "sentinel$((id + 1))"; done
}

sentinel_install() {
  redis_install
}

sentinel_ports() {
  echo "${SENTINEL_PORTS[${1#sentinel} - 1]}"
}

# A sentinel keeps what it knows in its configuration.
sentinel_command() {
  local home=$SERVICES_DIR/$1 quorum=$((${#SENTINEL_PORTS[@]} / 2 + 1))
  [[ -e $home/sentinel.conf ]] || cat >"$home/sentinel.conf" <<CONF
bind 127.0.0.1
$(redis_door "$(sentinel_ports "$1")")
dir $home
sentinel monitor mymaster 127.0.0.1 $REDIS_PORT $quorum
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 5000
$(if is_secure; then echo "sentinel auth-pass mymaster $secure_password"; fi)
CONF
  command=(redis-server "$home/sentinel.conf" --sentinel)
}

# It answers for the others once it has found all of them, and the replica.
sentinel_healthy() {
  local port others=$((${#SENTINEL_PORTS[@]} - 1)) asked=$'SENTINEL MASTER mymaster\r\n' answer
  port=$(sentinel_ports "$1")
  if is_secure; then
    answer=$(printf 'AUTH %s\r\n%s' "$secure_password" "$asked" | ask_secure "$port")
  else
    answer=$(printf '%s' "$asked" | ask "$port" 4096)
  fi
  answer=${answer//[$'\r\n']/ }
  [[ $answer =~ num-slaves\ +\$[0-9]+\ +[1-9] && $answer =~ num-other-sentinels\ +\$[0-9]+\ +$others ]]
}
