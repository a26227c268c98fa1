# shellcheck shell=bash
# Reads a Dockerfile, and does what its instructions say. One that is not known here is an error.

# What the image starts, and asks for its health with.
entrypoint=()
command=()
health=()
# The folders that outlive a container.
volumes=()

# build DOCKERFILE
build() {
  local instruction rest
  while read -r instruction rest; do
    say "$instruction $rest"
    case $instruction in
      FROM) from "$rest" ;;
      RUN) run "$rest" ;;
      COPY) copy "$rest" ;;
      ENV) environment+=("$rest") ;;
      WORKDIR) folder=$rest && in_stage_root mkdir -p "$rest" ;;
      USER) user=$rest ;;
      ENTRYPOINT) mapfile -t entrypoint < <(words "$rest") ;;
      CMD) mapfile -t command < <(words "$rest") ;;
      HEALTHCHECK) mapfile -t health < <(words "$rest") ;;
      VOLUME) volumes+=("$rest") ;;
      EXPOSE) ;;
      *) fail "unknown instruction $instruction" ;;
    esac
  done < <(instructions "$1")
}

# Prints the instructions of a file, one a line, without comments.
instructions() {
  sed '/^[[:space:]]*#/d' "$1" | sed -e ':join' -e '/\\$/{N' -e 's/\\\n[[:space:]]*//' -e 'b join' -e '}' |
    sed '/^[[:space:]]*$/d'
}

# words JSON-ARRAY: prints its texts, one a line.
words() {
  grep -o '"[^"]*"' <<<"$1" | tr -d '"'
}

# from IMAGE [AS NAME]
from() {
  local image as name
  read -r image as name <<<"$1"
  : "$as"
  begin_stage "${name:-image}" "$image"
}

# run [--mount=type=cache,target=FOLDER]... COMMAND
run() {
  local step=$1 cache caches=()
  while [[ $step =~ ^--mount=type=cache,target=([^ ]+)\ +(.*)$ ]]; do
    step=${BASH_REMATCH[2]}
    caches+=("${BASH_REMATCH[1]}")
    mount_cache "${BASH_REMATCH[1]}"
  done
  in_stage sh -c "$step"
  for cache in "${caches[@]}"; do umount "$stage$cache"; done
}

# copy [--from=STAGE] FILE-OR-FOLDER TARGET
copy() {
  local from source target
  if [[ $1 == --from=* ]]; then
    read -r from source target <<<"$1"
    from=$work/stages/${from#--from=}
  else
    read -r source target <<<"$1"
    from=$root
  fi
  [[ $target == /* ]] || target=$folder/$target
  if [[ $source == . ]]; then
    mkdir -p "$stage$target"
    mapfile -t ignored < <(ignored "$root/ops/Dockerfile.dockerignore")
    tar -C "$from" "${ignored[@]}" -c . | tar -C "$stage$target" -x --no-same-owner
  else
    mkdir -p "$(dirname "$stage$target")"
    cp "$from/$source" "$stage$target"
  fi
}

# Prints the options of tar for what is not to be copied.
ignored() {
  sed -e '/^#/d' -e 's|^\*\*/|--exclude=|' -e t -e 's|^|--exclude=./|' "$1"
}

in_stage_root() {
  chroot "$stage" "$@"
}
