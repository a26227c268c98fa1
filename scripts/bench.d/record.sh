# shellcheck shell=bash
# Results: `key value` lines become a JSON object a line.

# record BENCHMARK JOB < LINES: adds a result. `key a 1 b 2` is `key_a 1` and `key_b 2`.
record() {
  awk -v benchmark="$1" -v job="$2" -v round="$round" -v at="$(date -u +%FT%TZ)" '
    function add(key, value) {
      out = out sprintf(",\"%s\":%s", key, value ~ /^-?[0-9]+(\.[0-9]+)?$/ ? value + 0 : "\"" value "\"")
    }
    NF == 2 { add($1, $2) }
    NF > 2 && NF % 2 { for (i = 2; i < NF; i += 2) add($1 "_" $i, $(i + 1)) }
    END {
      if (out == "") exit 1
      printf "{\"benchmark\":\"%s\",\"job\":\"%s\",\"round\":%d,\"at\":\"%s\"%s}\n", benchmark, job, round, at, out
    }' CONVFMT=%.12g | tee -a "$results" >&2
}
