# shellcheck shell=bash
# A Redis Cluster: three masters, and replicas of them in their order. Who wants it names it.

redis_cluster_nodes() {
  local id
  for id in "${!REDIS_CLUSTER_PORTS[@]}"; do echo "redis-cluster$((id + 1))"; done
}

redis-cluster_install() {
  redis_install
}

redis-cluster_ports() {
  local id=$((${1#redis-cluster} - 1))
  echo "${REDIS_CLUSTER_PORTS[$id]} ${REDIS_CLUSTER_BUS_PORTS[$id]}"
}

# Whom a node knows is in a file of its own, which stays.
redis-cluster_command() {
  local home=$SERVICES_DIR/$1 port bus
  read -r port bus <<<"$(redis-cluster_ports "$1")"
  cat >"$home/redis.conf" <<CONF
bind 127.0.0.1
$(redis_door "$port")
$(redis_login)
dir $home
save 3600 1
appendonly no
cluster-enabled yes
cluster-config-file nodes.conf
cluster-port $bus
cluster-node-timeout 3000
$(if is_secure; then echo "tls-cluster yes"; fi)
CONF
  command=(redis-server "$home/redis.conf")
}

# A node is there once it knows who has every slot, and as a replica once it has what its master has.
redis-cluster_healthy() {
  local port info
  read -r port _ <<<"$(redis-cluster_ports "$1")"
  info=$(redis_cli "$port" CLUSTER INFO) &&
    [[ $info == *cluster_state:ok* && $info == *cluster_known_nodes:${#REDIS_CLUSTER_PORTS[@]}* ]] &&
    [[ $(redis_cli "$port" INFO replication) != *master_link_status:down* ]]
}

# redis_cli PORT COMMAND...
redis_cli() {
  local port=$1 secure=()
  shift
  if is_secure; then secure=(--tls --cacert "$SERVICES_DIR/tls/ca.pem"); fi
  REDISCLI_AUTH=${secure:+$secure_password} timeout 5 redis-cli -p "$port" "${secure[@]}" "$@" 2>/dev/null
}

# Makes one cluster of nodes that were started. Those that belong to it already find each other by themselves.
redis_cluster_join() {
  local ports=("${REDIS_CLUSTER_PORTS[@]}") buses=("${REDIS_CLUSTER_BUS_PORTS[@]}") id name
  for id in "${!ports[@]}"; do
    name=redis-cluster$((id + 1))
    running "$name" || return 0
    redis_cluster_until "$name" redis_cluster_answers "${ports[$id]}"
  done
  [[ $(redis_cli "${ports[0]}" CLUSTER INFO) == *cluster_known_nodes:1[^0-9]* ]] || return 0
  redis_cli "${ports[0]}" CLUSTER ADDSLOTSRANGE 0 5460 >/dev/null
  redis_cli "${ports[1]}" CLUSTER ADDSLOTSRANGE 5461 10922 >/dev/null
  redis_cli "${ports[2]}" CLUSTER ADDSLOTSRANGE 10923 16383 >/dev/null
  for id in "${!ports[@]}"; do
    # Epochs that differ, as each node's claim to its slots is to be the only one.
    redis_cli "${ports[$id]}" CLUSTER SET-CONFIG-EPOCH $((id + 1)) >/dev/null
    ((id == 0)) || redis_cli "${ports[$id]}" CLUSTER MEET 127.0.0.1 "${ports[0]}" "${buses[0]}" >/dev/null
  done
  for id in "${!ports[@]}"; do
    ((id < 3)) || redis_cluster_until "redis-cluster$((id + 1))" redis_cluster_replicate "$id"
  done
}

redis_cluster_answers() {
  [[ $(redis_cli "$1" PING) == PONG ]]
}

# Has a node follow its master, which it has to have heard of.
redis_cluster_replicate() {
  local master
  master=$(redis_cli "${REDIS_CLUSTER_PORTS[$1 % 3]}" CLUSTER MYID)
  [[ $(redis_cli "${REDIS_CLUSTER_PORTS[$1]}" CLUSTER REPLICATE "$master") == OK ]]
}

# redis_cluster_until NAME COMMAND...: tries again and again.
redis_cluster_until() {
  local name=$1 deadline=$((SECONDS + SERVICES_TIMEOUT))
  shift
  until "$@"; do
    running "$name" || fail "$name ended at once:"$'\n'"$(last_words "$name")"
    ((SECONDS < deadline)) || fail "$name does not join the cluster after $SERVICES_TIMEOUT s"
    sleep 0.1
  done
}
