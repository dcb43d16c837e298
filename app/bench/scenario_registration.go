package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	registerClients = 64
	registerGoal    = 10_000.0
	registerShare   = 0.15
	registered      = 100_000 // installations that come and come again
)

// registration is scenario F: phones that are new, and phones that come back with
// nothing changed.
func (b *bench) registration(ctx context.Context) error {
	c := crowd{app: "devices", n: min(registered, b.n), service: mixture, handles: b.handles, origin: b.near.WebPushOrigin}
	if err := b.setUp(ctx, c.app, b.near, b.apns); err != nil {
		return err
	}
	for _, what := range []string{"register", "refresh"} {
		before, err := b.yardstick(ctx, c)
		if err != nil {
			return err
		}
		used := b.cpu()
		took, err := b.everybodyPuts(ctx, c)
		if err != nil {
			return err
		}
		used = b.cpu().minus(used)
		after, err := b.yardstick(ctx, c)
		if err != nil {
			return err
		}
		rate, raw := float64(c.n)/took.Seconds(), (before+after)/2
		value := fmt.Sprintf("%.0f/s; %.0f %% of a raw COPY (%.0f rows/s); %s; %s", rate, 100*rate/raw, raw, used.each(int64(c.n)), disturbance(used.others(took)))
		b.result.add(what, value, fmt.Sprintf("≥ %.0f/s, ≥ %.0f %%", registerGoal, 100*registerShare), verdictOf(rate >= registerGoal && rate >= registerShare*raw))
	}
	return nil
}

// everybodyPuts has each installation put itself once.
func (b *bench) everybodyPuts(ctx context.Context, c crowd) (time.Duration, error) {
	address := strings.TrimPrefix(b.url, "http://")
	var next atomic.Int64
	var clients sync.WaitGroup
	failed := make(chan error, registerClients)
	start := time.Now()
	for range registerClients {
		clients.Go(func() { failed <- putSome(ctx, address, b.key, c, &next) })
	}
	clients.Wait()
	took := time.Since(start)
	for range registerClients {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	return took, nil
}

// putSome is one client. It writes HTTP itself: net/http's client would take as
// much of the shared cores as the server.
func putSome(ctx context.Context, address, key string, c crowd, next *atomic.Int64) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	var body, request []byte
	for ctx.Err() == nil {
		i := int(next.Add(1)) - 1
		if i >= c.n {
			return nil
		}
		p := c.person(i)
		body = p.appendJSON(body[:0])
		request = fmt.Appendf(request[:0], "PUT /v1/installations/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", p.id, address, key, len(body))
		if _, err := conn.Write(append(request, body...)); err != nil {
			return err
		}
		if err := answered(answers); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// answered reads one answer, which must be a success.
func answered(in *bufio.Reader) error {
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 2 {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
	return fmt.Errorf("PUT answers %s: %s", res.Status, text)
}
