// Command apns2 is a peer of Usher's benchmark: github.com/sideshow/apns2, the
// client that gorush and most Go programs send to Apple with, as it comes. It does
// nothing else: no database, no queue, no templates, no outcome kept. See peer.go
// of app/bench for its protocol.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"
	"golang.org/x/net/http2"
)

// order is peerOrder of app/bench.
type order struct {
	APNsURL, APNsKeyPEM, APNsKeyID, APNsTeamID, APNsTopic, CAPEM string

	Handles  []string
	Messages int
}

// setting is one way to use the client.
type setting struct{ clients, goroutines int }

// settings tried: the one a first reading of the README gives, and the tuned one.
var settings = []setting{{1, 500}, {4, 1000}}

func main() {
	log.SetFlags(0)
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		log.Fatal(err)
	}
	best, how := time.Duration(0), ""
	for _, s := range settings {
		before := used()
		took, err := s.run(o)
		if err != nil {
			log.Fatal(err)
		}
		if best == 0 || took < best {
			each := float64((used() - before).Microseconds()) / float64(o.Messages)
			best, how = took, fmt.Sprintf("%d clients, %d goroutines, CPU µs each %.1f", s.clients, s.goroutines, each)
		}
	}
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{"Seconds": best.Seconds(), "How": how})
	if err != nil {
		log.Fatal(err)
	}
}

// used is the CPU time of this process.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (s setting) run(o order) (time.Duration, error) {
	clients := make([]*apns2.Client, s.clients)
	key, err := token.AuthKeyFromBytes([]byte(o.APNsKeyPEM))
	if err != nil {
		return 0, err
	}
	t := &token.Token{AuthKey: key, KeyID: o.APNsKeyID, TeamID: o.APNsTeamID}
	for i := range clients {
		if clients[i], err = newClient(t, o); err != nil {
			return 0, err
		}
		defer clients[i].CloseIdleConnections()
	}
	var next, bad atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for g := range s.goroutines {
		client := clients[g%len(clients)]
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(o.Messages); i = next.Add(1) - 1 {
				r, err := client.Push(message(o, int(i)))
				if err != nil || !r.Sent() {
					bad.Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if n := bad.Load(); n > 0 {
		return 0, fmt.Errorf("%d of %d messages were not accepted", n, o.Messages)
	}
	return took, nil
}

// newClient is apns2.NewTokenClient for an endpoint that is not Apple's.
func newClient(t *token.Token, o order) (*apns2.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(o.CAPEM)) {
		return nil, fmt.Errorf("no certificate in the order")
	}
	c := apns2.NewTokenClient(t)
	c.Host = o.APNsURL
	transport, ok := c.HTTPClient.Transport.(*http2.Transport)
	if !ok {
		return nil, fmt.Errorf("apns2 no longer uses x/net's transport")
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return c, nil
}

func message(o order, i int) *apns2.Notification {
	payload := fmt.Appendf(nil, `{"aps":{"alert":{"title":"Hello, Guest %d","body":"The gates open at six. The first band plays at seven."},"sound":"default"},"url":"https://festival.example/tonight"}`, i)
	return &apns2.Notification{DeviceToken: o.Handles[i%len(o.Handles)], Topic: o.APNsTopic, PushType: apns2.PushTypeAlert, Payload: payload}
}
