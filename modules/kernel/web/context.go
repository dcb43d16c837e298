package web

import "context"

type ctxKey int

const (
	requestIDKey ctxKey = iota
	actorKey
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

// WithActor puts the caller's stable name, such as "key:till-2", into ctx. A Guard calls it.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey, actor)
}

// Actor is who is asking; "" when nobody said.
func Actor(ctx context.Context) string {
	s, _ := ctx.Value(actorKey).(string)
	return s
}

// WithClosing tells live streams when the server wants to stop: a graceful
// stop waits for requests to end, and a stream has no end of its own.
func WithClosing(ctx context.Context, closing <-chan struct{}) context.Context {
	return context.WithValue(ctx, closingKey, closing)
}

func closing(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(closingKey).(<-chan struct{})
	return ch // nil blocks for ever, which is right
}
