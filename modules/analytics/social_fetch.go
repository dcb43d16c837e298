package analytics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// DialGuard refuses addresses that a URL of somebody's choice must not reach; it
// is a net.Dialer.Control.
type DialGuard func(network, address string, c syscall.RawConn) error

const (
	fetchTimeout = 20 * time.Second
	maxFetched   = 2 << 20 // bytes of an answer
	maxRetry     = time.Hour
)

// fetcher asks feeds and social networks.
type fetcher struct{ client *http.Client }

func newFetcher(guard DialGuard, allowed []string) *fetcher {
	return &fetcher{outgoing(guard, allowed, fetchTimeout)}
}

// outgoing is a client for addresses of somebody's choice. It follows no redirect,
// uses no proxy (which would hide the address) and connects where the guard lets it,
// or to one of the allowed host:port pairs.
func outgoing(guard DialGuard, allowed []string, timeout time.Duration) *http.Client {
	if guard == nil {
		guard = func(_, address string, _ syscall.RawConn) error {
			return fmt.Errorf("analytics: nobody guards the way to %s", address)
		}
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := &net.Dialer{Timeout: 10 * time.Second, Control: guard}
		if slices.Contains(allowed, addr) {
			d.Control = nil
		}
		return d.DialContext(ctx, network, addr)
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dial, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: timeout, ForceAttemptHTTP2: true,
			MaxIdleConns: 10, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// page is an answer; Unchanged when the server says that ours is the newest.
type page struct {
	Body           []byte
	ETag, Modified string
	Unchanged      bool
}

// get asks for a page unless it is still the one we know.
// Errors: fault.Transient (try again), fault.Limited (later), fault.Invalid (mend the configuration).
func (f *fetcher) get(ctx context.Context, url, accept, etag, modified string) (page, error) {
	const op = "analytics.fetch"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, fault.E(op, fault.Invalid, "the address is not a URL", err)
	}
	req.Header.Set("User-Agent", "Usher (event ticketing; polls for posts)")
	req.Header.Set("Accept", accept)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if modified != "" {
		req.Header.Set("If-Modified-Since", modified)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return page{}, fault.E(op, fault.Transient, "cannot reach "+req.URL.Host, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified {
		return page{Unchanged: true, ETag: etag, Modified: modified}, nil
	}
	if res.StatusCode != http.StatusOK {
		return page{}, refused(op, res)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFetched+1))
	if err != nil {
		return page{}, fault.E(op, fault.Transient, "the answer broke off", err)
	}
	if len(body) > maxFetched {
		return page{}, fault.E(op, fault.Invalid, fmt.Sprintf("the answer is larger than %d MB", maxFetched>>20), nil)
	}
	return page{Body: body, ETag: short(res.Header.Get("ETag")), Modified: short(res.Header.Get("Last-Modified"))}, nil
}

// refused explains an answer that is no page.
func refused(op string, res *http.Response) error {
	said := "the server answered " + strconv.Itoa(res.StatusCode)
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fault.E(op, fault.Invalid, said+": it has moved", errors.New("to "+short(res.Header.Get("Location")))).
			WithFix("put the new address into config.yaml")
	case res.StatusCode == http.StatusTooManyRequests:
		wait := 10 * time.Minute
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
			wait = min(time.Duration(n)*time.Second, maxRetry)
		}
		return fault.E(op, fault.Limited, said+": too many requests", nil).After(wait)
	case res.StatusCode >= 500:
		return fault.E(op, fault.Transient, said, nil)
	}
	return fault.E(op, fault.Invalid, said, nil).WithFix("check the connector's url and hashtag")
}

// short keeps what a stranger says within bounds; a validator cut in two is none.
func short(s string) string {
	if len(s) > 500 {
		return ""
	}
	return s
}
