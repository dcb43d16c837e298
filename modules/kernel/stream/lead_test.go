package stream

import (
	"testing"
	"time"
)

// Of two processes that move cursors at a partition the one that moves the first listener's goes ahead.
func TestThePartitionIsTheFirstListeners(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	ours, theirs := leads{now: clock}, leads{now: clock}
	const p = 3
	ours.keep(p, 1)
	theirs.keep(p, 2)
	theirs.keep(p, 4)
	if ours.leave(p, 2) || ours.elsewhere(p) {
		t.Error("it is left to one that moves a later listener's cursor")
	}
	if !theirs.leave(p, 1) || !theirs.elsewhere(p) {
		t.Error("it is not left to one that moves an earlier listener's cursor")
	}
	if theirs.leave(p, 1) || !theirs.elsewhere(p) {
		t.Error("it is left for the first time twice")
	}
	if theirs.elsewhere(p + 1) {
		t.Error("another partition is left too")
	}
	if now = now.Add(leadTime); theirs.elsewhere(p) {
		t.Error("it is left to one that has not been seen for a while")
	}
	if !ours.leave(p, 2) || !ours.elsewhere(p) {
		t.Error("one that has moved nothing for a while does not leave it")
	}
}
