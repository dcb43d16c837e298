#!/usr/bin/env bash
# faults.sh [flags of go test]: runs every fault test, one after the other, and writes what they
# counted to bin/faults.md, and to docs/faults.md when all of them held. The full disk takes root.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin
rows=bin/faults.rows
rm -f "$rows"
tests='Fault|Killed|OneOfTwoReplicas|ThroughReplicas|SurviveKills|SurviveAKill|PushServicesThatAreDown|ClockJumps'
begun=$(date +%s) load=$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || uptime | sed 's/.*load[^:]*: *//; s/[, ].*//')
status=0
FAULT_TABLE=$PWD/$rows go test -trimpath -tags faults -count=1 -p 1 -timeout 40m "$@" -run "$tests" ./app ./modules/sales || status=$?

first() { head -1 | sed 's/^ *//'; }
postgres=$(command -v postgres || ls -1 /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /opt/homebrew/opt/postgresql@*/bin/postgres 2>/dev/null | sort -V | tail -1)
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | first || true)
{
  cat <<END
# What was broken in the middle of work, and what came of it

\`make faults\` writes this page. It breaks the true program, in processes of its own, in the middle of a send, a sale, an
ingest or registrations: processes are killed with SIGKILL, stopped, starved and cut off from what they need. *Acknowledged* are the
operations that a client had an answer to; each was looked for afterwards, by its id. *Doubled* is what was done more than once, beside
what is allowed: messages that a push service may have had when the process died, or that it did not answer in time, and nothing else.
*Recovery* is the time from the end of the fault (from the kill, where a process dies) until the first operation after it was
acknowledged, the longest if there were several; the start of the process and of PostgreSQL's own recovery is part of it. Where a push
service was away, it is the time until all that waited for it was delivered.

| fault | injected | acknowledged | lost | doubled | time to recover | |
|---|---|---|---|---|---|---|
END
  cat "$rows" 2>/dev/null || true
  cat <<END

Made on $(date -u +%F) at commit $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- '*.go' '*.sql' || echo ' with changes'), in $(( ($(date +%s) - begun + 30) / 60 )) minutes: $(nproc 2>/dev/null || sysctl -n hw.ncpu) cores${processor:+ ($processor)},
$(uname -sr), $(go version | cut -d' ' -f3), $("$postgres" --version | sed 's/.*(PostgreSQL)/PostgreSQL/; s/ (.*//'), $(redis-server --version | cut -d' ' -f1-3 | sed 's/ v=/ /'), load $load at the beginning. PostgreSQL
commits durably (fsync on), services and clients run on the same cores.
END
} > bin/faults.md
cat bin/faults.md
rm -f "$rows"
if [ "$status" = 0 ]; then cp bin/faults.md docs/faults.md; fi
exit "$status"
