#!/bin/sh
# vendor.sh FROM TO: copies the browser libraries that pages use from node_modules
# (FROM) to the embedded assets (TO), with their licences. make and the Dockerfile run it.
set -eu
from=$1 to=$2
rm -rf "$to" && mkdir -p "$to/qr"
cp "$from/htmx.org/dist/htmx.min.js" "$to/"
cp "$from/uplot/dist/uPlot.iife.min.js" "$from/uplot/dist/uPlot.esm.js" "$from/uplot/dist/uPlot.min.css" "$to/"
cp "$from/qr/index.js" "$from/qr/decode.js" "$to/qr/"
cp "$from/@noble/ed25519/index.js" "$to/ed25519.js"
cp "$from/htmx.org/LICENSE" "$to/htmx.LICENSE.txt"
cp "$from/uplot/LICENSE" "$to/uPlot.LICENSE.txt"
cp "$from/qr/LICENSE-MIT" "$to/qr.LICENSE.txt"
cp "$from/@noble/ed25519/LICENSE" "$to/ed25519.LICENSE.txt"
