package h2

import (
	"errors"
	"io"
	"testing"
)

// A connection that has answered takes requests with it: they share one cause, and not
// with those of another. One that never answered says nothing good of its peer.
func TestRequestsOfALostConnectionShareTheirError(t *testing.T) {
	r := newRig(t, Config{})
	var losses []*LostError
	for _, useful := range []bool{true, true, false} {
		first := r.send("/first", "")
		p := r.accept()
		p.want("1 GET /first end=true")
		second := r.send("/second", "")
		p.want("3 GET /second end=true")
		third := r.send("/third", "")
		p.want("5 GET /third end=true")
		if useful {
			p.ok(1, "")
			first.want(200, "")
		}
		p.must(p.conn.Close())
		second.fails("EOF")
		third.fails("EOF")
		one, ok := errors.AsType[*LostError](second.err)
		other, _ := errors.AsType[*LostError](third.err)
		if ok != useful || one != other || !errors.Is(second.err, io.ErrUnexpectedEOF) {
			t.Fatalf("useful %v: errors %#v and %#v", useful, second.err, third.err)
		}
		losses = append(losses, one)
	}
	if losses[0] == losses[1] {
		t.Error("two connections share an error")
	}
}
