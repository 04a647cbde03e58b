{{/* A server for trying out: one pod, its volume and its Service. root, component, values, port, folder, and the
     container's own fields as YAML: command, env, probe, and preStop if any. With secret, a change of it
     starts the pod anew. */}}
{{- define "reelmill.server" -}}
{{- $this := pick . "root" "component" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "reelmill.metadata" $this | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ include "reelmill.fullname" .root }}-{{ .component }}
  selector:
    matchLabels:
      {{- include "reelmill.selector" $this | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "reelmill.labels" $this | nindent 8 }}
      annotations:
        checksum/script: {{ cat .command .secret | sha256sum }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      securityContext:
        {{- include "reelmill.podSecurity" (dict "runAsUser" .values.runAsUser "runAsGroup" .values.runAsUser "fsGroup" .values.runAsUser) | nindent 8 }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ .values.image }}
          imagePullPolicy: {{ .values.pullPolicy }}
          command:
            {{- .command | nindent 12 }}
          {{- with .env }}
          env:
            {{- . | nindent 12 }}
          {{- end }}
          {{- with .preStop }}
          lifecycle: { preStop: { exec: { command: {{ . }} } } }
          {{- end }}
          ports: [{ name: {{ .component }}, containerPort: {{ .port }} }]
          startupProbe:
            {{ .probe }}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 90
          readinessProbe:
            {{ .probe }}
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            {{ .probe }}
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 6
          securityContext:
            {{- include "reelmill.containerSecurity" . | nindent 12 }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            {{- with .folder }}
            - { name: data, mountPath: {{ . }} }
            {{- end }}
      volumes:
        - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
        {{- if and .folder (not .values.persistence.enabled) }}
        - { name: data, emptyDir: {} }
        {{- end }}
  {{- if and .folder .values.persistence.enabled }}
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        accessModes: [ReadWriteOnce]
        resources: { requests: { storage: {{ .values.persistence.size }} } }
        {{- with .values.persistence.storageClass }}
        storageClassName: {{ if eq . "-" }}""{{ else }}{{ . }}{{ end }}
        {{- end }}
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "reelmill.metadata" $this | nindent 2 }}
spec:
  selector:
    {{- include "reelmill.selector" $this | nindent 4 }}
  ports:
    - { name: {{ .component }}, port: {{ .port }}, targetPort: {{ .component }} }
{{- end }}
