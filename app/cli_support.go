package app

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// support makes a bundle for those who help: nothing in it is a secret, or names a person.
func (c *cli) support() *cobra.Command {
	var logFile string
	var force bool
	cmd := &cobra.Command{
		Use: "support FILE.zip", Short: "Write a bundle for those who help: versions, configuration without secrets, doctor's findings, metrics, log lines", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			n, err := writeWhole(args[0], force, func(w io.Writer) error { return c.bundle(cmd.Context(), l, logFile, w) })
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "%s: %s. Look into it before you send it.\n", args[0], bytesOf(n))
			return err
		},
	}
	cmd.Flags().StringVar(&logFile, "log", "", "`file` of usher's log, such as from journalctl -u usher --since -1h > usher.log")
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	return cmd
}

// maxLogTail is how much of the end of a log goes into a bundle, in bytes.
const maxLogTail = 2 << 20

func (c *cli) bundle(ctx context.Context, l *Loaded, logFile string, w io.Writer) error {
	z := zip.NewWriter(w)
	parts := []struct {
		name string
		make func(io.Writer) error
	}{
		{"version.txt", func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "usher %s\n%s/%s, %d processors\n", Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
			return err
		}},
		{"config.txt", func(w io.Writer) error { return c.redactedConfig(l, w) }},
		{"doctor.json", func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(redactFindings(examine(ctx, l.Config)))
		}},
		{"metrics.txt", func(w io.Writer) error { return c.metricsInto(ctx, l, w) }},
		{"log.txt", func(w io.Writer) error { return logTail(logFile, w) }},
	}
	for _, p := range parts {
		f, err := z.Create(p.name)
		if err != nil {
			return err
		}
		if err := p.make(f); err != nil {
			fmt.Fprintf(f, "\nnot complete: %s\n", redact(err.Error()))
		}
	}
	return z.Close()
}

func (c *cli) redactedConfig(l *Loaded, w io.Writer) error {
	var b bytes.Buffer
	if err := l.Print(&b, false); err != nil {
		return err
	}
	_, err := io.WriteString(w, redact(b.String()))
	return err
}

func redactFindings(all []Finding) []Finding {
	for i := range all {
		all[i].Detail, all[i].Fix = redact(all[i].Detail), redact(all[i].Fix)
	}
	return all
}

// metricsInto asks the running Usher, with a key of the environment or the configuration.
func (c *cli) metricsInto(ctx context.Context, l *Loaded, w io.Writer) error {
	key := c.env(keyEnv)
	if key == "" {
		key = manageKey(l.Config)
	}
	res, err := request{at: l.HTTP.local(), key: key, path: "/metrics"}.do(ctx, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	_, werr := io.WriteString(w, redact(string(text)))
	return errors.Join(err, werr)
}

func logTail(file string, w io.Writer) error {
	if file == "" {
		_, err := io.WriteString(w, "no log was given: usher support --log FILE\n")
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return fault.E("app.Support", fault.Invalid, "cannot read the log", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxLogTail {
		if _, err := f.Seek(-maxLogTail, io.SeekEnd); err != nil {
			return err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLogTail))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if _, err := io.WriteString(w, redact(line)); err != nil {
			return err
		}
	}
	return nil
}
