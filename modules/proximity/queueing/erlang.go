package queueing

import (
	"math"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Wait estimates the queueing delay at a stall, service not included.
//
// arrivals and service are people per minute (service: of one server), > 0; servers ≥ 1.
// Returns minutes. Errors: fault.Invalid if arrivals ≥ servers·service.
// Source: Erlang C formula (M/M/c), by way of the Erlang B recursion, which does not overflow.
func Wait(arrivals, service float64, servers int) (float64, error) {
	const op = "queueing.Wait"
	switch capacity := float64(servers) * service; {
	case !(arrivals > 0) || !(service > 0) || servers < 1 || math.IsInf(service, 1):
		return 0, fault.E(op, fault.Invalid, "arrivals and service must be positive, and there must be a server", nil)
	case arrivals >= capacity:
		return 0, fault.E(op, fault.Invalid, "more people arrive than can be served: the queue grows without end", nil).
			WithFix("open more tills or serve faster")
	}
	load := arrivals / service
	blocked := 1.0 // Erlang B: B(0) = 1, B(k) = a·B(k−1) / (k + a·B(k−1))
	for k := 1; k <= servers; k++ {
		blocked = load * blocked / (float64(k) + load*blocked)
	}
	busy := load / float64(servers)
	waits := blocked / (1 - busy*(1-blocked)) // Erlang C
	return waits / (float64(servers)*service - arrivals), nil
}
