#!/usr/bin/env bash
# Brings the compose project up from images that are already built, chats through nginx in both modes, and takes it
# down again with its data. Needs Docker with Compose, openssl, curl and jq. Uses infra/.env, which it makes when it is
# missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
  printf 'compose-smoke: %s\n' "$1" >&2
  docker compose logs --tail 50 api runtime nginx >&2 || true
  exit 1
}

if [ ! -e .env ]; then
  cp compose.env.example .env
  for key in POSTGRES_PASSWORD RUNTIME_SERVICE_TOKEN ADMIN_TOKEN JWT_HS256_SECRET GRAFANA_PASSWORD; do
    sed -i "s/^$key=\$/$key=$(openssl rand -hex 32)/" .env
  done
  printf 'CHAT_RUNTIME_ENABLED_ORGS=smoke\n' >> .env
fi
if [ ! -e nginx/tls/fullchain.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout nginx/tls/privkey.pem -out nginx/tls/fullchain.pem 2> /dev/null
  chmod 644 nginx/tls/privkey.pem
fi

trap 'docker compose down --volumes --timeout 30' EXIT
docker compose up --detach --no-build
curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-all-errors --output /dev/null \
  http://localhost:8080/ready || fail 'the edge does not answer'

org=smoke
docker compose run --rm -T --no-deps migrate orgs create "$org" > /dev/null
key=$(docker compose run --rm -T --no-deps migrate keys create "$org")

for edge in http://localhost:8080 https://localhost:8443; do
  answer=$(curl --silent --show-error --insecure --max-time 60 "$edge/api/v1/chat" \
    -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
    -d '{"message":"What is 17*23?","agentId":"assistant","stream":false}') || fail "no answer from $edge"
  mode=$(jq -r .data.mode <<< "$answer")
  [ "$mode" = runtime_orchestrator ] || fail "$edge answered in mode $mode: $answer"
  jq -r .data.message.content <<< "$answer" | grep -q 391 || fail "a wrong answer: $answer"
  printf '%s: ok\n' "$edge"
done

docker compose stop --timeout 30 runtime
mode=$(curl --silent --show-error --max-time 60 http://localhost:8080/api/v1/chat \
  -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
  -d '{"message":"hello","agentId":"default","stream":false}' | jq -r .data.mode)
[ "$mode" = direct_llm ] || fail "without a runtime the mode is $mode"
printf 'without a runtime: ok\n'

up=$(curl --silent --get http://localhost:9090/api/v1/query --data-urlencode 'query=sum(up{job="api"})' | jq -r '.data.result[0].value[1]')
[ "$up" = 2 ] || fail "Prometheus sees $up of 2 apis"
printf 'Prometheus: ok\n'
