package app

import (
	"context"
	"log/slog"
)

// redacting is a handler that takes what looks like a secret, an address or a handle out
// of errors: their texts may repeat what a caller sent. Everything else that is logged is
// our own words and types, which know what to leave out (LogValue).
type redacting struct{ slog.Handler }

// Handle is slog.Handler's.
func (h redacting) Handle(ctx context.Context, r slog.Record) error {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		found = found || isError(a)
		return !found
	})
	if !found {
		return h.Handler.Handle(ctx, r)
	}
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleaned(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func cleaned(a slog.Attr) slog.Attr {
	if isError(a) {
		a.Value = slog.StringValue(redact(a.Value.String()))
	}
	return a
}

func isError(a slog.Attr) bool {
	if a.Key == "error" || a.Key == "panic" {
		return true
	}
	_, is := a.Value.Any().(error)
	return is
}

// WithAttrs is slog.Handler's.
func (h redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleaned(a)
	}
	return redacting{h.Handler.WithAttrs(clean)}
}

// WithGroup is slog.Handler's.
func (h redacting) WithGroup(name string) slog.Handler { return redacting{h.Handler.WithGroup(name)} }
