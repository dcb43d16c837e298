#!/usr/bin/env bash
# make.sh DIR [VERSION]: makes the TypeScript and the Go client from docs/openapi.json into
# DIR/typescript and DIR/go, as packages. OAPI_CODEGEN names the Go generator.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); out=$1; version=${2:-0.0.0}; document=$here/../../../docs/openapi.json
mkdir -p "$out/typescript" "$out/go"
out=$(cd "$out" && pwd)

cp "$here"/typescript/{index.js,index.d.ts,README.md} "$out/typescript/"
sed "s/\"version\": \"0.0.0\"/\"version\": \"$version\"/" "$here/typescript/package.json" > "$out/typescript/package.json"
(cd "$here" && node_modules/.bin/openapi-typescript "$document" -o "$out/typescript/schema.d.ts" >/dev/null)

cp "$here/go/go.mod.txt" "$out/go/go.mod"
cp "$here/go/usher.go.txt" "$out/go/usher.go"
"${OAPI_CODEGEN:-oapi-codegen}" -config "$here/go/config.yaml" -o "$out/go/usher.gen.go" "$document"
(cd "$out/go" && GOFLAGS=-mod=mod go mod tidy >/dev/null 2>&1)
echo "clients are in $out"
