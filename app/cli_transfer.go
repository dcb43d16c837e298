package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// transfer is a command that moves a file through the API of the running Usher.
type transfer struct {
	use, short string
	path       string // of the API
	media      string // of what is sent; "": it is fetched
	flags      []string
}

var exportCommands = []transfer{
	{use: "facts FILE", short: "Recorded facts, as ndjson or parquet", path: "/v1/events/export", flags: []string{"format", "from", "to", "type", "source", "key"}},
	{use: "installations FILE", short: "An app's installations, as ndjson or csv", path: "/v1/exports/installations", flags: []string{"app", "format", "service", "status", "tags"}},
	{use: "history FILE", short: "Past events and bookings, as CSV that import history takes", path: "/v1/history.csv"},
}

var importCommands = []transfer{
	{use: "installations FILE", short: "Installations, as ndjson or csv", path: "/v1/imports", media: "application/octet-stream", flags: []string{"app", "format"}},
	{use: "catalogue FILE", short: "Events and categories, as CSV", path: "/v1/catalogue/import", media: "text/csv", flags: []string{"dry_run"}},
	{use: "history FILE", short: "Past events and bookings, as CSV", path: "/v1/history", media: "text/csv"},
	{use: "calendar FILE", short: "Holidays, as iCalendar", path: "/v1/calendar", media: "text/calendar"},
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
			req := request{at: cmp.Or(at, l.HTTP.local()), key: cmp.Or(key, c.env(keyEnv), manageKey(l.Config)), path: t.path + "?" + query.Encode(), media: t.media}
			if req.key == "" {
				return fault.BadField("app.Transfer", "--key", "is missing", "a key of the right manage: make one on the page Keys, and set USHER_KEY")
			}
			if t.media == "" {
				return c.fetch(cmd.Context(), req, args[0])
			}
			return c.send(cmd.Context(), req, args[0])
		},
	}
	for i, name := range t.flags {
		cmd.Flags().StringVar(&values[i], strings.ReplaceAll(name, "_", "-"), "", "the API's parameter "+name+" of "+t.path)
	}
	cmd.Flags().StringVar(&at, "url", "", "`address` of the running Usher (default: http.listen of the configuration)")
	cmd.Flags().StringVar(&key, "key-secret", "", "`secret` of a key of the right manage (default: USHER_KEY, then access.keys)")
	return cmd
}

// local is where this machine reaches the running Usher.
func (h HTTP) local() string {
	if h.TLS.On() {
		return "https://" + dialable(h.Listen)
	}
	return "http://" + dialable(h.Listen)
}

// manageKey is a key of the configuration that may manage.
func manageKey(cfg Config) string {
	for _, k := range cfg.Access.Keys {
		if slices.Contains(k.Rights, string(web.Manage)) {
			return k.Secret
		}
	}
	return ""
}

func (c *cli) env(name string) string {
	for _, e := range c.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// request is one call of the API.
type request struct{ at, key, path, media string }

// do calls. The answer's errors are those that the API states.
func (r request) do(ctx context.Context, body io.Reader) (*http.Response, error) {
	const op = "app.Transfer"
	method := http.MethodGet
	if r.media != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.at+r.path, body)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, r.at+" is no address", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	if strings.HasPrefix(r.at, "https://127.") {
		// The certificate names the public host, and nobody stands between us and this machine.
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fault.E(op, fault.Transient, "usher does not answer at "+r.at, err).WithFix("start it, or give --url")
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	var p web.Problem
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p) != nil || p.Detail == "" {
		p.Detail = "usher answers " + res.Status
	}
	return nil, &fault.Error{Op: op, Code: p.Code, Message: p.Detail, Fix: p.Fix, Fields: p.Errors}
}

// fetch writes an answer into a file, which is there whole or not at all.
func (c *cli) fetch(ctx context.Context, r request, file string) error {
	copyTo := func(w io.Writer) error {
		res, err := r.do(ctx, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(w, c.counted(res.Body, "fetched"))
		return err
	}
	if file == "-" {
		return copyTo(c.out)
	}
	n, err := writeWhole(file, false, copyTo)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: %s\n", file, bytesOf(n))
	return err
}

// send posts a file and prints what the API says of it.
func (c *cli) send(ctx context.Context, r request, file string) error {
	in, err := openBackup(file)
	if err != nil {
		return err
	}
	defer in.Close()
	res, err := r.do(ctx, c.counted(in, "sent"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	_, werr := fmt.Fprintf(c.out, "%s\n", strings.TrimSpace(string(answer)))
	return errors.Join(err, werr)
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
