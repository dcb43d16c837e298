package web

import "context"

type ctxKey int

const (
	requestIDKey ctxKey = iota
	callerKey
	closingKey
)

// WithRequestID puts the request's id into ctx.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

// RequestID is the id under which this request's faults are in the log; "" outside a request.
func RequestID(ctx context.Context) string {
	s, _ := ctx.Value(requestIDKey).(string)
	return s
}

// Caller is who is asking, as the guard found out. The zero Caller is nobody in particular.
type Caller struct {
	Name   string // stable, for logs, limits and the audit: "key:till-2", "person:0190…"
	Person string // id of the signed-in person; "" for machines and strangers
	Role   string // of the person: owner, admin, staff, scanner or customer; "" for machines
	App    string // a key's scope: this app of the hub only; "": any
	Event  string // a key's scope: this event only; "": any
	Label  string // what people call them, to show: a name, which may change
}

// WithCaller puts the caller into ctx. A Guard calls it.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey, c)
}

// CallerOf is who is asking; the zero Caller when nobody said.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey).(Caller)
	return c
}

// WithActor is WithCaller for a caller of whom only the name is known.
func WithActor(ctx context.Context, actor string) context.Context {
	return WithCaller(ctx, Caller{Name: actor})
}

// Actor is the caller's name; "" when nobody said.
func Actor(ctx context.Context) string { return CallerOf(ctx).Name }

// WithClosing tells live streams when the server wants to stop: a graceful
// stop waits for requests to end, and a stream has no end of its own.
func WithClosing(ctx context.Context, closing <-chan struct{}) context.Context {
	return context.WithValue(ctx, closingKey, closing)
}

func closing(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(closingKey).(<-chan struct{})
	return ch // nil blocks for ever, which is right
}
