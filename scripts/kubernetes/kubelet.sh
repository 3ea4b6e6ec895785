#!/usr/bin/env bash
# Stands in for the kubelet: tells the API server of each pod what a kubelet would, without running
# anything. lib.sh says how it is steered.
#
#   kubelet.sh DIR
set -uo pipefail
dir=$1

# A line for each pod: namespace, name, phase, whether it is being deleted, what is done when its
# containers end, and their names.
readonly FIELDS='{{range .items}}{{.metadata.namespace}} {{.metadata.name}} {{.status.phase}} {{if .metadata.deletionTimestamp}}deleted{{else}}kept{{end}} {{.spec.restartPolicy}}{{range .spec.containers}} {{.name}}{{end}}{{"\n"}}{{end}}'

# containers READY STATE NAME...: their statuses, as JSON.
containers() {
  local ready=$1 state=$2 name list=
  shift 2
  for name in "$@"; do
    list+="${list:+,}{\"name\":\"$name\",\"image\":\"none\",\"imageID\":\"none\",\"restartCount\":0,\"ready\":$ready,\"started\":$ready,\"state\":$state}"
  done
  echo "[$list]"
}

patch() {
  kubectl -n "$1" patch pod "$2" --subresource=status --type=merge -p "{\"status\":$3}" >/dev/null 2>&1
}

ended() {
  local code=$3 phase=Succeeded now
  ((code == 0)) || phase=Failed
  now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  patch "$1" "$2" "{\"phase\":\"$phase\",\"containerStatuses\":$(containers false \
    "{\"terminated\":{\"exitCode\":$code,\"startedAt\":\"$now\",\"finishedAt\":\"$now\"}}" "${@:4}")}"
}

ready() {
  patch "$1" "$2" "{\"phase\":\"Running\",\"podIP\":\"10.1.$((RANDOM % 256)).$((RANDOM % 254 + 1))\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"ContainersReady\",\"status\":\"True\"}],\"containerStatuses\":$(
    containers true "{\"running\":{\"startedAt\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}}" "${@:3}")}"
}

while [[ -d $dir ]]; do
  while read -r namespace name phase kept policy names; do
    # shellcheck disable=SC2206  # Names of containers have no spaces.
    names=($names)
    if [[ $kept == deleted ]]; then
      kubectl -n "$namespace" delete pod "$name" --grace-period=0 --force >/dev/null 2>&1
    elif [[ $phase != Pending ]]; then
      continue
    elif [[ $policy == Never ]]; then
      [[ ! -e $dir/hang.$namespace ]] || continue
      if [[ -e $dir/fail.$namespace ]]; then
        ended "$namespace" "$name" 1 "${names[@]}"
      else
        ended "$namespace" "$name" 0 "${names[@]}"
      fi
    elif [[ ! -e $dir/unready.$namespace ]]; then
      ready "$namespace" "$name" "${names[@]}"
    fi
  done < <(kubectl get pods -A -o go-template="$FIELDS" 2>/dev/null)
  sleep 0.5
done
