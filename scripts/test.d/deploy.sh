# shellcheck shell=bash
# Holds the units of systemd and the manifests of Kubernetes to what these accept, and the checks to refusing.

deployments() {
  python_tool kubernetes-validate 1.37.0
  step "manifests of Kubernetes" manifests ops/kubernetes
  step "a bad manifest is refused" refused manifests ops/kubernetes statefulset.yaml '  replicas:/  replica:'
  step "units of systemd" units ops/systemd
  step "a bad unit is refused" refused units ops/systemd recsys@.service 'WatchdogSec=/WatchdogSecs='
}

# manifests FOLDER: whether Kubernetes knows every key. A kustomization is none of its own.
manifests() {
  local files=()
  mapfile -t files < <(find "$1" -name '*.yaml' ! -name kustomization.yaml | sort)
  ((${#files[@]} > 0)) && kubernetes-validate --strict --quiet "${files[@]}"
}

# units FOLDER: whether systemd knows every setting, which it only tells in words. The program need not be installed.
units() {
  local copy told
  copy=$(mktemp -d)
  cp "$1"/* "$copy"
  sed -i "s|^ExecStart=[^ ]*|ExecStart=$(command -v true)|" "$copy"/*.service
  told=$(systemd-analyze --man=no verify "$copy"/recsys@0.service "$copy"/recsys.target 2>&1) || told+=" (failed)"
  rm -r "$copy"
  [[ -z $told ]] || { echo "$told" && return 1; }
}

# refused CHECK FOLDER FILE CHANGE: whether a check refuses the folder with a change, of sed, in one file.
refused() {
  local copy outcome=0
  copy=$(mktemp -d)
  cp "$2"/* "$copy"
  sed -i "s/$4/" "$copy/$3"
  if cmp --silent "$2/$3" "$copy/$3" || "$1" "$copy" >/dev/null 2>&1; then outcome=1; fi
  rm -r "$copy"
  return "$outcome"
}
