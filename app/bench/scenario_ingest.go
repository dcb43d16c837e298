package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ingestClients = 8
	ingestLot     = 900 // events a request; a thousand and the repetitions would be too many
	ingestEvents  = 400_000
	ingestGoal    = 15_000.0 // a second and core that usher and PostgreSQL use
	ingestShare   = 0.20
	ingestRepeats = 1000 // one in so many events was sent before
)

// ingest is scenario I: events of a till through the ingest door.
func (b *bench) ingest(ctx context.Context) error {
	n := min(ingestEvents, 4*b.n)
	_, socket := b.postmaster()
	before, err := rawCopyEvents(ctx, socket, n/2)
	if err != nil {
		return err
	}
	used := b.cpu()
	took, err := b.everybodySells(ctx, n)
	if err != nil {
		return err
	}
	used = b.cpu().minus(used)
	after, err := rawCopyEvents(ctx, socket, n/2)
	if err != nil {
		return err
	}
	rate, raw := float64(n)/took.Seconds(), (before+after)/2
	busy := (used.usher + used.postgres).Seconds()
	core := float64(n) / busy
	b.result.add("ingest: HTTP, validation, dedup, commit", fmt.Sprintf("%.0f events/s on %d cores; %.0f a second of CPU of usher and PostgreSQL; %s; %s",
		rate, runtime.NumCPU(), core, used.each(int64(n)), disturbance(used.others(took))), fmt.Sprintf("≥ %.0f/s a core", ingestGoal), verdictOf(core >= ingestGoal && rate >= ingestGoal))
	b.result.add("against a raw COPY of the same rows", fmt.Sprintf("%.0f %% of %.0f rows/s", 100*rate/raw, raw), fmt.Sprintf("≥ %.0f %%", 100*ingestShare), verdictOf(rate >= ingestShare*raw))
	return b.caughtUp(ctx, n)
}

// saleOf is event i: a sale as a till tells it. The hour's start is its time, so
// that a repetition is a duplicate.
func saleOf(b []byte, i int, at string) []byte {
	return fmt.Appendf(b, `{"specversion":"1.0","id":"sale-%d","source":"/till/%d","type":"sale.completed","time":"%s","subject":"event-%d","datacontenttype":"application/json","data":{"event":"event-%d","category":"standing","order":"order-%d","quantity":%d,"amount":%d,"currency":"EUR"}}`,
		i, i%16, at, i%50, i%50, i, 1+i%4, 4500*(1+i%4))
}

// everybodySells sends n events once, and some of them again.
func (b *bench) everybodySells(ctx context.Context, n int) (time.Duration, error) {
	address, at := strings.TrimPrefix(b.url, "http://"), time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)
	var next atomic.Int64
	var clients sync.WaitGroup
	failed := make(chan error, ingestClients)
	start := time.Now()
	for range ingestClients {
		clients.Go(func() { failed <- sellSome(ctx, address, b.key, at, n, &next) })
	}
	clients.Wait()
	took := time.Since(start)
	for range ingestClients {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	return took, nil
}

// sellSome is one client, which writes HTTP itself.
func sellSome(ctx context.Context, address, key, at string, n int, next *atomic.Int64) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	var body, request []byte
	for ctx.Err() == nil {
		from := int(next.Add(ingestLot)) - ingestLot
		if from >= n {
			return nil
		}
		body = append(body[:0], '[')
		for i := from; i < min(from+ingestLot, n); i++ {
			body = append(saleOf(body, i, at), ',')
			if i%ingestRepeats == 1 {
				body = append(saleOf(body, i-1, at), ',')
			}
		}
		body = append(bytes.TrimSuffix(body, []byte(",")), ']')
		request = fmt.Appendf(request[:0], "POST /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/cloudevents-batch+json\r\nContent-Length: %d\r\n\r\n", address, key, len(body))
		if _, err := conn.Write(append(request, body...)); err != nil {
			return err
		}
		if err := answered(answers); err != nil {
			return err
		}
	}
	return ctx.Err()
}
