{{- define "reserve.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that tell the pods of a component: (dict "root" $ "component" "ledger"). */}}
{{- define "reserve.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "reserve.labels" -}}
{{ include "reserve.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "reserve.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "reserve.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "reserve.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Where the ledger is for gRPC clients inside the cluster: all replicas by DNS. */}}
{{- define "reserve.ledgerTarget" -}}
dns:///{{ include "reserve.fullname" . }}-ledger.{{ .Release.Namespace }}.svc:{{ .Values.ledger.service.port }}
{{- end -}}

{{- define "reserve.gatewayTarget" -}}
{{- if .Values.gatewayStub.enabled -}}
{{ include "reserve.fullname" . }}-gateway-stub.{{ .Release.Namespace }}.svc:50052
{{- else -}}
{{ required "worker.gateway must be set, or gatewayStub.enabled" .Values.worker.gateway }}
{{- end -}}
{{- end -}}

{{/* The environment of whoever connects to the database: (dict "root" $ "user" "..."). */}}
{{- define "reserve.databaseEnv" -}}
{{- $db := .root.Values.database -}}
- name: RESERVE_DATABASE
  value: {{ printf "mysql://%s@%s:%v/%s%s" .user $db.host $db.port $db.schema (ternary "?ssl_ca=/etc/reserve/database-ca/ca.crt" "" (ne $db.caSecret.name "")) | quote }}
- name: RESERVE_DATABASE_PASSWORD_FILE
  value: /etc/reserve/database/password
{{- end -}}

{{- define "reserve.databaseMounts" -}}
- {name: database, mountPath: /etc/reserve/database, readOnly: true}
{{- if .Values.database.caSecret.name }}
- {name: database-ca, mountPath: /etc/reserve/database-ca, readOnly: true}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "secret" .Values.database.passwordSecret) */}}
{{- define "reserve.databaseVolumes" -}}
- name: database
  secret:
    secretName: {{ .secret.name }}
    defaultMode: 0440
    items:
      - {key: {{ .secret.key }}, path: password}
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

{{/* Is it ready? Health follows the database, so this takes a pod out of service and
     never restarts it. (dict "root" $ "port" 50051) */}}
{{- define "reserve.readiness" -}}
readinessProbe:
  {{- if .root.Values.tls.enabled }}
  tcpSocket: {port: {{ .port }}}
  {{- else }}
  grpc: {port: {{ .port }}}
  {{- end }}
  periodSeconds: 5
  timeoutSeconds: 2
{{- end -}}

{{/* A database that is away is no reason to restart a pod: liveness only asks for the port. */}}
{{- define "reserve.liveness" -}}
livenessProbe:
  tcpSocket: {port: {{ .port }}}
  initialDelaySeconds: 10
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- end -}}

{{- define "reserve.podDefaults" -}}
automountServiceAccountToken: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "reserve.containerDefaults" -}}
image: {{ include "reserve.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* The pod of a migration, for the hooks and the cron job: of a dict of root and args. */}}
{{- define "reserve.migratePod" -}}
{{- $args := .args -}}
{{- with .root -}}
{{- $user := .Values.migrate.user | default .Values.database.user -}}
{{- $secret := ternary .Values.migrate.passwordSecret .Values.database.passwordSecret (ne .Values.migrate.user "") -}}
restartPolicy: Never
{{ include "reserve.podDefaults" . }}
containers:
  - name: migrate
    {{- include "reserve.containerDefaults" . | nindent 4 }}
    args: {{ $args | toJson }}
    env: {{- include "reserve.databaseEnv" (dict "root" . "user" $user) | nindent 6 }}
    volumeMounts: {{- include "reserve.databaseMounts" . | nindent 6 }}
    resources: {{- toYaml .Values.migrate.resources | nindent 6 }}
volumes: {{- include "reserve.databaseVolumes" (dict "root" . "secret" $secret) | nindent 2 }}
{{- end -}}
{{- end -}}
