package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// include goes to the end of a new cluster's postgresql.conf.
const include = `
# Usher writes its own settings to usher.conf at each start. What you write below
# this line, or set with ALTER SYSTEM, wins over them.
include_if_exists = 'usher.conf'

`

// conf suits a small machine that PostgreSQL shares with usher.
const conf = `# Written by usher at each start: do not edit, see the end of postgresql.conf.
max_connections = 100
shared_buffers = 128MB
huge_pages = off
effective_cache_size = 1GB
work_mem = 8MB
random_page_cost = 1.1              # an SSD

# Few, large, spread-out checkpoints: a fan-out writes much in a short time.
wal_compression = COMPRESSION       # whole pages after a checkpoint; lz4 where it is built in: a fraction of the work
max_wal_size = 2GB
checkpoint_timeout = 15min

# Usher's queries are short. Parallel workers would take the cores from it, and
# their shared memory is more than a container usually has.
jit = off
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0

# No personal data in the log: neither statements nor the values that broke a rule.
log_error_verbosity = terse
log_min_error_statement = panic
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
`

// writeConf replaces usher.conf whole, so that a crash leaves the old or the new one.
func writeConf(data, compression string) error {
	path := filepath.Join(data, "usher.conf")
	f, err := os.CreateTemp(data, "usher.conf.*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // a no-op once it is renamed
	_, err = f.WriteString(strings.Replace(conf, "COMPRESSION", compression, 1))
	// Readable for the account PostgreSQL runs under; the directory is private.
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
