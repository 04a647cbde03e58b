{{/* Pods that pass Pod Security's "restricted". */}}

{{- define "reelmill.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .runAsUser }}
runAsGroup: {{ .runAsGroup }}
fsGroup: {{ .fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "reelmill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* A probe of the health port, or of the port given. */}}
{{- define "reelmill.httpProbe" -}}
httpGet: { path: {{ .path }}, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }} }
periodSeconds: {{ .period }}
timeoutSeconds: 6
failureThreshold: {{ .failures }}
{{- end }}

{{/* Everything that our processes share. root, component, values, ports, uses: what of database, queue, cache,
     initContainers if any, and process where that is not the component: pools are workers too. */}}
{{- define "reelmill.pod" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $process := .process | default .component -}}
metadata:
  labels:
    {{- include "reelmill.labels" . | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ $process }}
    checksum/config: {{ include "reelmill.config" $root | sha256sum }}
    checksum/secret: {{ include "reelmill.secretChecksum" $root }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "reelmill.fullname" $root }}-{{ $process }}
  automountServiceAccountToken: false
  enableServiceLinks: false # its variables would look like settings: REELMILL_API_PORT
  terminationGracePeriodSeconds: {{ .graceSeconds }}
  securityContext:
    {{- include "reelmill.podSecurity" $root.Values.podSecurity | nindent 4 }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "reelmill.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- with .initContainers }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ $process }}
      image: {{ include "reelmill.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ $process }}]
      ports:
        {{- range $name, $port := .ports }}
        - { name: {{ $name }}, containerPort: {{ $port }} }
        {{- end }}
      envFrom:
        - configMapRef: { name: {{ include "reelmill.fullname" $root }}-settings }
      env:
        {{- include "reelmill.env" . | trim | nindent 8 }}
      {{- .probes | nindent 6 }}
      {{- if .preStopSeconds }}
      # Until nobody sends us anything new: endpoints and DNS take that long to tell.
      lifecycle: { preStop: { sleep: { seconds: {{ .preStopSeconds }} } } }
      {{- end }}
      securityContext:
        {{- include "reelmill.containerSecurity" . | nindent 8 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        {{- include "reelmill.volumeMounts" $root | nindent 8 }}
  volumes:
    {{- include "reelmill.volumes" . | nindent 4 }}
{{- end }}

{{- define "reelmill.env" -}}
{{- $root := .root -}}
{{- range $variable, $from := .uses }}
{{ include "reelmill.secretEnv" (dict "root" $root "variable" $variable "from" $from) }}
{{- end }}
{{- with $root.Values.storage.s3 }}
{{- $from := dict "name" .existingSecret }}
{{- if or .accessKeyId .existingSecret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
{{ include "reelmill.secretEnv" (dict "root" $root "variable" . "from" (dict "name" $from.name "key" .)) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .extra }}
{{ . }}
{{- end }}
{{- range $name, $value := .values.settings }}
- { name: REELMILL_{{ upper $name }}, value: {{ include "reelmill.setting" $value | quote }} }
{{- end }}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "reelmill.volumeMounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: data, mountPath: /var/lib/reelmill }
{{- if not .Values.storage.url }}
- { name: storage, mountPath: /storage }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "reelmill.volumes" -}}
{{- $root := .root -}}
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
- name: data
  {{- with .values.scratch }}
  {{- if .storageClass }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ .storageClass }}
        resources: { requests: { storage: {{ .size }} } }
  {{- else }}
  emptyDir: { sizeLimit: {{ .size }} }
  {{- end }}
  {{- end }}
{{- if not $root.Values.storage.url }}
- name: storage
  persistentVolumeClaim:
    claimName: {{ $root.Values.storage.volume.existingClaim | default (printf "%s-storage" (include "reelmill.fullname" $root)) }}
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
