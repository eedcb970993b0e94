{{- define "logdna-agent.labels" -}}
app.kubernetes.io/name: logdna-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "logdna-agent.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "logdna-agent.secret" -}}
{{ ternary "logdna-agent-key" .Values.key.existingSecret (ne .Values.key.value "") }}
{{- end }}
