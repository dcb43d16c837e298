package h2

import (
	"context"
	"slices"
)

// A term is a context that requests share; they end with it. That each of them waits for its
// answer or its context costs twice what waiting for an answer does.
type term struct{ done <-chan struct{} }

// term is the one that ctx is. The caller holds mu.
func (t *Transport) term(ctx context.Context) *term {
	done := ctx.Done()
	if done == nil {
		return nil
	}
	if t.latest == nil || t.latest.done != done {
		e := &term{done}
		t.latest = e
		context.AfterFunc(ctx, func() { t.expire(e, context.Cause(ctx)) })
	}
	return t.latest
}

// expire ends all requests of a term.
func (t *Transport) expire(e *term, cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.latest == e { // it does not come again
		t.latest = nil
	}
	var late []*stream
	for _, p := range t.pools {
		late = append(late, p.waiting...)
		for _, c := range slices.Concat(p.conns, p.leaving) {
			for _, st := range c.streams {
				late = append(late, st)
			}
		}
	}
	for _, st := range late {
		if st.term == e {
			st.cancel(cause)
		}
	}
}
