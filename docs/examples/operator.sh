#!/usr/bin/env bash
# What an operator looks at first. From the clone, after: source .semibot/dev.env
set -euo pipefail

echo '-- is everything there? (what is not says what to do)'
npx --no semibot doctor
echo '-- what api and runtime say of themselves'
curl -fsS "$BASE_URL/ready" && echo
curl -fsS "$RUNTIME_URL/ready" && echo
echo '-- how many chats ended how, and how many run now'
curl -fsS "$BASE_URL/metrics" ${METRICS_TOKEN:+-H "authorization: Bearer $METRICS_TOKEN"} |
  grep -E '^chat_(request_total|execution_total|execution_in_flight)\{'
echo '-- the organisations, and the keys of one'
npx --no semibot orgs list
npx --no semibot keys list dev-runtime
echo '-- what is set other than by default, and where'
npx --no semibot config show --changed
