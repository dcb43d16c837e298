package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

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

// request is one call of the API of a running Usher.
type request struct {
	at, key, path string
	media         string // of the body; "": GET
	size          int64  // of the body in bytes; 0: not known
}

// do calls. The answer's errors are those that the API states; 422 with lines that were not
// taken is an answer. Errors: fault.Transient when nothing answers, or stops to.
func (r request) do(ctx context.Context, body io.Reader) (*http.Response, error) {
	const op = "app.Transfer"
	method := http.MethodGet
	if r.media != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.at+r.path, body)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, r.at+" is no address", err).WithFix("such as http://127.0.0.1:8080")
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
		req.ContentLength = r.size
	}
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	defer client.CloseIdleConnections()
	if strings.HasPrefix(r.at, "https://127.") {
		// The certificate names the public host, and nobody stands between us and this machine.
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, r.broken(ctx, err)
	}
	if res.StatusCode < 300 || res.StatusCode == http.StatusUnprocessableEntity && res.Header.Get("Content-Type") == "application/json" {
		return res, nil
	}
	defer res.Body.Close()
	var p web.Problem
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p) != nil || p.Detail == "" {
		p.Code, p.Detail = fault.Internal, "usher answers "+res.Status
	}
	return nil, &fault.Error{Op: op, Code: p.Code, Message: p.Detail, Fix: p.Fix, Fields: p.Errors}
}

// broken says what it means that a call did not end.
func (r request) broken(ctx context.Context, err error) error {
	const op = "app.Transfer"
	again := "run it again: nothing was written"
	if r.media != "" {
		again = "run it again with the same file: what is in already does not come in twice"
	}
	dial, ok := errors.AsType[*net.OpError](err)
	switch {
	case ctx.Err() != nil:
		return fault.E(op, fault.Transient, "interrupted", nil).WithFix(again)
	case ok && dial.Op == "dial":
		return fault.E(op, fault.Transient, "usher does not answer at "+r.at, err).WithFix("start it, or give --url")
	}
	return fault.E(op, fault.Transient, "the connection to usher at "+r.at+" broke off", err).WithFix(again)
}

// arriving is an answer on its way: one that breaks off is not one that ends.
type arriving struct {
	io.Reader
	ctx context.Context
	r   request
}

// Read is io.Reader's.
func (a arriving) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.r.broken(a.ctx, err)
	}
	return n, err
}

// fetched is the answer to a GET, as a T.
func fetched[T any](ctx context.Context, r request) (v T, err error) {
	res, err := r.do(ctx, nil)
	if err != nil {
		return v, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(arriving{res.Body, ctx, r}).Decode(&v); err != nil {
		return v, fault.E("app.Transfer", fault.Internal, "usher's answer cannot be read", err)
	}
	return v, nil
}
