# shellcheck shell=bash
# Kafka in KRaft mode: each process is a broker and a controller.

# Shared by all sets of services: the jars are the same for each.
kafka_jars=$root/.services/kafka-jars

kafka_brokers() {
  local id
  for id in "${!KAFKA_PORTS[@]}"; do echo "kafka$((id + 1))"; done
}

kafka_install() {
  require java default-jre-headless
  [[ -d $kafka_jars ]] && return
  require mvn maven
  echo "fetching Kafka's jars" >&2
  # Elsewhere first: a folder of half of them must not pass for whole.
  local fetched
  fetched=$(mktemp -d "$kafka_jars.XXXXXX")
  mvn -q -B -f "$scripts/services.d/kafka/pom.xml" dependency:copy-dependencies \
    "-DoutputDirectory=$fetched" >&2 || fail "Maven could not fetch Kafka's jars"
  mv -T "$fetched" "$kafka_jars" 2>/dev/null || rm -rf "$fetched" # another set was quicker
}

kafka_ports() {
  local id=${1#kafka}
  echo "${KAFKA_PORTS[id - 1]} ${KAFKA_CONTROLLER_PORTS[id - 1]}"
}

kafka_command() {
  local name=$1 config=$SERVICES_DIR/$1/server.properties
  kafka_properties "${name#kafka}" >"$config"
  [[ -e $SERVICES_DIR/$name/data/meta.properties ]] || kafka_format "$config"
  # The collector and its pauses are as Kafka's own start script has them. Perf data would have Java work in another
  # folder for a moment, by which `running` knows it.
  command=(java "-Xmx$KAFKA_HEAP" -XX:-UsePerfData -XX:+UseG1GC -XX:MaxGCPauseMillis=20
    -XX:InitiatingHeapOccupancyPercent=35 -Djava.awt.headless=true
    "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties"
    -cp "$kafka_jars/*" kafka.Kafka "$config")
}

kafka_properties() {
  local id=$1 port=${KAFKA_PORTS[$1 - 1]} controller=${KAFKA_CONTROLLER_PORTS[$1 - 1]}
  local brokers=${#KAFKA_PORTS[@]} protocol=PLAINTEXT
  if is_secure; then
    protocol=SASL_SSL
    kafka_security
  fi
  local replicas=$((brokers < 3 ? brokers : 3)) in_sync=$((brokers < 3 ? 1 : 2))
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$(kafka_voters)
listeners=$protocol://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$protocol://127.0.0.1:$port
listener.security.protocol.map=$protocol:$protocol,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=$protocol
log.dirs=$SERVICES_DIR/kafka$id/data

auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0

# Events carry the times of a shop's past, by which the default of seven days would delete them.
log.retention.ms=-1
log.message.timestamp.after.max.ms=3600000
# A killed broker is given up after this; the default of 9 s makes tests wait.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
# A quarter of a small heap otherwise.
log.cleaner.dedupe.buffer.size=16777216
PROPERTIES
}

# What brokers ask of each other, and of clients.
kafka_security() {
  local module=org.apache.kafka.common.security.plain.PlainLoginModule login
  login="username=\"$secure_user\" password=\"$secure_password\""
  cat <<PROPERTIES
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=$module required $login user_$secure_user="$secure_password";
ssl.keystore.type=PEM
ssl.keystore.location=$SERVICES_DIR/tls/kafka.pem
ssl.truststore.type=PEM
ssl.truststore.location=$SERVICES_DIR/tls/ca.pem
PROPERTIES
}

# The same for Kafka's own tools.
kafka_client_security() {
  local module=org.apache.kafka.common.security.plain.PlainLoginModule
  cat <<PROPERTIES
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=$module required username="$secure_user" password="$secure_password";
ssl.truststore.type=PEM
ssl.truststore.location=$SERVICES_DIR/tls/ca.pem
PROPERTIES
}

kafka_voters() {
  local index voters=()
  for index in "${!KAFKA_CONTROLLER_PORTS[@]}"; do
    voters+=("$((index + 1))@127.0.0.1:${KAFKA_CONTROLLER_PORTS[index]}")
  done
  (
    IFS=,
    echo "${voters[*]}"
  )
}

# Any id of 16 bytes will do, as long as all brokers have the same.
kafka_format() {
  kafka_tool kafka.tools.StorageTool format --cluster-id cmVjc3lzLXNlcnZpY2VzLQ \
    --config "$1" >/dev/null || fail "Kafka could not format the storage of $1"
}

kafka_tool() {
  java -Xmx256m -XX:TieredStopAtLevel=1 \
    "-Dlog4j.configuration=file:$scripts/services.d/log4j.properties" -cp "$kafka_jars/*" "$@"
}

kafka_topics() {
  local port bootstrap=()
  for port in "${KAFKA_PORTS[@]}"; do bootstrap+=("127.0.0.1:$port"); done
  kafka_install
  local security=()
  if is_secure; then
    kafka_client_security >"$SERVICES_DIR/tls/client.properties"
    security=(--command-config "$SERVICES_DIR/tls/client.properties")
  fi
  kafka_tool org.apache.kafka.tools.TopicCommand \
    --bootstrap-server "$(IFS=, && echo "${bootstrap[*]}")" "${security[@]}" "$@"
  exit
}

# Healthy is a broker that counts itself among the live ones: it has joined the cluster, can lead
# partitions and can be given replicas. It tells in its answer to a Metadata request (version 1, of
# no topics), which lists the live brokers as: id, host (length first), port, rack.
kafka_healthy() {
  local id=${1#kafka} port=${KAFKA_PORTS[${1#kafka} - 1]} entry
  entry=$(printf '%08x0009%s%08x' "$id" "$(printf 127.0.0.1 | hex)" "$port")
  [[ $(kafka_metadata "$port") == *"$entry"* ]]
}

# A frame is its length in four bytes, then that many bytes. A login is two: the name of its mechanism
# (SaslHandshake, version 0), and the user with the password.
kafka_metadata() {
  if is_secure; then
    local login=$((2 + ${#secure_user} + ${#secure_password}))
    {
      printf '\0\0\0\021\0\021\0\0\0\0\0\1\377\377\0\5PLAIN'
      # shellcheck disable=SC2059  # the length in octal is part of the format
      printf "\\0\\0\\0\\$(printf %o "$login")\\0%s\\0%s" "$secure_user" "$secure_password"
      printf '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0'
    } | ask_secure "$1" | hex
    return
  fi
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0' >&3
    length=$(timeout 2 head -c 4 <&3 | hex)
    timeout 2 head -c "$((16#$length))" <&3 | hex
  )
}

hex() {
  od -An -v -tx1 | tr -d ' \n'
}
