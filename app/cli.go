package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the configuration is wrong
)

// Main runs one command. environ is as os.Environ. The first SIGINT or SIGTERM
// ends it in good order, the second at once.
func Main(args, environ []string, stdout, stderr io.Writer) int {
	ctx, release := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release) // from now on a signal does what it does by itself: kill
	c := &cli{environ: environ, out: stdout, err: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case !c.begun: // cobra refused the command line
		fmt.Fprintf(stderr, "usher: %v\nRun `usher help` for the commands.\n", err)
		return exitUsage
	}
	explainTo(stderr, err)
	if errors.Is(err, errConfig) {
		return exitUsage
	}
	return exitFailed
}

// cli is what the commands share.
type cli struct {
	environ  []string
	out, err io.Writer
	begun    bool // the command line was understood

	file     string
	settings []string // of --set
}

// errConfig marks the faults of a configuration.
var errConfig = errors.New("configuration")

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "usher",
		Short:         "The promoter's own ticketing and notification house",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) {
			c.begun = true
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.file, "config", "", "configuration `file` (default config.yaml, if there is one)")
	flags.String("listen", "", "`address` to listen on, such as :8080 (http.listen)")
	flags.String("data-dir", "", "`directory` of the built-in stores (data_dir)")
	flags.StringArrayVar(&c.settings, "set", nil, "set any `key=value` of the configuration; repeatable")
	root.AddCommand(c.serve(), c.demo(), c.migrate(), c.doctor(), c.backup(), c.restore(), c.config(), c.keys(), c.importing(), c.exporting(), c.support(), c.admin(), c.backtest(), c.healthcheck(), c.version())
	root.AddCommand(c.trials()...)
	return root
}

// load reads the configuration for a command.
func (c *cli) load(cmd *cobra.Command) (*Loaded, error) {
	src := Sources{File: c.file, Environ: c.environ}
	for name, path := range map[string]string{"listen": "http.listen", "data-dir": "data_dir", "roles": "roles"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			src.Flags = append(src.Flags, Flag{Name: "--" + name, Path: path, Text: f.Value.String()})
		}
	}
	for _, s := range c.settings {
		path, text, ok := strings.Cut(s, "=")
		if !ok {
			return nil, errors.Join(errConfig, fault.BadField("app.Main", "--set "+s, "is not key=value", "such as --set log.level=debug"))
		}
		src.Flags = append(src.Flags, Flag{Name: "--set", Path: path, Text: text})
	}
	l, err := LoadConfig(src)
	if err != nil {
		return nil, errors.Join(errConfig, err)
	}
	return l, nil
}

// logger writes to stderr, in the configured form.
func (c *cli) logger(cfg Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // checked by Validate
	opt := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(redacting{slog.NewJSONHandler(c.err, opt)})
	}
	return slog.New(redacting{slog.NewTextHandler(c.err, opt)})
}

// explainTo tells the operator what failed: every fault, its fix and its cause.
func explainTo(w io.Writer, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		fmt.Fprintf(w, "usher: %v\n", err)
		return
	case len(f.Fields) == 0:
		fmt.Fprintf(w, "usher: %s\n", f.Message)
		if f.Fix != "" {
			fmt.Fprintf(w, "  fix: %s\n", f.Fix)
		}
	case !strings.HasPrefix(f.Message, f.Fields[0].Name+": "): // it says more than its fields do
		fmt.Fprintf(w, "usher: %s\n", f.Message)
	default:
		fmt.Fprintf(w, "usher: %d %s to mend\n", len(f.Fields), plural(len(f.Fields), "thing", "things"))
	}
	for _, field := range f.Fields {
		fmt.Fprintf(w, "  %s%s", lineOf(field), strings.TrimSpace(field.Name+" "+field.Problem))
		if field.Fix != "" {
			fmt.Fprintf(w, ": %s", field.Fix)
		}
		fmt.Fprintln(w)
	}
	if f.Err != nil {
		fmt.Fprintf(w, "  cause: %v\n", f.Err)
	}
}

// lineOf is where in a file a fault is.
func lineOf(f fault.Field) string {
	if f.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d ", f.Line)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
