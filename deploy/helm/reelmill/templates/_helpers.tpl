{{/* Names and labels. */}}

{{- define "reelmill.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "reelmill.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "reelmill.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "reelmill.name" .) | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What a selector may hold: it can't change later. Takes root, and component unless it means all. */}}
{{- define "reelmill.selector" -}}
app.kubernetes.io/name: {{ include "reelmill.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "reelmill.labels" -}}
{{ include "reelmill.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "reelmill.metadata" -}}
name: {{ include "reelmill.fullname" .root }}{{ with .component }}-{{ . }}{{ end }}
labels:
  {{- include "reelmill.labels" . | nindent 2 }}
{{- end }}

{{- define "reelmill.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{/* The workers' Deployments, as JSON: the default pool's, then one for each of worker.pools, whose values are
     worker's where it has none of its own. Each has name (of its pool), component, labels and values. */}}
{{- define "reelmill.workers" -}}
{{- $worker := omit .Values.worker "pools" -}}
{{- $all := list (dict "name" "default" "component" "worker" "labels" list "values" $worker) -}}
{{- range .Values.worker.pools -}}
{{- $values := mergeOverwrite (deepCopy $worker) (omit . "name" "labels") -}}
{{- $all = append $all (dict "name" .name "component" (printf "worker-%s" .name) "labels" (.labels | default list) "values" $values) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{/* The components of all workers, as JSON. */}}
{{- define "reelmill.workers.components" -}}
{{- $components := list "worker" -}}
{{- range .Values.worker.pools }}{{ $components = append $components (printf "worker-%s" .name) }}{{ end -}}
{{- toJson $components -}}
{{- end }}

{{/* A value as REELMILL_* wants it: text as it is, all else as JSON (a large number must not become 5e+10). */}}
{{- define "reelmill.setting" -}}
{{ if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/* Which servers are ours: "true" or nothing. */}}

{{- define "reelmill.postgresql" -}}
{{- with .Values }}{{ if and .postgresql.enabled (not .database.url) (not .database.existingSecret.name) }}true{{ end }}{{ end -}}
{{- end }}

{{- define "reelmill.kafka" -}}
{{- with .Values }}{{ if and .kafka.enabled (not .queue.url) (not .queue.existingSecret.name) }}true{{ end }}{{ end -}}
{{- end }}

{{- define "reelmill.redis" -}}
{{- with .Values }}{{ if and .redis.enabled (not .cache.url) (not .cache.existingSecret.name) }}true{{ end }}{{ end -}}
{{- end }}

{{/* Whether the queue is Kafka at all: what a secret of yours holds is taken for it. */}}
{{- define "reelmill.usesKafka" -}}
{{- if or (include "reelmill.kafka" .) (hasPrefix "kafka:" .Values.queue.url) .Values.queue.existingSecret.name }}true{{ end -}}
{{- end }}

{{- define "reelmill.usesRedis" -}}
{{- if or (include "reelmill.redis" .) (hasPrefix "redis" .Values.cache.url) .Values.cache.existingSecret.name }}true{{ end -}}
{{- end }}

{{/* The password of an in-cluster server: given, or kept, or made now; once for all templates of a rendering.
     root, server: its values, variable: its key in the Secret. */}}
{{- define "reelmill.password" -}}
{{- if not .server.password -}}
{{- $kept := lookup "v1" "Secret" .root.Release.Namespace (include "reelmill.fullname" .root) -}}
{{- $password := dig "data" .variable "" $kept | b64dec | default (randAlphaNum 32) -}}
{{- $_ := set .server "password" $password -}}
{{- end -}}
{{ .server.password }}
{{- end }}

{{- define "reelmill.postgresql.password" -}}
{{ include "reelmill.password" (dict "root" . "server" .Values.postgresql "variable" "POSTGRES_PASSWORD") }}
{{- end }}

{{- define "reelmill.redis.password" -}}
{{ include "reelmill.password" (dict "root" . "server" .Values.redis "variable" "REDIS_PASSWORD") }}
{{- end }}

{{/* What clients may call the gateway, as JSON: its Service, the names that it is published under, and yours. */}}
{{- define "reelmill.allowedHosts" -}}
{{- $service := printf "%s-gateway" (include "reelmill.fullname" .) -}}
{{- $inside := printf "%s.%s.svc" $service .Release.Namespace -}}
{{- $hosts := list $service (printf "%s.%s" $service .Release.Namespace) $inside (printf "%s.%s" $inside .Values.clusterDomain) -}}
{{- with .Values.ingress }}{{ if .enabled }}{{ $hosts = concat $hosts (.hosts | default (list "*")) }}{{ end }}{{ end -}}
{{- with .Values.httpRoute }}{{ if .enabled }}{{ $hosts = concat $hosts (.hostnames | default (list "*")) }}{{ end }}{{ end -}}
{{- with index .Values.gateway.service.annotations "external-dns.alpha.kubernetes.io/hostname" -}}
{{- range splitList "," . }}{{ $hosts = append $hosts (trim . | trimSuffix ".") }}{{ end -}}
{{- end -}}
{{- concat $hosts (.Values.settings.allowed_hosts | default list) | uniq | toJson -}}
{{- end }}

{{- define "reelmill.databaseUrl" -}}
{{- if .Values.database.url -}}
{{ .Values.database.url }}
{{- else if include "reelmill.postgresql" . -}}
postgresql://reelmill:{{ include "reelmill.postgresql.password" . | urlquery }}@{{ include "reelmill.fullname" . }}-postgresql.{{ .Release.Namespace }}.svc:5432/reelmill
{{- else -}}
{{ fail "\n\nWhere is PostgreSQL? Set database.url, or database.existingSecret.name, or postgresql.enabled for a small one in the cluster.\n" }}
{{- end -}}
{{- end }}

{{- define "reelmill.queueUrl" -}}
{{ if .Values.queue.url }}{{ .Values.queue.url }}{{ else if include "reelmill.kafka" . }}kafka://{{ include "reelmill.fullname" . }}-kafka.{{ .Release.Namespace }}.svc:9092{{ else }}postgres:{{ end }}
{{- end }}

{{- define "reelmill.cacheUrl" -}}
{{ if .Values.cache.url }}{{ .Values.cache.url }}{{ else if include "reelmill.redis" . }}redis://:{{ include "reelmill.redis.password" . | urlquery }}@{{ include "reelmill.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379/0{{ else }}memory:{{ end }}
{{- end }}

{{/* What seals webhooks' secrets and signs addresses: given, or kept, or made now. 32 bytes in base64. */}}
{{- define "reelmill.secretsKey" -}}
{{- if not .Values.secretsKey.value -}}
{{- $kept := lookup "v1" "Secret" .Release.Namespace (include "reelmill.fullname" .) -}}
{{- $key := dig "data" "REELMILL_SECRETS_KEY" "" $kept | b64dec | default (randAlphaNum 32 | b64enc) -}}
{{- $_ := set .Values.secretsKey "value" $key -}}
{{- end -}}
{{ .Values.secretsKey.value }}
{{- end }}

{{/* The token of the admins' first key: given, or kept, or made with a new release; nothing where nobody is asked for
     one, or where it is in a secret of yours. Its checksum is the beginning of SHA-256. */}}
{{- define "reelmill.adminKey" -}}
{{- if and (ne .Values.authentication "none") (not .Values.adminKey.existingSecret.name) -}}
{{- if not .Values.adminKey.token -}}
{{- $kept := lookup "v1" "Secret" .Release.Namespace (include "reelmill.fullname" .) -}}
{{- $token := dig "data" "REELMILL_ADMIN_KEY" "" $kept | b64dec -}}
{{- if and (not $token) .Release.IsInstall -}}
{{- $head := printf "rm_%s_%s" (randAlphaNum 12) (randAlphaNum 32) -}}
{{- $token = printf "%s%s" $head (sha256sum $head | trunc 6) -}}
{{- end -}}
{{- $_ := set .Values.adminKey "token" $token -}}
{{- end -}}
{{ .Values.adminKey.token }}
{{- end -}}
{{- end }}

{{/* Whether there is one, ours or yours: "true" or nothing. */}}
{{- define "reelmill.hasAdminKey" -}}
{{- if and (ne .Values.authentication "none") (or .Values.adminKey.existingSecret.name (include "reelmill.adminKey" .)) }}true{{ end -}}
{{- end }}

{{/* What our own Secret holds, as YAML. */}}
{{- define "reelmill.secretData" -}}
{{- if not .Values.database.existingSecret.name }}
REELMILL_DATABASE_URL: {{ include "reelmill.databaseUrl" . | quote }}
{{- end }}
{{- if include "reelmill.postgresql" . }}
POSTGRES_PASSWORD: {{ include "reelmill.postgresql.password" . | quote }}
{{- end }}
{{- if include "reelmill.redis" . }}
REDIS_PASSWORD: {{ include "reelmill.redis.password" . | quote }}
{{- end }}
{{- if not .Values.secretsKey.existingSecret.name }}
REELMILL_SECRETS_KEY: {{ include "reelmill.secretsKey" . | quote }}
{{- end }}
{{- with include "reelmill.adminKey" . }}
REELMILL_ADMIN_KEY: {{ . | quote }}
{{- end }}
{{- if not .Values.queue.existingSecret.name }}
REELMILL_QUEUE_URL: {{ include "reelmill.queueUrl" . | quote }}
{{- end }}
{{- if not .Values.cache.existingSecret.name }}
REELMILL_CACHE_URL: {{ include "reelmill.cacheUrl" . | quote }}
{{- end }}
{{- with .Values.storage.s3 }}
{{- if .accessKeyId }}
AWS_ACCESS_KEY_ID: {{ .accessKeyId | quote }}
AWS_SECRET_ACCESS_KEY: {{ .secretAccessKey | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Changes when a secret does, ours or yours; yours as it is in the cluster now. */}}
{{- define "reelmill.secretChecksum" -}}
{{- $root := . -}}
{{- $all := list (include "reelmill.secretData" .) -}}
{{- with .Values }}
{{- range list .database.existingSecret.name .adminKey.existingSecret.name .queue.existingSecret.name .cache.existingSecret.name .secretsKey.existingSecret.name .storage.s3.existingSecret }}
{{- if . }}
{{- $all = append $all (dig "data" dict (lookup "v1" "Secret" $root.Release.Namespace .) | toJson) }}
{{- end }}
{{- end }}
{{- end -}}
{{ join "\n" $all | sha256sum }}
{{- end }}

{{/* An environment variable out of a Secret: root, variable, from (an existingSecret). */}}
{{- define "reelmill.secretEnv" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ .from.name | default (include "reelmill.fullname" .root) }}
      key: {{ if .from.name }}{{ .from.key }}{{ else }}{{ .variable }}{{ end }}
{{- end }}
