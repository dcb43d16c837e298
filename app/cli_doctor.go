package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// Finding is one thing that doctor looked at.
type Finding struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Warning bool   `json:"warning,omitempty"` // not OK, but Usher works: the exit code stays 0
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"`
}

func (c *cli) doctor() *cobra.Command {
	var asJSON, mend bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check this machine and configuration, and say how to mend what is wrong", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			if mend {
				c.mend(cmd.Context(), l.Config)
			}
			found := examine(cmd.Context(), l.Config)
			if asJSON {
				err = json.NewEncoder(c.out).Encode(found)
			} else {
				err = printFindings(c.out, found)
			}
			for _, f := range found {
				if !f.OK && !f.Warning && err == nil {
					err = fault.E("app.Doctor", fault.Conflict, f.Name+": "+f.Detail, nil).WithFix(f.Fix)
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	cmd.Flags().BoolVar(&mend, "fix", false, "first mend what needs no decision: a missing data directory, loose file permissions, an old schema")
	return cmd
}

func printFindings(w io.Writer, found []Finding) error {
	for _, f := range found {
		mark := "ok  "
		if f.Warning {
			mark = "warn"
		} else if !f.OK {
			mark = "FAIL"
		}
		if _, err := fmt.Fprintf(w, "%s  %-10s %s\n", mark, f.Name, f.Detail); err != nil {
			return err
		}
		if f.Fix != "" {
			fmt.Fprintf(w, "      %-10s fix: %s\n", "", f.Fix)
		}
	}
	return nil
}

// examine looks at everything that a start needs; it changes nothing.
func examine(ctx context.Context, cfg Config) []Finding {
	now := clock.System{}.Now()
	return append([]Finding{
		finding("data", func() (string, error) { return checkDataDir(cfg.DataDir) }),
		finding("database", func() (string, error) { return checkDatabase(ctx, cfg) }),
		finding("queue", func() (string, error) { return checkQueue(ctx, cfg.Redis) }),
		finding("http", func() (string, error) { return checkPort(ctx, cfg.HTTP) }),
		finding("tls", func() (string, error) { return checkCertificates(cfg, now) }),
		finding("access", func() (string, error) { return checkAccess(cfg) }),
		finding("seal", func() (string, error) { return checkSeal(cfg) }),
		finding("disk", func() (string, error) { return checkDisk(cfg.DataDir) }),
		finding("clock", func() (string, error) { return checkClock(ctx, cfg) }),
		finding("schema", func() (string, error) { return checkSchema(ctx, cfg) }),
		finding("push", func() (string, error) { return checkPush(ctx, cfg) }),
		finding("stream", func() (string, error) { return checkStream(ctx, cfg) }),
		finding("jobs", func() (string, error) { return checkJobs(ctx, cfg) }),
		finding("backup", func() (string, error) { return checkBackup(cfg.DataDir, now) }),
		finding("audit", func() (string, error) { return checkAudit(ctx, cfg) }),
		finding("sales", func() (string, error) { return checkSales(ctx, cfg) }),
		finding("payment", func() (string, error) { return checkPayment(ctx, cfg) }),
		finding("shop app", func() (string, error) { return checkShopApp(ctx, cfg) }),
	}, checkProviders(ctx, cfg)...)
}

func finding(name string, look func() (string, error)) Finding {
	detail, err := look()
	if err == nil {
		return Finding{Name: name, OK: true, Detail: detail}
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return Finding{Name: name, Detail: err.Error()}
	}
	return Finding{Name: name, Warning: errors.Is(err, errWarning), Detail: f.Message, Fix: f.Fix}
}

// errWarning marks what a person should look at, although Usher works.
var errWarning = errors.New("warning")

func warning(op, message, fix string) error {
	return fault.E(op, fault.Conflict, message, errWarning).WithFix(fix)
}

// checkDataDir asks whether we may write where the stores will be: into the
// directory, or into the nearest one above that exists.
func checkDataDir(dir string) (string, error) {
	at := dir
	for {
		fi, err := os.Stat(at)
		if err == nil && !fi.IsDir() {
			return "", fault.E("app.Doctor", fault.Invalid, at+" is a file", nil).WithFix("choose another data_dir")
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			return "", fault.E("app.Doctor", fault.Forbidden, "cannot look at "+at, err).WithFix("choose another data_dir, or run as its owner")
		}
		at = filepath.Dir(at)
	}
	probe, err := os.CreateTemp(at, ".usher-doctor-*")
	if err != nil {
		return "", fault.E("app.Doctor", fault.Forbidden, "cannot write to "+at, err).WithFix("choose another data_dir, or run as its owner")
	}
	return dir + " can be written", errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func checkDatabase(ctx context.Context, cfg Config) (string, error) {
	if cfg.Database.URL == "" {
		bin, err := pgserver.Find(ctx, 0)
		if err != nil {
			return "", err
		}
		return "built-in, " + bin.Version, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d, err := db.Open(ctx, cfg.Database, clock.System{})
	if err != nil {
		return "", err
	}
	defer d.Close()
	return "database.url answers", nil
}

// checkQueue only knocks: whether the password is right shows when serve starts.
func checkQueue(ctx context.Context, cfg Redis) (string, error) {
	if cfg.URL == "" {
		return "built-in", nil
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return "", err
	}
	network, address := "tcp", u.Host
	if u.Scheme == "redis-socket" {
		network, address = "unix", u.Path
	} else if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "6379")
	}
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return "", fault.E("app.Doctor", fault.Transient, "Redis does not answer", err).WithFix("check redis.url and that the server runs")
	}
	return "redis.url answers", conn.Close()
}

func checkPort(ctx context.Context, cfg HTTP) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err == nil {
		return cfg.Listen + " is free", l.Close()
	}
	if askHealth(ctx, cfg) == nil {
		return "usher runs on " + cfg.Listen, nil
	}
	return "", fault.E("app.Doctor", fault.Conflict, "another program uses "+cfg.Listen, err).
		WithFix("stop it, or choose another address with --listen")
}

// checkProviders tells, for each way to sign in, what its provider has to know and
// what stands in the way.
func checkProviders(ctx context.Context, cfg Config) []Finding {
	if len(cfg.Identity.Providers) == 0 || !cfg.HTTP.Loopback() && cfg.HTTP.PublicURL == "" {
		return []Finding{finding("sign-in", func() (string, error) { return checkSignIn(cfg) })}
	}
	origin := cfg.HTTP.reachable("http://" + dialable(cfg.HTTP.Listen))
	found := make([]Finding, len(cfg.Identity.Providers))
	var all sync.WaitGroup
	for i, p := range cfg.Identity.Providers {
		all.Go(func() {
			found[i] = finding("sign-in "+p.Name, func() (string, error) { return identity.CheckProvider(ctx, p, origin, clock.System{}) })
		})
	}
	all.Wait()
	return found
}

// checkSignIn looks at what stands before any provider.
func checkSignIn(cfg Config) (string, error) {
	const op = "app.Doctor"
	if cfg.HTTP.Loopback() {
		return "no identity.providers: only this machine gets in, by the claim link or an invite", nil
	}
	if len(cfg.Identity.Providers) == 0 {
		return "", fault.E(op, fault.Invalid, "others can reach usher, but nobody can sign in", nil).
			WithFix("add a provider under identity.providers")
	}
	return "", fault.E(op, fault.Invalid, "providers cannot send people back: it is not known which address they use", nil).
		WithFix("set http.public_url, such as https://tickets.example.org")
}

func checkAccess(cfg Config) (string, error) {
	if len(cfg.Access.Keys) > 0 {
		return fmt.Sprintf("%d %s", len(cfg.Access.Keys), plural(len(cfg.Access.Keys), "key", "keys")), nil
	}
	return "no keys in the configuration: machines need those of the page Keys", nil
}
