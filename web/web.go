// Package web holds the dashboard's templates and assets, embedded in the binary.
//
// templates/layout.html stands around templates/<module>/<page>.html; files that
// begin with "_" are parts. assets/vendor is filled by `make assets` from
// package-lock.json and may be missing: then pages work without live charts and
// counts. words/<language>/<module>.json are the pages in other languages.
package web

import "embed"

// Files are templates/, assets/ and words/.
//
//go:embed all:templates assets words
var Files embed.FS
