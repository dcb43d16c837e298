package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/analytics"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// transfer is a command that moves a file through the API of the running Usher.
type transfer struct {
	use, short string
	path       string // of the API
	media      string // of what is sent; "": it is fetched
	flags      []string
	follow     bool // the answer is a job's: wait until it is done
}

var exportCommands = []transfer{
	{use: "facts FILE", short: "Recorded facts, as ndjson or parquet", path: "/v1/events/export", flags: []string{"format", "from", "to", "type", "source", "key"}},
	{use: "installations FILE", short: "An app's installations, as ndjson or csv", path: "/v1/exports/installations", flags: []string{"app", "format", "service", "status", "tags"}},
	{use: "history FILE", short: "Past events and bookings, as CSV that import history takes", path: "/v1/history.csv"},
}

var importCommands = []transfer{
	{use: "installations FILE", short: "Installations, as ndjson or csv; run again, it changes nothing twice", path: "/v1/imports", media: "application/octet-stream", flags: []string{"app", "format"}},
	{use: "catalogue FILE", short: "Events and categories, as CSV; all of them, or none when a line is wrong", path: "/v1/catalogue/import", media: "text/csv", flags: []string{"dry_run"}},
	{use: "history FILE", short: "Past events and bookings, as CSV", path: "/v1/history", media: "text/csv", follow: true},
	{use: "calendar FILE", short: "Events of others that compete with yours, as iCalendar", path: "/v1/calendar", media: "text/calendar", flags: []string{"city", "genre", "capacity"}},
}

func (c *cli) exporting() *cobra.Command {
	group := &cobra.Command{Use: "export", Short: "Write what the running Usher has into a file; - is the standard output", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	for _, t := range exportCommands {
		group.AddCommand(c.transferring(t))
	}
	return group
}

func (c *cli) transferring(t transfer) *cobra.Command {
	var at, key string
	var force bool
	values := make([]string, len(t.flags))
	cmd := &cobra.Command{
		Use: t.use, Short: t.short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			query := url.Values{}
			for i, name := range t.flags {
				if values[i] != "" {
					query.Set(name, values[i])
				}
			}
			r := request{at: strings.TrimRight(cmp.Or(at, l.HTTP.local()), "/"), key: cmp.Or(key, c.env(keyEnv), manageKey(l.Config)), path: t.path + "?" + query.Encode(), media: t.media}
			if r.key == "" {
				return fault.BadField("app.Transfer", "--key-secret", "is missing", "a key of the right manage: make one on the page Keys, and set USHER_KEY")
			}
			if t.media == "" {
				return c.fetch(cmd.Context(), r, args[0], force)
			}
			return c.send(cmd.Context(), r, args[0], t.follow)
		},
	}
	for i, name := range t.flags {
		cmd.Flags().StringVar(&values[i], strings.ReplaceAll(name, "_", "-"), "", "the API's parameter "+name+" of "+t.path)
	}
	cmd.Flags().StringVar(&at, "url", "", "`address` of the running Usher (default: http.listen of the configuration)")
	cmd.Flags().StringVar(&key, "key-secret", "", "`secret` of a key of the right manage (default: USHER_KEY, then access.keys)")
	if t.media == "" {
		cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	}
	return cmd
}

// fetch writes an answer into a file, which is there whole or not at all.
func (c *cli) fetch(ctx context.Context, r request, file string, force bool) error {
	copyTo := func(w io.Writer) error {
		res, err := r.do(ctx, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err = io.Copy(w, arriving{c.counted(res.Body, "fetched"), ctx, r}); err != nil {
			return err
		}
		return nil
	}
	if file == "-" {
		return copyTo(c.out)
	}
	n, err := writeWhole(file, force, copyTo)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %s\n", file, bytesOf(n))
	return err
}

// send posts a file and prints what the API says of it. Errors: fault.Invalid naming the
// lines that were not taken.
func (c *cli) send(ctx context.Context, r request, file string, follow bool) error {
	in, err := openBackup(file)
	if err != nil {
		return err
	}
	defer in.Close()
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			r.size = info.Size()
		}
	}
	res, err := r.do(ctx, c.counted(in, "sent"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(arriving{io.LimitReader(res.Body, 16<<20), ctx, r})
	if err != nil {
		return err
	}
	if follow {
		if answer, err = r.done(ctx, answer); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(c.out, "%s\n", strings.TrimSpace(string(answer))); err != nil {
		return err
	}
	return refusedLines(answer)
}

// followEvery is how often a job on the other side is asked after.
const followEvery = 200 * time.Millisecond

// done waits for the import that answer tells of, and gives how it ended. Errors:
// fault.Invalid with the import's own problem.
func (r request) done(ctx context.Context, answer []byte) ([]byte, error) {
	var begun struct{ ID string }
	if err := json.Unmarshal(answer, &begun); err != nil {
		return nil, fault.E("app.Transfer", fault.Internal, "usher's answer cannot be read", err)
	}
	for {
		all, err := fetched[struct{ Items []analytics.Import }](ctx, request{at: r.at, key: r.key, path: "/v1/history/imports"})
		if err != nil {
			return nil, err
		}
		for _, i := range all.Items {
			if i.ID.String() != begun.ID || !i.Ended() {
				continue
			}
			if i.Problem != "" {
				return nil, fault.E("app.Transfer", fault.Invalid, i.Problem, nil).WithFix("mend the file, and import it again")
			}
			return json.Marshal(i)
		}
		select {
		case <-ctx.Done():
			return nil, r.broken(ctx, ctx.Err())
		case <-time.After(followEvery):
		}
	}
}

// mostRefused is how many lines are told on the terminal; the answer holds more.
const mostRefused = 20

// refusedLines is what an import's answer says of lines that were not taken; nil: all were.
func refusedLines(answer []byte) error {
	var said struct {
		Accepted, Unchanged, Rejected int64
		Faults                        []fault.Field
	}
	if json.Unmarshal(answer, &said) != nil || len(said.Faults) == 0 {
		return nil //nolint:nilerr // an answer that is no JSON speaks of no lines
	}
	return &fault.Error{Op: "app.Transfer", Code: fault.Invalid, Message: fmt.Sprintf("%d lines were not taken; the other %d are in", said.Rejected, said.Accepted+said.Unchanged),
		Fix: "mend these lines, and import the file again", Fields: said.Faults[:min(len(said.Faults), mostRefused)]}
}

// counted tells on a terminal how many bytes have passed.
func (c *cli) counted(r io.Reader, what string) io.Reader {
	if f, ok := c.err.(*os.File); !ok || !isatty.IsTerminal(f.Fd()) {
		return r
	}
	return &countedReader{Reader: r, out: c.err, what: what}
}

type countedReader struct {
	io.Reader
	out  io.Writer
	what string
	n    int64
	told time.Time
}

// Read is io.Reader's.
func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n += int64(n)
	if err != nil {
		fmt.Fprint(r.out, "\r\033[K")
	} else if time.Since(r.told) > 200*time.Millisecond {
		r.told = time.Now()
		fmt.Fprintf(r.out, "\r\033[K%s %s", r.what, bytesOf(r.n))
	}
	return n, err
}
