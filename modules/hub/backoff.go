package hub

import (
	"math/rand/v2"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
)

// backoff is when to repeat a transient delivery: what the service asked for, or
// exponential with jitter from the service's floor to its ceiling (hub.md, "What
// a push service's answer means"). attempts counts those made, ≥ 1.
func backoff(service push.Service, attempts int, asked time.Duration) time.Duration {
	floor, ceiling := time.Second, 5*time.Minute
	if service == push.FCM {
		floor, ceiling = 10*time.Second, time.Hour
	}
	if asked > 0 {
		floor = asked
	}
	d := floor << min(attempts-1, 16)
	if asked > 0 {
		d = asked // the service knows best; only spread the repeats
	}
	d = min(d, max(ceiling, asked))
	return d + rand.N(d/4+1)
}
