#!/bin/sh
# Writes a configuration of Alertmanager, from the environment, to standard output. Plain sh, so that it runs in the
# image of Alertmanager and anywhere else:
#
#   ALERT_WEBHOOK_URL=https://example.org/hook sh configure.sh > /etc/alertmanager/alertmanager.yml
#
# ALERT_WEBHOOK_URL        where alerts are posted as JSON; several, with blanks between them
# ALERT_WEBHOOK_TOKEN_FILE file with a bearer token for them
# ALERT_MAIL_TO            addresses, with commas between them; needs ALERT_MAIL_FROM and ALERT_SMTP_HOST
# ALERT_MAIL_FROM          sender
# ALERT_SMTP_HOST          host:port of the mail server
# ALERT_SMTP_USER          user name, when the server wants one; needs ALERT_SMTP_PASSWORD_FILE
# ALERT_SMTP_PASSWORD_FILE file with the password
# ALERT_SMTP_REQUIRE_TLS   true (default) or false
# ALERT_TEMPLATES          templates to load; default: those in the folder of this script
# RUNBOOK_BASE_URL         what links to the runbook begin with, for alerts that bring none; default: a path
# ALERT_SPEEDUP            divides all waits; for drills
#
# Without any receiver alerts are only shown on Alertmanager's page, and a line on standard error says so.
set -eu

fail() {
  printf 'configure.sh: %s\n' "$1" >&2
  exit 1
}

# A YAML string in single quotes.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"
}

# Seconds as a duration, divided by ALERT_SPEEDUP.
seconds() {
  if [ "$speedup" = 1 ]; then printf '%ss' "$1"; else printf '%sms' "$(($1 * 1000 / speedup))"; fi
}

speedup=${ALERT_SPEEDUP:-1}
case $speedup in '' | 0* | *[!0-9]*) fail "ALERT_SPEEDUP must be a whole number from 1 on, and is \"$speedup\"" ;; esac
templates=${ALERT_TEMPLATES:-$(cd "$(dirname "$0")" && pwd)/templates/*.tmpl}
webhooks=${ALERT_WEBHOOK_URL:-}
mail=${ALERT_MAIL_TO:-}
tls=${ALERT_SMTP_REQUIRE_TLS:-true}
case $tls in true | false) ;; *) fail "ALERT_SMTP_REQUIRE_TLS must be true or false, and is \"$tls\"" ;; esac
if [ -n "$mail" ]; then
  [ -n "${ALERT_MAIL_FROM:-}" ] || fail "ALERT_MAIL_TO needs ALERT_MAIL_FROM, the sender"
  [ -n "${ALERT_SMTP_HOST:-}" ] || fail "ALERT_MAIL_TO needs ALERT_SMTP_HOST, host:port of the mail server"
  [ -z "${ALERT_SMTP_USER:-}" ] || [ -n "${ALERT_SMTP_PASSWORD_FILE:-}" ] ||
    fail "ALERT_SMTP_USER needs ALERT_SMTP_PASSWORD_FILE, a file with the password"
fi
base=${RUNBOOK_BASE_URL:-}
# Here and not where they are used: a failure in a command substitution would not end the script.
for value in "$templates" "$webhooks" "${ALERT_WEBHOOK_TOKEN_FILE:-}" "$mail" "${ALERT_MAIL_FROM:-}" \
  "${ALERT_SMTP_HOST:-}" "${ALERT_SMTP_USER:-}" "${ALERT_SMTP_PASSWORD_FILE:-}" "$base"; do
  case $value in *'
'*) fail "a value must not hold a line break" ;; esac
done
case $base in *'{{'*) fail "RUNBOOK_BASE_URL must not hold {{" ;; esac
[ -z "$base" ] || base="${base%/}/"
set -f
for url in $webhooks; do
  case $url in http://?* | https://?*) ;; *) fail "ALERT_WEBHOOK_URL must hold http:// or https:// addresses" ;; esac
done
[ -n "$webhooks$mail" ] ||
  printf 'configure.sh: neither ALERT_WEBHOOK_URL nor ALERT_MAIL_TO is set: nobody is told of alerts\n' >&2

cat <<YAML
# Written by configure.sh.
global:
  resolve_timeout: 5m
templates:
  - $(quoted "$templates")
route:
  receiver: operators
  # One notification for all processes that say the same.
  group_by: [alertname, env]
  group_wait: $(seconds 30)
  group_interval: $(seconds 300)
  repeat_interval: 4h
  routes:
    - matchers: ['severity="critical"']
      receiver: operators
      group_wait: $(seconds 10)
      group_interval: $(seconds 60)
      repeat_interval: 1h
    # Advice for the next working day.
    - matchers: ['severity="info"']
      receiver: operators
      group_by: [scale_out, env]
      group_wait: $(seconds 300)
      repeat_interval: 24h
inhibit_rules:
  # A dead runtime explains these; equal labels would not match, since the source is another job.
  - source_matchers: ['alertname="RuntimeServiceDown"']
    target_matchers: ['alertname=~"HighErrorRate|HighLatency|RuntimeProbeFailing|RuntimeFallbackFlapping"']
    equal: [env]
  - source_matchers: ['alertname="ChatErrorBudgetBurn"']
    target_matchers: ['alertname=~"ChatErrorBudgetBurnSlow|ScaleOutErrorRateHigh"']
    equal: [env]
  - source_matchers: ['alertname="ApiServiceDown"']
    target_matchers: ['alertname="ChatMetricsAbsent"']
    equal: [env]
receivers:
  - name: operators
YAML

if [ -n "$webhooks" ]; then
  printf '    webhook_configs:\n'
  for url in $webhooks; do
    printf '      - url: %s\n        send_resolved: true\n' "$(quoted "$url")"
    if [ -n "${ALERT_WEBHOOK_TOKEN_FILE:-}" ]; then
      printf '        http_config:\n          authorization: { credentials_file: %s }\n' "$(quoted "$ALERT_WEBHOOK_TOKEN_FILE")"
    fi
  done
fi
if [ -n "$mail" ]; then
  cat <<YAML
    email_configs:
      - to: $(quoted "$mail")
        from: $(quoted "$ALERT_MAIL_FROM")
        smarthost: $(quoted "$ALERT_SMTP_HOST")
        require_tls: $tls
        send_resolved: true
        headers:
          Subject: '{{ template "semibot.subject" . }}'
        html: ''
        text: $(quoted "{{ define \"semibot.base\" }}$base{{ end }}{{ template \"semibot.text\" . }}")
YAML
  if [ -n "${ALERT_SMTP_USER:-}" ]; then
    printf '        auth_username: %s\n' "$(quoted "$ALERT_SMTP_USER")"
    printf '        auth_password_file: %s\n' "$(quoted "$ALERT_SMTP_PASSWORD_FILE")"
  fi
fi
