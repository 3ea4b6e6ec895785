{{/* A name of at most 40 characters: what is put behind it makes at most 51, and a CronJob takes 52.
     Where it is cut a hash of the whole keeps two apart. */}}
{{- define "reserve.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Release.Name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if not (contains $name .Release.Name) -}}
{{- $full = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- $full = replace "." "-" $full -}}
{{- if gt (len $full) 40 -}}
{{- printf "%s-%s" ($full | trunc 31 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end -}}

{{/* Labels that tell the pods of a component: (dict "root" $ "component" "ledger"). */}}
{{- define "reserve.selector" -}}
{{ include "reserve.instanceSelector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels that tell all pods of the release. */}}
{{- define "reserve.instanceSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "reserve.labels" -}}
{{ include "reserve.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod: those of its component and the values' own. (dict "root" "component" "more") */}}
{{- define "reserve.podLabels" -}}
{{ include "reserve.labels" . }}
{{- with .more }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "tag" "..."), the tag that of the values if it is empty. */}}
{{- define "reserve.image" -}}
{{- $image := .root.Values.image -}}
{{- $tag := .tag | default $image.tag | default .root.Chart.AppVersion -}}
{{- if and $image.digest (not .tag) -}}
{{ $image.repository }}:{{ $tag }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{- define "reserve.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "reserve.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The name in the ledger's certificate. */}}
{{- define "reserve.ledgerHost" -}}
{{ include "reserve.fullname" . }}-ledger.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* Where the ledger is for gRPC clients inside the cluster: all replicas by DNS. */}}
{{- define "reserve.ledgerTarget" -}}
dns:///{{ include "reserve.ledgerHost" . }}:{{ .Values.ledger.service.port }}
{{- end -}}

{{- define "reserve.gatewayTarget" -}}
{{- if .Values.gatewayStub.enabled -}}
{{ include "reserve.fullname" . }}-gateway-stub.{{ .Release.Namespace }}.svc:50052
{{- else -}}
{{ required "worker.gateway must be set, or gatewayStub.enabled" .Values.worker.gateway }}
{{- end -}}
{{- end -}}

{{- define "reserve.percentEncode" -}}
{{ urlquery . | replace "+" "%20" }}
{{- end -}}

{{- define "reserve.evaluationDatabase" -}}
{{ include "reserve.fullname" . }}-database
{{- end -}}

{{/* Of a dict of root and user: mysql://user@host:port/schema, without a password. */}}
{{- define "reserve.databaseUrl" -}}
{{- $db := .root.Values.database -}}
{{- $host := ternary (include "reserve.evaluationDatabase" .root) $db.host $db.evaluation.enabled -}}
{{- $port := ternary 3306 (int $db.port) $db.evaluation.enabled -}}
{{ printf "mysql://%s@%s:%d/%s" (include "reserve.percentEncode" .user) $host $port $db.schema }}
{{- end -}}

{{/* The environment of whoever connects to the database: (dict "root" $ "user" "..."). */}}
{{- define "reserve.databaseEnv" -}}
- name: RESERVE_DATABASE
  value: {{ printf "%s%s" (include "reserve.databaseUrl" .) (ternary "?ssl_ca=/etc/reserve/database-ca/ca.crt" "" (ne .root.Values.database.caSecret.name "")) | quote }}
- name: RESERVE_DATABASE_PASSWORD_FILE
  value: /etc/reserve/database/password
{{- end -}}

{{- define "reserve.databaseMounts" -}}
- {name: database, mountPath: /etc/reserve/database, readOnly: true}
{{- if .Values.database.caSecret.name }}
- {name: database-ca, mountPath: /etc/reserve/database-ca, readOnly: true}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "secret" .Values.database.passwordSecret "evaluationKey" "serving") */}}
{{- define "reserve.databaseVolumes" -}}
{{- $evaluation := .root.Values.database.evaluation.enabled -}}
- name: database
  secret:
    secretName: {{ ternary (include "reserve.evaluationDatabase" .root) .secret.name $evaluation }}
    defaultMode: 0440
    items:
      - {key: {{ ternary .evaluationKey .secret.key $evaluation }}, path: password}
{{- with .root.Values.database.caSecret }}
{{- if .name }}
- name: database-ca
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    items:
      - {key: {{ .key }}, path: ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{- define "reserve.tlsArgs" -}}
{{- if .Values.tls.enabled -}}
- --tls_certificate_file=/etc/reserve/tls/tls.crt
- --tls_key_file=/etc/reserve/tls/tls.key
- --tls_ca_file=/etc/reserve/tls/ca.crt
{{- else -}}
- --insecure_plaintext
{{- end -}}
{{- end -}}

{{/* Of what serves: who may call what. */}}
{{- define "reserve.rolesArgs" -}}
{{- if .Values.tls.enabled -}}
- --roles_file=/etc/reserve/roles/roles
{{- end -}}
{{- end -}}

{{- define "reserve.rolesMount" -}}
{{- if .Values.tls.enabled -}}
- {name: roles, mountPath: /etc/reserve/roles, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "reserve.rolesVolume" -}}
{{- if .Values.tls.enabled -}}
- name: roles
  configMap: {name: {{ .Values.tls.rolesConfigMap | default (printf "%s-roles" (include "reserve.fullname" .)) }}}
{{- end -}}
{{- end -}}

{{- define "reserve.tlsMount" -}}
{{- if .Values.tls.enabled -}}
- {name: tls, mountPath: /etc/reserve/tls, readOnly: true}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "secret" "name") */}}
{{- define "reserve.tlsVolume" -}}
{{- if .root.Values.tls.enabled -}}
- name: tls
  secret: {secretName: {{ .secret }}, defaultMode: 0440}
{{- end -}}
{{- end -}}

{{/* By the plain port that serves health alone, so also with TLS. A pod lives while its process
     answers, whatever its database does; whether it is ready follows that, and takes it out of
     service without a restart. */}}
{{- define "reserve.probes" -}}
startupProbe:
  grpc: {port: 50053, service: live}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  grpc: {port: 50053, service: live}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
readinessProbe:
  grpc: {port: 50053, service: ready}
  periodSeconds: 5
  timeoutSeconds: 2
{{- end -}}

{{/* Where spans go. */}}
{{- define "reserve.tracingArgs" -}}
{{- with .Values.tracing }}
{{- if .endpoint }}
- --otlp_endpoint={{ .endpoint }}
- --trace_ratio={{ .ratio }}
{{- if .plaintext }}
- --otlp_plaintext
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Kubernetes can wait by itself from 1.30 on; before, the image's `sleep` does. */}}
{{- define "reserve.preStop" -}}
{{- if gt (int .seconds) 0 -}}
lifecycle:
  preStop:
    {{- if semverCompare ">=1.30-0" .root.Capabilities.KubeVersion.Version }}
    sleep: {seconds: {{ .seconds }}}
    {{- else }}
    exec: {command: [sleep, {{ .seconds | quote }}]}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* What pods of all components have. */}}
{{- define "reserve.podDefaults" -}}
automountServiceAccountToken: false
# What Kubernetes tells of Services would stand in the environment as RESERVE_...
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Of the values of a component: where its pods may run. */}}
{{- define "reserve.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "component" "ledger" "values" .Values.ledger) */}}
{{- define "reserve.spread" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
{{ toYaml .values.topologySpreadConstraints | indent 2 }}
{{- else }}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "reserve.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "tag" "") */}}
{{- define "reserve.containerDefaults" -}}
image: {{ include "reserve.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- toYaml .root.Values.securityContext | nindent 2 }}
{{- end -}}

{{/* The spec of a Job's pod: (dict "root" $ "name" "..." "args" (list ...) "client" bool "database"
     bool). A client has the worker's certificate; who works on the database has the migrating user. */}}
{{- define "reserve.jobPod" -}}
{{- $ := .root -}}
{{- $v := $.Values -}}
restartPolicy: Never
serviceAccountName: {{ .serviceAccount | default (include "reserve.serviceAccount" $) }}
{{ include "reserve.podDefaults" $ }}
{{- include "reserve.scheduling" $v.jobs }}
containers:
  - name: {{ .name }}
    {{- include "reserve.containerDefaults" (dict "root" $ "tag" "") | nindent 4 }}
    args:
      {{- toYaml .args | nindent 6 }}
      {{- if .client }}
      {{- include "reserve.tlsArgs" $ | nindent 6 }}
      {{- end }}
    {{- if .database }}
    env:
      {{- include "reserve.databaseEnv" (dict "root" $ "user" ($v.migrate.user | default $v.database.user)) | nindent 6 }}
      {{- with $v.jobs.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    volumeMounts:
      {{- include "reserve.databaseMounts" $ | nindent 6 }}
      {{- if .archive }}
      - {name: archive, mountPath: /archive}
      {{- end }}
      {{- with $v.jobs.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- else }}
    {{- with $v.jobs.extraEnv }}
    env: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if or $v.tls.enabled $v.jobs.extraVolumeMounts }}
    volumeMounts:
      {{- include "reserve.tlsMount" $ | nindent 6 }}
      {{- with $v.jobs.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
    {{- end }}
    resources: {{- toYaml $v.jobs.resources | nindent 6 }}
{{- if .database }}
volumes:
  {{- include "reserve.databaseVolumes" (dict "root" $ "secret" (ternary $v.migrate.passwordSecret $v.database.passwordSecret (ne $v.migrate.user "")) "evaluationKey" "migrate") | nindent 2 }}
  {{- if .archive }}
  - name: archive
    persistentVolumeClaim: {claimName: {{ $v.archive.claimName | quote }}}
  {{- end }}
  {{- with $v.jobs.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- else if or $v.tls.enabled $v.jobs.extraVolumes }}
volumes:
  {{- include "reserve.tlsVolume" (dict "root" $ "secret" (.secret | default $v.tls.workerSecret)) | nindent 2 }}
  {{- with $v.jobs.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* What ends a Job: bad flags at once, anything else after some tries. */}}
{{- define "reserve.jobFailure" -}}
podFailurePolicy:
  rules:
    # A pod that was moved says nothing of its program.
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget, status: "True"}]
    # What it was told has no sense: to tell it again is of no use.
    - action: FailJob
      onExitCodes: {operator: In, values: [2]}
{{- end -}}

{{- define "reserve.migrateArgs" -}}
{{- $args := list "ledger" "migrate" (printf "--database_wait=%ds" (int .Values.migrate.databaseWaitSeconds)) -}}
{{- if .Values.migrate.grant -}}
{{- $args = concat $args (list "--grant" (printf "--grantee='%s'@'%s'" (include "reserve.sqlText" .Values.database.user) .Values.migrate.grantHost)) -}}
{{- end -}}
{{ toYaml $args }}
{{- end -}}

{{- define "reserve.sqlText" -}}
{{ . | replace "'" "''" }}
{{- end -}}

{{/* SQL text in a document of the shell, in which $ and ` mean something. */}}
{{- define "reserve.shellSqlText" -}}
{{ include "reserve.sqlText" . | replace "$" "\\$" | replace "`" "\\`" }}
{{- end -}}

{{/* The pod of a CronJob or Job: labels, annotations and spec. */}}
{{- define "reserve.jobTemplate" -}}
metadata:
  labels: {{- include "reserve.podLabels" (dict "root" .root "component" .component "more" .root.Values.jobs.podLabels) | nindent 4 }}
  {{- with .root.Values.jobs.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec: {{- include "reserve.jobPod" . | nindent 2 }}
{{- end -}}

{{/* --- Network policies: peers and rules. */}}
{{- define "reserve.peer" -}}
- podSelector:
    matchLabels: {{- include "reserve.selector" . | nindent 6 }}
{{- end -}}

{{- define "reserve.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "reserve.fullname" .root }}-{{ .component }}{{ .suffix }}
  labels: {{- include "reserve.labels" . | nindent 4 }}
{{- end -}}

{{- define "reserve.toNames" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  {{- with .Values.networkPolicy.dnsTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "reserve.toDatabase" -}}
- ports: [{port: {{ ternary 3306 (int .Values.database.port) .Values.database.evaluation.enabled }}}]
  {{- if .Values.database.evaluation.enabled }}
  to: {{- include "reserve.peer" (dict "root" . "component" "database") | nindent 4 }}
  {{- else if .Values.networkPolicy.databaseTo }}
  to: {{- toYaml .Values.networkPolicy.databaseTo | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The flags of a client outside the cluster, for NOTES. */}}
{{- define "reserve.notesTls" }}
{{- if .Values.tls.enabled }} --tls_certificate_file=tls.crt --tls_key_file=tls.key \
    --tls_ca_file=ca.crt --tls_server_name={{ include "reserve.ledgerHost" . }}
{{- end }}
{{- end }}
