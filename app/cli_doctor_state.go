package app

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/queue"
	"github.com/usherhq/usher/modules/kernel/stream"
)

const (
	diskLow   = 2 << 30   // bytes that should be free
	diskEmpty = 256 << 20 // below, PostgreSQL soon stops
	clockOff  = 2 * time.Second
	factLate  = 5 * time.Minute // a listener should have handled a fact by then
)

// checkSeal looks at the sealing key's file: nobody else may read it.
func checkSeal(cfg Config) (string, error) {
	if cfg.Seal.Key != "" {
		return "seal.key is set in the configuration", nil
	}
	path := filepath.Join(cfg.DataDir, "seal.key")
	info, err := os.Stat(path)
	if err != nil {
		return "no key yet: serve makes one", nil //nolint:nilerr // a new house has none
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fault.E("app.Doctor", fault.Conflict, fmt.Sprintf("others may read %s (%v)", path, info.Mode().Perm()), nil).WithFix("chmod 600 " + path + ", or usher doctor --fix")
	}
	return path + " is its owner's alone; keep a copy elsewhere", nil
}

// checkDisk asks how much room the data directory has, or the nearest one above it.
func checkDisk(dir string) (string, error) {
	const op = "app.Doctor"
	for at := dir; ; at = filepath.Dir(at) {
		free, err := freeBytes(at)
		switch {
		case err != nil && at != filepath.Dir(at):
			continue
		case err != nil:
			return "not looked at: " + err.Error(), nil //nolint:nilerr // said, and no fault of the house
		case free < diskEmpty:
			return "", fault.E(op, fault.Conflict, "only "+bytesOf(free)+" are free for "+dir, nil).WithFix("make room at once: a full disk stops PostgreSQL")
		case free < diskLow:
			return "", warning(op, "only "+bytesOf(free)+" are free for "+dir, "make room, or lower stream.retention_days")
		}
		return bytesOf(free) + " free for " + dir, nil
	}
}

// checkClock compares this machine's clock with the database's, and asks whether anything
// keeps it right: tickets, price holds and push tokens depend on it.
func checkClock(ctx context.Context, cfg Config) (string, error) {
	const op = "app.Doctor"
	if unsynchronised() {
		return "", warning(op, "nothing keeps this machine's clock right", "install and start chrony or systemd-timesyncd")
	}
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		before := d.Now()
		theirs, err := d.ServerTime(ctx)
		if err != nil {
			return "", err
		}
		off := theirs.Sub(before.Add(d.Now().Sub(before) / 2)).Abs()
		if off > clockOff {
			return "", fault.E(op, fault.Conflict, "the database's clock and this one differ by "+off.Round(time.Millisecond).String(), nil).
				WithFix("let both machines keep their clocks by NTP")
		}
		return "within " + off.Round(time.Millisecond).String() + " of the database's", nil
	})
}

// checkSchema tells whether this binary and the database fit.
func checkSchema(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		has, knows, err := db.Versions(ctx, d.SQL(), migrations.FS)
		switch {
		case err != nil:
			return "", err
		case has > knows:
			return "", fault.E("app.Doctor", fault.Conflict, fmt.Sprintf("the database has schema %d, this binary knows only %d", has, knows), nil).
				WithFix("start the newer usher binary, or restore a backup made by this one")
		case has < knows:
			return "", warning("app.Doctor", fmt.Sprintf("the database has schema %d, this binary brings %d", has, knows), "make a backup, then usher doctor --fix, usher migrate or usher serve")
		}
		return fmt.Sprintf("version %d", has), nil
	})
}

// checkPush tells which push credentials a service has refused. None of the kinds that
// Usher takes (APNs signing keys, FCM service accounts, VAPID keys) runs out by itself.
func checkPush(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		if has, knows, err := db.Versions(ctx, d.SQL(), migrations.FS); err != nil || has < knows {
			return "not looked at: the schema is older than this binary", err
		}
		all, err := hub.CredentialsIn(ctx, d)
		if err != nil {
			return "", err
		}
		for _, c := range all {
			if c.PausedAt != nil {
				return "", fault.E("app.Doctor", fault.Conflict, fmt.Sprintf("%s of the app %s is paused since %s: %s", c.Service, c.App, c.PausedAt.Format(time.DateTime), c.PausedReason), nil).
					WithFix("store a good credential, or resume it on the page Now")
			}
		}
		return fmt.Sprintf("%d %s, none refused; keys of these kinds do not expire%s", len(all), plural(len(all), "credential", "credentials"), oldestCredential(all, d.Now())), nil
	})
}

// checkStream looks for listeners that lag and facts that were put aside.
func checkStream(ctx context.Context, cfg Config) (string, error) {
	const op = "app.Doctor"
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		if has, knows, err := db.Versions(ctx, d.SQL(), migrations.FS); err != nil || has < knows {
			return "not looked at: the schema is older than this binary", err
		}
		late, err := stream.Late(ctx, d, d.Now().Add(-factLate))
		if err != nil {
			return "", err
		}
		if len(late) > 0 {
			l := late[0]
			return "", warning(op, fmt.Sprintf("%s has %d facts to handle, since %s", l.Listener, l.Facts, l.Since.Format(time.DateTime)),
				"see whether usher runs, and what the page Stream says of it")
		}
		parked, err := stream.ParkedIn(ctx, d)
		if err != nil {
			return "", err
		}
		if len(parked) > 0 {
			var all []string
			for _, name := range slices.Sorted(maps.Keys(parked)) {
				all = append(all, fmt.Sprintf("%d of %s", parked[name], name))
			}
			return "", warning(op, "facts are parked: "+strings.Join(all, ", "), "look at them on the page Stream, mend the cause, and replay them")
		}
		return "every listener is up to date, nothing is parked", nil
	})
}

// checkJobs looks for jobs that were given up.
func checkJobs(ctx context.Context, cfg Config) (string, error) {
	return inDatabase(ctx, cfg, func(ctx context.Context, d *db.DB) (string, error) {
		failed, err := queue.FailedIn(ctx, d)
		if err != nil {
			return "", err
		}
		if failed > 0 {
			return "", warning("app.Doctor", fmt.Sprintf("%d %s given up", failed, plural(failed, "job was", "jobs were")), "look for \"job given up\" in the log; each can be put back into the queue")
		}
		return "none given up", nil
	})
}
