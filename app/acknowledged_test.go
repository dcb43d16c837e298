package app

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/faulttest"
)

// What was acknowledged is there after kill -9: registrations group-committed by
// many clients at once, and a notification accepted with an idempotency key.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	h := newHouse(t)
	h.festival(0)
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 16
	row := faulttest.Row{Fault: "kill -9 of usher, during registrations", Injected: 3}
	for round := range row.Injected {
		var mu sync.Mutex
		var known []string
		var acknowledged atomic.Int64
		enough := make(chan struct{})
		var clients sync.WaitGroup
		for c := range 16 {
			clients.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("phone-%d-%d-%d", round, c, i)
					x := h.services.Handle(push.APNs, round*1_000_000+c*10_000+i, "")
					if err := h.try("PUT", "/v1/installations/"+name, hub.Installation{App: "festival", Kind: x.Kind, Handle: x.Value}, nil); err != nil {
						return // the server is gone: this one was never acknowledged
					}
					mu.Lock()
					known = append(known, name)
					mu.Unlock()
					if acknowledged.Add(1) == 500 {
						close(enough)
					}
				}
			})
		}
		<-enough
		h.killed()
		clients.Wait()
		struck := time.Now()
		h.start()
		for _, name := range known {
			if err := h.try("GET", "/v1/installations/"+name+"?app=festival", nil, nil); err != nil {
				t.Errorf("round %d: %s was acknowledged and is lost: %v", round, name, err)
				row.Lost++
			}
			if row.Acknowledged++; name == known[0] {
				row.Recovery = max(row.Recovery, time.Since(struck))
			}
		}
	}
	row.Report(t)
}
