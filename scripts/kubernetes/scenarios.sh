# What the chart is put through on a real API server. To be sourced after lib.sh; each scenario has a
# namespace of its own, in which Pod Security is enforced as `restricted`.
#
#   scenarios_run CHART    all of them, side by side; false if a check failed

SCENARIO=   # the namespace of the scenario that runs
CHART=      # the chart's folder
readonly CHECKED_KINDS=all,configmap,secret,persistentvolumeclaim,serviceaccount,job,cronjob,networkpolicy,poddisruptionbudget,horizontalpodautoscaler,servicemonitor,prometheusrule

k() { kubectl -n "$SCENARIO" "$@"; }
h() { helm -n "$SCENARIO" "$@"; }

# check WHAT COMMAND...: a line that says whether it holds; what a failed command said, below.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "  ok    $what"
  else
    echo "  FAIL  $what"
    echo "$said" | tail -n 12 | sed 's/^/        /'
    echo "$SCENARIO: $what" >>"$CLUSTER_DIR/failures"
  fi
}

not() { ! "$@"; }

# eventually COMMAND...: within half a minute.
eventually() {
  local tries
  for ((tries = 0; tries < 60; tries++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.5
  done
  "$@"
}

namespace() {
  kubectl create namespace "$SCENARIO" >/dev/null
  kubectl label namespace "$SCENARIO" pod-security.kubernetes.io/enforce=restricted >/dev/null
  # Pods need it, and it comes a moment after the namespace.
  eventually k get serviceaccount default >/dev/null
}

# is WHAT WANTED GOT
is() {
  [[ $2 == "$3" ]] && return
  echo "$1 is $3, not $2"
  return 1
}

image_of() { k get deployment "$1" -o jsonpath='{.spec.template.spec.containers[0].image}'; }

# Every controller could make the pods that it wants: none was refused by admission.
nothing_refused() {
  local refused
  refused=$(k get events -o jsonpath='{range .items[?(@.reason=="FailedCreate")]}{.message}{"\n"}{end}')
  [[ -z $refused ]] || {
    echo "$refused"
    return 1
  }
}

no_tokens() {
  not grep -q kube-api-access <<<"$(k get pods -o jsonpath='{.items[*].spec.volumes[*].name}')"
}

# Everything of a release is gone, and so are the Jobs that helm does not count to it.
nothing_left() {
  local left
  left=$(k get "$CHECKED_KINDS" -l "app.kubernetes.io/instance=$1" -o name 2>&1)
  left+=$(k get pods -o name)
  [[ -z $left || $left == "No resources found"* ]] || {
    echo "$left"
    return 1
  }
}

# Each CronJob's pod is let in, and ends.
cron_jobs_run() {
  local cron jobs=()
  for cron in $(k get cronjob -o name); do
    k create job "try-${cron##*-}" --from="$cron" || return 1
    jobs+=("job/try-${cron##*-}")
  done
  ((${#jobs[@]} >= 2)) && k wait --for=condition=complete --timeout=30s "${jobs[@]}"
}

# The pods that a Service counts to it.
pods_of_service() {
  local selector
  selector=$(k get service "$1" -o go-template='{{range $k, $v := .spec.selector}}{{$k}}={{$v}},{{end}}')
  k get pods -l "${selector%,}" -o name
}

worker_service_has_workers_alone() {
  local pods
  pods=$(pods_of_service "$1")
  [[ -n $pods ]] || return 1
  not grep -v "^pod/$1-" <<<"$pods"
}

# life RELEASE FULLNAME ARGUMENTS...: install, test, upgrade, roll back, uninstall.
life() {
  local release=$1 full=$2
  shift 2
  check "installs, and --wait ends" h install "$release" "$CHART" "$@" --wait --timeout 90s
  check "no pod was refused as too privileged" nothing_refused
  check "no pod has a token of its service account" no_tokens
  check "CronJobs run" cron_jobs_run
  check "the worker's Service has workers alone" worker_service_has_workers_alone "$full-worker"
  check "helm test ends well" h test "$release" --timeout 30s
  check "upgrades" h upgrade "$release" "$CHART" "$@" --set image.tag=next --wait --timeout 90s
  check "the upgrade is in force" grep -q ':next' <<<"$(image_of "$full-ledger")"
  check "rolls back" h rollback "$release" 1 --wait --timeout 90s
  check "the roll-back is in force" not grep -q ':next' <<<"$(image_of "$full-ledger")"
  check "no pod was refused later" nothing_refused
  check "uninstalls" h uninstall "$release" --wait --timeout 60s
  k delete job try-partitions try-verify try-reconcile try-archive --ignore-not-found >/dev/null
  check "nothing is left" eventually nothing_left "$release"
}

scenario_defaults() { life reserve reserve; }
scenario_evaluation() { life trial trial-reserve -f "$CHART/values-evaluation.yaml"; }
scenario_production() { life reserve reserve -f "$CHART/values-production.yaml"; }
scenario_everything() {
  life all all-reserve -f "$CHART/values-production.yaml" --set gatewayStub.enabled=true \
    --set ledger.autoscaling.enabled=true --set migrate.grant=true --set migrate.finish=true \
    --set importStarterDeck=true --set ledger.priorityClassName=system-cluster-critical \
    --set-string commonLabels.team=billing --set 'database.user=re@serve' \
    --set 'ledger.extraEnv[0].name=GRPC_VERBOSITY,ledger.extraEnv[0].value=ERROR' \
    --set-string 'jobs.nodeSelector.pool=batch' --set ledger.currencySettings=x \
    --set archive.enabled=true --set archive.claimName=archive --set tls.checkSecret=check
}

scenario_longnames() {
  local name full
  # The longest that helm takes, and the longest label.
  name=$(printf 'r%.0s' {1..53})
  check "a release of 53 letters installs" h install "$name" "$CHART" -f "$CHART/values-production.yaml" \
    --set nameOverride="$(printf 'n%.0s' {1..63})" --wait --timeout 90s
  check "its CronJobs run" cron_jobs_run
  check "its pods are made" nothing_refused
  check "its twin beside it, too" h install "${name%r}s" "$CHART" --wait --timeout 90s
  full=$(k get deployment -o name | grep -c -- -ledger)
  check "both have a ledger" is "the number of ledgers" 2 "$full"
}

migration() { k get job -l app.kubernetes.io/component=migrate -o jsonpath="{range .items[*]}{.metadata.name} {.status.$1}{'\n'}{end}"; }

scenario_failing() {
  local begin=$SECONDS before
  check "installs" h install reserve "$CHART" --wait --timeout 90s
  before=$(k get deployment reserve-ledger -o jsonpath='{.metadata.generation}')
  touch "$CLUSTER_DIR/fail.$SCENARIO"
  h upgrade reserve "$CHART" --set image.tag=bad >"$CLUSTER_DIR/$SCENARIO.said" 2>&1
  check "a migration that fails fails the upgrade" is "its exit code" 1 $?
  check "it says that the Job failed" grep -qi 'backoff\|failed' "$CLUSTER_DIR/$SCENARIO.said"
  check "and says so within helm's five minutes" test $((SECONDS - begin)) -lt 200
  check "the ledgers are as they were" is "the generation" "$before" \
    "$(k get deployment reserve-ledger -o jsonpath='{.metadata.generation}')"
  rm "$CLUSTER_DIR/fail.$SCENARIO"
  check "the next upgrade works" h upgrade reserve "$CHART" --set image.tag=good --wait --timeout 90s
  check "uninstalls" h uninstall reserve --wait --timeout 60s
  check "nothing is left, the failed Job neither" eventually nothing_left reserve
}

# still_runs JOB UID
still_runs() {
  is "$1" "$2 1" "$(k get job "$1" -o jsonpath='{.metadata.uid} {.status.active}')"
}

scenario_hanging() {
  local uid
  check "installs" h install reserve "$CHART" --wait --timeout 90s
  touch "$CLUSTER_DIR/hang.$SCENARIO"
  check "helm gives up on a long migration" not h upgrade reserve "$CHART" --set image.tag=b --timeout 8s
  uid=$(k get job reserve-migrate-2 -o jsonpath='{.metadata.uid}')
  check "the migration goes on" eventually still_runs reserve-migrate-2 "$uid"
  check "helm gives up on the next as well" not h upgrade reserve "$CHART" --set image.tag=c --timeout 8s
  check "the first migration still goes on" still_runs reserve-migrate-2 "$uid"
  rm "$CLUSTER_DIR/hang.$SCENARIO"
  check "it comes to its end" k wait --for=condition=complete --timeout=30s job/reserve-migrate-2
  check "the next upgrade works" h upgrade reserve "$CHART" --set image.tag=c --wait --timeout 90s
  touch "$CLUSTER_DIR/hang.$SCENARIO"
  check "another one hangs" not h upgrade reserve "$CHART" --set image.tag=d --timeout 8s
  check "uninstalls meanwhile" h uninstall reserve --wait --timeout 60s
  check "nothing is left, the migration neither" eventually nothing_left reserve
  check "a first installation hangs" not h install reserve "$CHART" --timeout 8s
  check "and another try" not h upgrade --install reserve "$CHART" --timeout 8s
  check "uninstalls that" h uninstall reserve --timeout 60s
  check "nothing is left of that" eventually nothing_left reserve
}

scenario_atonce() {
  local first second
  h install one "$CHART" --wait --timeout 90s >"$CLUSTER_DIR/one.said" 2>&1 &
  first=$!
  h install two "$CHART" --wait --timeout 90s >"$CLUSTER_DIR/two.said" 2>&1 &
  second=$!
  wait "$first"
  check "of two releases at once one installs" is "its exit code" 0 $?
  wait "$second"
  check "and the other" is "its exit code" 0 $?
  h upgrade one "$CHART" --set image.tag=b --wait --timeout 90s >"$CLUSTER_DIR/one.said" 2>&1 &
  first=$!
  h upgrade one "$CHART" --set image.tag=c --wait --timeout 90s >"$CLUSTER_DIR/two.said" 2>&1 &
  second=$!
  wait "$first"
  first=$?
  wait "$second"
  second=$?
  check "of two upgrades at once one wins" test $((first + second)) -le 1
  check "the release is deployed" grep -q 'STATUS: deployed' <<<"$(h status one)"
  check "the workers can be held back" h upgrade one "$CHART" --set image.tag=new --set worker.imageTag=old --wait --timeout 90s
  check "ledgers are new" grep -q ':new' <<<"$(image_of one-reserve-ledger)"
  check "workers are old" grep -q ':old' <<<"$(image_of one-reserve-worker)"
}

# lets_out POLICY PORT
lets_out() {
  grep -q "\"port\":$2[,}]" <<<"$(k get networkpolicy "$1" -o jsonpath='{.spec.egress}')"
}

# The database moves: the migration must get out to where it is, and what serves to where it was.
scenario_moved() {
  local upgrade
  check "installs" h install reserve "$CHART" -f "$CHART/values-production.yaml" --wait --timeout 90s
  touch "$CLUSTER_DIR/hang.$SCENARIO"
  h upgrade reserve "$CHART" -f "$CHART/values-production.yaml" --set database.port=3307 --wait \
    --timeout 90s >"$CLUSTER_DIR/$SCENARIO.said" 2>&1 &
  upgrade=$!
  check "the migration may go to where the database is now" eventually lets_out reserve-migrate-first 3307
  check "the ledgers to where it was" lets_out reserve-ledger 3306
  rm "$CLUSTER_DIR/hang.$SCENARIO"
  wait "$upgrade"
  check "the upgrade ends well" is "its exit code" 0 $?
  check "then the ledgers may go there, too" lets_out reserve-ledger 3307
  check "the policy of the upgrade is gone" not k get networkpolicy reserve-migrate-first
  check "uninstalls" h uninstall reserve --wait --timeout 60s
  check "nothing is left" eventually nothing_left reserve
}

scenario_notready() {
  touch "$CLUSTER_DIR/unready.$SCENARIO"
  check "without --wait an installation ends though no pod is ready" \
    h install trial "$CHART" -f "$CHART/values-evaluation.yaml" --timeout 30s
  rm "$CLUSTER_DIR/unready.$SCENARIO"
  check "the deck is imported by a Job" eventually k wait --for=condition=complete --timeout=1s \
    job/trial-reserve-import-1
  check "and the ledger serves" k rollout status --timeout=30s deployment/trial-reserve-ledger
  check "a misspelt value is refused" not h upgrade trial "$CHART" --set ledger.replica=3
}

readonly SCENARIOS=(defaults evaluation production everything longnames failing hanging atonce moved notready)

scenarios_run() {
  local name begin=$SECONDS
  CHART=$1
  kubectl apply -f "$KUBERNETES_SOURCES/crds.yaml" >/dev/null || die "the CRDs were refused"
  kubectl wait --for=condition=established --timeout=30s crd --all >/dev/null
  for name in "${SCENARIOS[@]}"; do
    (
      SCENARIO=$name
      trap - EXIT
      namespace
      "scenario_$name"
    ) >"$CLUSTER_DIR/$name.out" 2>&1 &
  done
  wait
  for name in "${SCENARIOS[@]}"; do
    say "$name"
    cat "$CLUSTER_DIR/$name.out"
  done
  say "$(cat "$CLUSTER_DIR"/*.out | grep -c '^  ok ') checks hold, $(cat "$CLUSTER_DIR"/*.out | grep -c '^  FAIL ') do not, in $((SECONDS - begin)) s"
  ! grep -q . "$CLUSTER_DIR/failures" 2>/dev/null
}
