# A Kubernetes API server without nodes, on loopback: etcd, kube-apiserver, kube-controller-manager, and
# a stand-in for the kubelet. Admission, validation and controllers are the real ones; containers
# are not run. To be sourced by bash, with `say` and `die` defined.
#
#   cluster_get BIN       builds what is missing of the programs into BIN (needs go and its registry)
#   cluster_up BIN DIR    starts; KUBECONFIG is set
#   cluster_down          ends it all, by pid; safe to call twice
#
# How the stand-in takes the pods of a namespace, by files in DIR: fail.NAMESPACE has those of Jobs
# fail, hang.NAMESPACE has them hang, unready.NAMESPACE keeps others from becoming ready.

readonly KUBERNETES_VERSION=v1.34.4
readonly HELM_VERSION=v3.19.5

CLUSTER_DIR=
CLUSTER_PIDS=()

# cluster_get BIN: a program that is in the PATH and new enough is used as it is.
cluster_get() {
  local bin=$1 program version=k8s.io/component-base/version minor
  mkdir -p "$bin"
  if ! [[ -x $bin/helm ]] && ! command -v helm >/dev/null; then
    say "building helm $HELM_VERSION"
    GOBIN=$bin nice go install "helm.sh/helm/v3/cmd/helm@$HELM_VERSION" >"$bin/helm.log" 2>&1 ||
      die "building helm failed (log: $bin/helm.log)"
  fi
  for program in kube-apiserver kube-controller-manager kubectl; do
    [[ -x $bin/$program ]] && continue
    if [[ $program == kubectl ]]; then
      # --subresource came with 1.24.
      minor=$(kubectl version --client 2>/dev/null | sed -nE 's/^Client Version: v1\.([0-9]+).*/\1/p')
      ((${minor:-0} < 24)) || continue
    fi
    say "building $program $KUBERNETES_VERSION (minutes, the first time)"
    # Unstamped it is v0.0.0, which a chart's kubeVersion refuses.
    (cd "$KUBERNETES_SOURCES" && nice go build -mod=mod -trimpath -o "$bin/$program" \
      -ldflags "-s -w -X $version.gitVersion=$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=34" \
      "k8s.io/kubernetes/cmd/$program") >"$bin/$program.log" 2>&1 ||
      die "building $program failed (log: $bin/$program.log)"
  done
}

# cluster_spawn NAME COMMAND...: with its output in NAME.log; it dies with this shell.
cluster_spawn() {
  local name=$1
  shift
  setsid setpriv --pdeathsig KILL -- "$@" >"$CLUSTER_DIR/$name.log" 2>&1 </dev/null &
  CLUSTER_PIDS+=($!)
  disown
}

cluster_free_port() {
  local port
  while port=$((RANDOM % 20000 + 20000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

cluster_up() {
  local bin=$1 api etcd peers manager token tries
  mkdir -p "$2"
  CLUSTER_DIR=$(cd "$2" && pwd)
  api=$(cluster_free_port) etcd=$(cluster_free_port) peers=$(cluster_free_port)
  manager=$(cluster_free_port)
  openssl genrsa -out "$CLUSTER_DIR/sa.key" 2048 2>/dev/null
  openssl rsa -in "$CLUSTER_DIR/sa.key" -pubout -out "$CLUSTER_DIR/sa.pub" 2>/dev/null
  token=$(openssl rand -hex 16)
  (umask 077 && echo "$token,admin,1,system:masters" >"$CLUSTER_DIR/tokens.csv")
  export KUBECONFIG=$CLUSTER_DIR/kubeconfig HELM_CACHE_HOME=$CLUSTER_DIR/helm/cache
  export HELM_CONFIG_HOME=$CLUSTER_DIR/helm/config HELM_DATA_HOME=$CLUSTER_DIR/helm/data
  (
    umask 077
    cat >"$KUBECONFIG" <<END
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: admin}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:$api", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: $token}}]
END
  )
  say "starting etcd, kube-apiserver and kube-controller-manager"
  cluster_spawn etcd "$(PATH=$PATH:/usr/sbin command -v etcd)" --data-dir "$CLUSTER_DIR/etcd" \
    --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$etcd" \
    --advertise-client-urls "http://127.0.0.1:$etcd" --listen-peer-urls "http://127.0.0.1:$peers" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
    --initial-cluster "default=http://127.0.0.1:$peers"
  cluster_spawn apiserver "$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd" \
    --bind-address=127.0.0.1 --secure-port="$api" --cert-dir="$CLUSTER_DIR/certs" \
    --service-cluster-ip-range=10.0.0.0/16 --authorization-mode=RBAC \
    --token-auth-file="$CLUSTER_DIR/tokens.csv" \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$CLUSTER_DIR/sa.pub" \
    --service-account-signing-key-file="$CLUSTER_DIR/sa.key"
  for ((tries = 0; tries < 240; tries++)); do
    ! kubectl get --raw /readyz >/dev/null 2>&1 || break
    sleep 0.5
  done
  kubectl get --raw /readyz >/dev/null 2>&1 || {
    tail -n 20 "$CLUSTER_DIR/apiserver.log" >&2
    die "kube-apiserver is not ready (log: $CLUSTER_DIR/apiserver.log)"
  }
  cluster_spawn controllers "$bin/kube-controller-manager" --kubeconfig="$KUBECONFIG" \
    --service-account-private-key-file="$CLUSTER_DIR/sa.key" --leader-elect=false \
    --bind-address=127.0.0.1 --secure-port="$manager" --cert-dir="$CLUSTER_DIR/certs-manager"
  cluster_spawn kubelet bash "$KUBERNETES_SOURCES/kubelet.sh" "$CLUSTER_DIR"
}

cluster_down() {
  local i pid tries
  for ((i = ${#CLUSTER_PIDS[@]} - 1; i >= 0; i--)); do
    pid=${CLUSTER_PIDS[i]}
    kill "$pid" 2>/dev/null || continue
    for ((tries = 0; tries < 50; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
  CLUSTER_PIDS=()
  [[ -z $CLUSTER_DIR ]] || rm -rf "$CLUSTER_DIR"
  CLUSTER_DIR=
}
