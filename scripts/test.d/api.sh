# shellcheck shell=bash
# Holds the front to its description, with requests that schemathesis makes up.

api() {
  python_tool schemathesis 4.32.5
  step "requests that are made up" made_up_requests
}

# Asks an engine without services, which knows nobody, some thousand things. The program was built with the tests.
made_up_requests() {
  local folder port=${API_PORT:-8391} outcome=0 asked
  folder=$(mktemp -d)
  RECSYS_LOG=off "${CARGO_TARGET_DIR:-target}/debug/recsys" demo --rate 0 --port "$port" \
    --dir "$folder/shop" >"$folder/out" 2>&1 &
  local engine=$!
  for ((asked = 0; asked < 300; asked++)); do
    curl --silent --fail "http://127.0.0.1:$port/readyz" >/dev/null && break
    sleep 0.1
  done
  # An import is not among them, which may be of lines of JSON: the tool writes none. Nor is the stream, which does not
  # end. The same seed each time: a gate says of a commit what it said before.
  schemathesis --config-file scripts/test.d/schemathesis.toml \
    run "http://127.0.0.1:$port/openapi.json" --no-color --seed 1 --max-examples 5 --max-time 60 \
    --exclude-name "POST /api/products" --exclude-name "GET /api/stream" >"$folder/told" 2>&1 || outcome=$?
  kill "$engine"
  wait "$engine" || true
  if ((outcome != 0)); then tail -n 200 "$folder/told"; else tail -n 5 "$folder/told"; fi
  rm -r "$folder"
  return "$outcome"
}
