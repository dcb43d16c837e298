package conformance

import (
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

// Bench measures a sender with 500 messages in flight against the simulated
// service in the same process, and reports messages a second, and the processor
// time of both for one message, which a busy machine disturbs less.
func Bench(b *testing.B, service push.Service, create New) { //nolint:thelper // a benchmark of its own: a failure belongs to its line here
	services, sender := suite{service, create}.start(b, pushtest.Config{})
	const handles = 10_000
	messages := make([]*push.Message, handles)
	for i := range messages {
		messages[i] = Message(services.Handle(service, i, ""))
	}
	if o := sender.Send(b.Context(), messages[0]); o.Verdict != push.Delivered {
		b.Fatalf("outcome %+v", o)
	}
	work := make(chan *push.Message, 1000)
	done := make(chan struct{})
	const workers = 500
	b.ReportAllocs()
	before := processor()
	b.ResetTimer()
	for range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for m := range work {
				if o := sender.Send(b.Context(), m); o.Verdict != push.Delivered {
					b.Errorf("outcome %+v", o)
				}
			}
		}()
	}
	for i := range b.N {
		work <- messages[i%handles]
	}
	close(work)
	for range workers {
		<-done
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((processor()-before).Microseconds())/float64(b.N), "cpu-µs/message")
}

// processor is the time this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of oneself it does not fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
