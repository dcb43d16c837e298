package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
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
	ingestRounds  = 4
	ingestRepeats = 1000 // one in so many events was sent before
)

// ingest is scenario I: events of a till through the ingest door, in turn with COPY
// of the same rows, because the machine is not equally fast all the time.
func (b *bench) ingest(ctx context.Context) error {
	n := min(ingestEvents, 4*b.n)
	_, socket := b.postmaster()
	raw, err := rawCopyEvents(ctx, socket, n/ingestRounds/2)
	if err != nil {
		return err
	}
	var all []ingested
	for from := 0; from < n; from += n / ingestRounds {
		r := ingested{before: raw, n: n / ingestRounds}
		used := b.cpu()
		if r.took, err = b.everybodySells(ctx, from, from+r.n); err != nil {
			return err
		}
		r.used = b.cpu().minus(used)
		if err := b.listenersRest(ctx); err != nil {
			return err
		}
		if raw, err = rawCopyEvents(ctx, socket, n/ingestRounds/2); err != nil {
			return err
		}
		r.after = raw
		all = append(all, r)
	}
	rate, core := middle(all, ingested.rate), middle(all, ingested.core)
	last := all[len(all)-1]
	b.result.add("ingest: HTTP, validation, dedup, commit", fmt.Sprintf("%.0f events/s on %d cores; %.0f a second of CPU of usher and PostgreSQL, listeners included; in the last of %d rounds %s; %s",
		rate, runtime.NumCPU(), core, ingestRounds, last.used.each(int64(last.n)), disturbance(last.used.others(last.took))), fmt.Sprintf("≥ %.0f/s a core", ingestGoal), verdictOf(core >= ingestGoal && rate >= ingestGoal))
	share := middle(all, ingested.share)
	b.result.add("against a raw COPY of the same rows before and after each round", fmt.Sprintf("%.0f %% of %.0f rows/s", 100*share, middle(all, ingested.raw)), fmt.Sprintf("≥ %.0f %%", 100*ingestShare), verdictOf(share >= ingestShare))
	return b.caughtUp(ctx, n)
}

// ingested is one round: what the door took, between two COPYs.
type ingested struct {
	n             int
	took          time.Duration
	used          cpu
	before, after float64 // rows a second
}

func (r ingested) rate() float64  { return float64(r.n) / r.took.Seconds() }
func (r ingested) core() float64  { return float64(r.n) / (r.used.usher + r.used.postgres).Seconds() }
func (r ingested) raw() float64   { return (r.before + r.after) / 2 }
func (r ingested) share() float64 { return r.rate() / r.raw() }

// middle is the median of the rounds.
func middle(all []ingested, of func(ingested) float64) float64 {
	values := make([]float64, len(all))
	for i, r := range all {
		values[i] = of(r)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// listenersRest waits until usher has handled what it took in, so that COPY has the machine.
func (b *bench) listenersRest(ctx context.Context) error {
	for calm := 0; calm < 3; {
		before := b.cpu()
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		calm++
		if used := b.cpu().minus(before); used.usher+used.postgres > 60*time.Millisecond {
			calm = 0
		}
	}
	return nil
}

// saleOf is event i: a sale as a till tells it. The hour's start is its time, so
// that a repetition is a duplicate.
func saleOf(b []byte, i int, at string) []byte {
	return fmt.Appendf(b, `{"specversion":"1.0","id":"sale-%d","source":"/till/%d","type":"sale.completed","time":"%s","subject":"event-%d","datacontenttype":"application/json","data":{"event":"event-%d","category":"standing","order":"order-%d","quantity":%d,"amount":%d,"currency":"EUR"}}`,
		i, i%16, at, i%50, i%50, i, 1+i%4, 4500*(1+i%4))
}

// everybodySells sends the events from … n-1 once, and some of them again.
func (b *bench) everybodySells(ctx context.Context, from, n int) (time.Duration, error) {
	address, at := strings.TrimPrefix(b.url, "http://"), time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)
	var next atomic.Int64
	next.Store(int64(from))
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
