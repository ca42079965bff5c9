#!/bin/sh
# The first hour with Tollkeeper, by curl alone: from a new plan to a statement. Each answer says what is next.
#   examples/first-hour.sh [URL]     of a server that runs; without one a server of its own is started, and ended again
set -eu

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
WORK=$(mktemp -d)
chmod 755 "$WORK"
SERVER=
cleanup() {
  if [ -n "$SERVER" ]; then
    kill "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
  fi
  rm -rf "$WORK"
}
trap cleanup EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# field NAME < JSON: the first text of that name.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# Shows curl's options; the key by its name.
shown() {
  for option in "$@"; do
    case $option in
      -*) printf ' %s' "$option" ;;
      *"${KEY:-no key yet}"*) printf ' "Authorization: Bearer $KEY"' ;;
      *) printf ' "%s"' "$option" ;;
    esac
  done
}

# ask METHOD PATH [BODY] [more of curl's options]: shows the request and the answer, and leaves it in $ANSWER.
ask() {
  method=$1 path=$2 body=${3:-}
  shift 2
  [ $# -gt 0 ] && shift
  printf '$ curl -X %s localhost:5001%s' "$method" "$path"
  shown "$@"
  if [ -n "$body" ]; then
    printf ' -H "Content-Type: application/json" -d '"'%s'" "$body"
    set -- "$@" -H 'Content-Type: application/json' -d "$body"
  fi
  printf '\n'
  ANSWER=$(curl -sS --fail-with-body --max-time 60 -X "$method" "$@" "$URL$path") || {
    printf '%s\n' "$ANSWER" >&2
    exit 1
  }
  printf '%s\n' "$ANSWER" | cut -c 1-600
  next=$(printf '%s' "$ANSWER" | field next || true)
  [ -z "$next" ] || printf '  \033[32mnext:\033[0m %s\n' "$next"
}

# Leaves the path of what the last answer says is next, and fails where it says something else.
follow() {
  expected=$1
  next=$(printf '%s' "$ANSWER" | field next || true)
  case $next in
    "$expected"*) NEXT=${next#* } ;;
    *) printf 'expected next to be %s, but it is "%s"\n' "$expected" "$next" >&2 && exit 1 ;;
  esac
}

if [ $# -gt 0 ]; then
  URL=$1
else
  PORT=${PORT:-0}
  say 'Starting a server of its own'
  : > "$WORK/log"
  DATA_DIR="$WORK/data" PORT="$PORT" LOG_LEVEL=info node "$ROOT/bin/tollkeeper.js" start > "$WORK/log" 2>&1 &
  SERVER=$!
  URL=
  tries=0
  while [ -z "$URL" ]; do
    URL=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$WORK/log" | head -n 1 || true)
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$SERVER" 2>/dev/null; then
      cat "$WORK/log" >&2
      exit 1
    fi
    [ -n "$URL" ] || sleep 0.1
  done
fi
curl -sS --fail --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null "$URL/health/ready"
printf 'It answers at %s\n' "$URL"

NAME=customer-$(date +%s)
ORGANIZATION=/api/v1/admin/organizations/$NAME

say '1. A plan: what a month, a seat and a million tokens cost'
ask POST /api/v1/admin/tariffs '{"name":"Starter","price_per_month":"2.00","max_team_members":5,"member_price":"1.00","components":[{"key":"input","kind":"input_tokens","price":"0.15"},{"key":"llm-in","kind":"llm_tokens","llm_model":"*","token_class":"input","price":"0.15"},{"key":"llm-out","kind":"llm_tokens","llm_model":"*","token_class":"output","price":"0.60"},{"key":"output","kind":"output_tokens","price":"1.00"},{"key":"summary","kind":"agent","agent":"summarizer","price":"0.001"}]}'
TARIFF=$(printf '%s' "$ANSWER" | field id)
follow 'POST /api/v1/admin/tariffs/'

say '2. It is a draft until it is published'
ask POST "$NEXT"
follow 'POST /api/v1/admin/organizations'

say '3. A customer who pays by it'
ask POST "$NEXT" "{\"id\":\"$NAME\",\"tariff_id\":\"$TARIFF\"}"
follow "POST $ORGANIZATION/top-ups"

say '4. Money in: the fee of the month is paid first. The key makes a repetition harmless'
ask POST "$NEXT" '{"amount":"10.00","reference":"invoice-1"}' -H "Idempotency-Key: $NAME-1"
FIRST=$ANSWER
ask POST "$NEXT" '{"amount":"10.00","reference":"invoice-1"}' -H "Idempotency-Key: $NAME-1"
[ "$ANSWER" = "$FIRST" ] || { echo 'the repetition was answered otherwise' >&2 && exit 1; }
follow 'POST /api/v1/jobs'

say '5. A member, who takes a seat for the rest of the period'
ask POST "$ORGANIZATION/members" '{"user_id":"ada"}'

say '6. A key for the customer, which reaches nothing but what is the customer’s own'
ask POST "$ORGANIZATION/api-keys" '{"name":"first key"}'
KEY=$(printf '%s' "$ANSWER" | field secret)
follow 'GET /api/v1/balance'
ask GET "$NEXT" '' -H "Authorization: Bearer $KEY"

say '7. What would this text cost at most?'
JOB='{"text":"The ferry leaves at nine and costs 4.50. Whoever is late waits until noon.","agents":["summarizer"],"user_id":"ada"}'
ask POST /api/v1/jobs/quote "$JOB" -H "Authorization: Bearer $KEY"
follow 'POST /api/v1/jobs'

say '8. Then let us have it'
ask POST "$NEXT" "$JOB" -H "Authorization: Bearer $KEY" -H "Idempotency-Key: $NAME-job"
follow 'GET /api/v1/jobs/'

say '9. Watch it'
printf '$ curl -N localhost:5001%s -H "Authorization: Bearer $KEY"\n' "$NEXT"
curl -sSN --max-time 60 -H "Authorization: Bearer $KEY" "$URL$NEXT" > "$WORK/events"
grep '^event:' "$WORK/events" | uniq -c
ask GET "/api/v1/jobs/$(printf '%s' "$ANSWER" | field id)" '' -H "Authorization: Bearer $KEY"
follow 'GET /api/v1/jobs/'

say '10. What it cost, line by line'
ask GET "$NEXT" '' -H "Authorization: Bearer $KEY"
follow 'GET /api/v1/statements/current'

say '11. The statement of the period, from its opening to its closing balance'
ask GET "$NEXT" '' -H "Authorization: Bearer $KEY"
ask GET "$NEXT?format=csv" '' -H "Authorization: Bearer $KEY"

say '12. And the books are right'
ask GET "/api/v1/admin/verify?organization_id=$NAME"
case $ANSWER in
  '{"ok":true'*) say 'That was the first hour.' ;;
  *) exit 1 ;;
esac
