# shellcheck shell=bash
# Checks the last stage, which is the image.

check_image() {
  local port=${IMAGE_PORT:-18080}
  local binary=$stage/usr/local/bin/recsys
  say "the program: $(du -h "$binary" | cut -f1)"
  if readelf --sections --wide "$binary" | grep -q ' \.symtab '; then fail "it is not stripped"; fi
  [[ $user != root ]] || fail "it runs as root"
  in_stage recsys check-config >"$work/settings"
  grep -q '^http.listen = "0.0.0.0:8080"' "$work/settings" || fail "it listens on loopback alone"
  in_stage recsys check-config --set kafka.properties.security.protocol=SASL_SSL \
    --set kafka.properties.sasl.mechanism=SCRAM-SHA-512 >/dev/null ||
    fail "Kafka cannot be reached over TLS with a password"

  say "${entrypoint[*]} ${command[*]}"
  seal_stage "${volumes[@]}"
  # The environment outranks the file and what the image starts.
  environment+=("RECSYS_HTTP_LISTEN=0.0.0.0:$port" RECSYS_WORKERS=3)
  replace="exec" in_stage "${entrypoint[@]}" "${command[@]}" 2>"$work/log" &
  local process=$! tries=0
  until in_stage "${health[@]}"; do
    ((++tries <= 30)) || fail "its health is not answered: $work/log"
    kill -0 "$process" || fail "it has ended: $work/log"
    sleep 1
  done
  ask "$port" /healthz | grep -q ' 200 ' || fail "/healthz is not answered"
  ask "$port" /api/status | grep -q '"workers":3' || fail "RECSYS_WORKERS is ignored"
  kill -TERM "$process"
  wait "$process" || fail "it did not end well: $?, $work/log"
}

# ask PORT PATH
ask() {
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf 'GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' "$2" >&3
  cat <&3
  exec 3>&-
}
