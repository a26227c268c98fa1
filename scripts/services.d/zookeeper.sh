# shellcheck shell=bash
# ZooKeeper: one server, from Debian's jar; with TLS from those that Kafka brings, as Debian's does not answer there.

zookeeper_jar=/usr/share/java/zookeeper.jar

zookeeper_install() {
  require java default-jre-headless
  if is_secure; then
    kafka_install
    return
  fi
  # The library holds the server too; the package `zookeeper` would add a desktop program.
  require "$zookeeper_jar" libzookeeper-java
}

zookeeper_ports() {
  echo "$ZOOKEEPER_PORT"
}

zookeeper_command() {
  local home=$SERVICES_DIR/zookeeper
  # Short ticks: a session ends within half a second of its time-out. The admin server would take
  # port 8080, which is the engine's; all clients come from one address, so there is no limit on that.
  cat >"$home/zoo.cfg" <<CONF
tickTime=500
minSessionTimeout=1000
maxSessionTimeout=60000
dataDir=$home/data
$(zookeeper_door)
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=ruok,srvr,mntr
CONF
  # Without perf data, as Kafka.
  command=(java -Xmx128m -XX:+UseSerialGC -XX:-UsePerfData "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties"
    -cp "$(zookeeper_classes)" org.apache.zookeeper.server.quorum.QuorumPeerMain "$home/zoo.cfg")
}

# Where it listens, and to whom: with TLS to clients that have a certificate.
zookeeper_door() {
  local tls=$SERVICES_DIR/tls
  if ! is_secure; then
    printf 'clientPortAddress=127.0.0.1\nclientPort=%s\n' "$ZOOKEEPER_PORT"
    return
  fi
  cat <<CONF
secureClientPortAddress=127.0.0.1
secureClientPort=$ZOOKEEPER_PORT
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
ssl.keyStore.location=$tls/kafka.pem
ssl.trustStore.location=$tls/ca.pem
CONF
}

zookeeper_classes() {
  if is_secure; then echo "$kafka_jars/*"; else echo "$zookeeper_jar"; fi
}

# Lets nobody but the user into the tree. Who comes as somebody else is refused (NoAuth).
zookeeper_close() {
  local answer
  # The tool waits for a server for ever.
  answer=$(printf '%s\n' "addauth digest $secure_user:$secure_password" "setAcl / auth::cdrwa" "getAcl /" quit |
    timeout "$SERVICES_TIMEOUT" java -Xmx64m -XX:+UseSerialGC "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties" \
      -Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty -Dzookeeper.client.secure=true \
      "-Dzookeeper.ssl.keyStore.location=$SERVICES_DIR/tls/client-both.pem" \
      "-Dzookeeper.ssl.trustStore.location=$SERVICES_DIR/tls/ca.pem" \
      -cp "$(zookeeper_classes)" org.apache.zookeeper.ZooKeeperMain -server "127.0.0.1:$ZOOKEEPER_PORT" 2>&1)
  [[ $answer == *"'digest,'$secure_user:"* ]] || fail "ZooKeeper could not be closed:"$'\n'"$answer"
}

zookeeper_healthy() {
  if is_secure; then
    [[ $(printf 'ruok' | ask_secure "$ZOOKEEPER_PORT") == imok ]]
    return
  fi
  [[ $(printf 'ruok' | ask "$ZOOKEEPER_PORT" 4) == imok ]]
}
