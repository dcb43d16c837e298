// Package migrations holds the schema of every module, one sequence of SQL files.
package migrations

import "embed"

// FS is the SQL files, NNNN_<module>_<verb>.sql.
//
//go:embed *.sql
var FS embed.FS
