package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/modules/hub/push/webpush"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func (c *cli) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run Usher", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return Serve(cmd.Context(), l.Config, c.logger(l.Log), c.out)
		},
	}
	cmd.Flags().StringSlice("roles", nil, "`roles` of this process, some of web,worker,stream; the others are for other processes on the same stores (roles)")
	return cmd
}

func (c *cli) demo() *cobra.Command {
	opt := demo.Options{Installations: 20_000, Seed: 1, Speed: 1, Out: c.out}
	cmd := &cobra.Command{
		Use: "demo", Short: "Run Usher with a simulated festival and simulated push services", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			if f, ok := c.out.(*os.File); ok {
				opt.Terminal = isatty.IsTerminal(f.Fd())
			}
			if l.Origin("log.level") == "default" {
				l.Log.Level = "warn" // its own progress is what people read
			}
			_, err = Demo(cmd.Context(), l.Config, opt, c.logger(l.Log))
			return err
		},
	}
	cmd.Flags().IntVar(&opt.Installations, "installations", opt.Installations, "`number` of simulated phones and browsers")
	cmd.Flags().DurationVar(&opt.For, "for", 0, "stop after this `duration` (default: play it all, and run until stopped)")
	cmd.Flags().Float64Var(&opt.Speed, "speed", opt.Speed, "how `fast` the festival is played; 1 takes about twelve minutes")
	cmd.Flags().Uint64Var(&opt.Seed, "seed", opt.Seed, "`number` that the simulation follows; equal seeds, equal festivals")
	return cmd
}

func (c *cli) migrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database to this version's schema (serve does so too)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return Migrate(cmd.Context(), l.Config, c.logger(l.Log), c.out)
		},
	}
}

func (c *cli) config() *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var env bool
	show := &cobra.Command{
		Use: "print", Short: "Print every key, its value and where it comes from; secrets are hidden", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return l.Print(c.out, env)
		},
	}
	show.Flags().BoolVar(&env, "env", false, "show each key's environment variable too")
	group.AddCommand(show)
	return group
}

func (c *cli) keys() *cobra.Command {
	group := &cobra.Command{Use: "keys", Short: "Make keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	group.AddCommand(&cobra.Command{
		Use: "secret", Short: "Make a secret for access.keys", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.out, identity.NewKeySecret())
			return err
		},
	}, &cobra.Command{
		Use: "vapid", Short: "Make a key pair for Web Push: the private one for the credential, the public one for your pages", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			private, public, err := webpush.GenerateVAPIDKey()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "vapid_private_key: %s\napplicationServerKey: %s\n", private, public)
			return err
		},
	}, c.connectionString())
	return group
}

func (c *cli) healthcheck() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the running Usher whether it is alive (for containers)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			return askHealth(cmd.Context(), l.HTTP)
		},
	}
}

// askHealth calls /healthz on this machine. Errors: fault.Transient.
func askHealth(ctx context.Context, cfg HTTP) error {
	const op = "app.Healthcheck"
	scheme := "http://"
	if cfg.TLS.On() {
		scheme = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+dialable(cfg.Listen)+"/healthz", nil)
	if err != nil {
		return fault.E(op, fault.Invalid, "http.listen is no address to call", err)
	}
	// The certificate names the public host, not this address; nothing secret is said.
	own := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // see above
	res, err := (&http.Client{Transport: own}).Do(req)
	if err != nil {
		return fault.E(op, fault.Transient, "usher does not answer on "+cfg.Listen, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fault.E(op, fault.Transient, "usher answers "+res.Status, nil)
	}
	return nil
}

func (c *cli) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.out, "usher", Version())
			return err
		},
	}
}

// Version is the module's version and commit, as the Go tool stamped them.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v + " " + info.GoVersion
}
