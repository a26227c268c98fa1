# shellcheck shell=bash
# Logins and TLS, for `--secure`: one user, and certificates of an authority that is made here.

secure_user=recsys
secure_password=${SECURE_PASSWORD:-recsys-secret}

# A set that was started with --secure has certificates, and stays secure.
is_secure() {
  [[ -e $SERVICES_DIR/tls/server.pem ]]
}

# Makes the authority, ca.pem, and a certificate of it for this machine: server.pem, server.key, and both in one file for
# Kafka and ZooKeeper. The same for a client: client.pem, client.key.
make_certificates() {
  [[ -e $SERVICES_DIR/tls/client.pem ]] && return
  # One of an earlier version, without a client's.
  rm -rf "$SERVICES_DIR/tls"
  require openssl openssl
  local made
  made=$(mktemp -d "$SERVICES_DIR/tls.XXXXXX")
  (
    cd "$made" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=recsys services" \
      -addext "basicConstraints=critical,CA:TRUE" -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \
      -extfile extensions -out server.pem
    cat server.key server.pem >kafka.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=recsys -keyout client.key -out client.csr
    openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \
      -extfile extensions -out client.pem
    cat client.key client.pem >client-both.pem
  ) 2>"$made/log" >&2 || fail "openssl could not make certificates:"$'\n'"$(tail -n 5 "$made/log")"
  mv -T "$made" "$SERVICES_DIR/tls"
}

# Sends standard input to a port of ours over TLS, and gives the answers of the next half second.
ask_secure() {
  local tls=$SERVICES_DIR/tls
  { cat && sleep 0.5; } | timeout 3 openssl s_client -quiet -no_ign_eof -verify_quiet -CAfile "$tls/ca.pem" \
    -cert "$tls/client.pem" -key "$tls/client.key" -connect "127.0.0.1:$1" 2>/dev/null
}
