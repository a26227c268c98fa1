# shellcheck shell=bash
# ZooKeeper: one server, from Debian's jar.

zookeeper_jar=/usr/share/java/zookeeper.jar

zookeeper_install() {
  require java default-jre-headless
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
clientPortAddress=127.0.0.1
clientPort=$ZOOKEEPER_PORT
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=ruok,srvr,mntr
CONF
  # Without perf data, as Kafka.
  command=(java -Xmx128m -XX:+UseSerialGC -XX:-UsePerfData "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties"
    -cp "$zookeeper_jar" org.apache.zookeeper.server.quorum.QuorumPeerMain "$home/zoo.cfg")
}

# Lets nobody but the user into the tree. Who comes as somebody else is refused (NoAuth).
zookeeper_close() {
  local answer
  # The tool waits for a server for ever.
  answer=$(printf '%s\n' "addauth digest $secure_user:$secure_password" "setAcl / auth::cdrwa" "getAcl /" quit |
    timeout "$SERVICES_TIMEOUT" java -Xmx64m -XX:+UseSerialGC "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties" \
      -cp "$zookeeper_jar" org.apache.zookeeper.ZooKeeperMain -server "127.0.0.1:$ZOOKEEPER_PORT" 2>&1)
  [[ $answer == *"'digest,'$secure_user:"* ]] || fail "ZooKeeper could not be closed:"$'\n'"$answer"
}

zookeeper_healthy() {
  [[ $(printf 'ruok' | ask "$ZOOKEEPER_PORT" 4) == imok ]]
}
