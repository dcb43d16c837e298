// Package app is the composition root: the only package that knows every
// module. wire.go constructs them, server.go mounts their routes, lifecycle.go
// runs them, cli.go is the command line.
package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Component is a part of Usher that runs for as long as the program does.
type Component struct {
	Name string
	// Run works until ctx ends, then finishes what it has begun and returns nil.
	// Returning earlier, or with an error, stops the program.
	Run func(ctx context.Context) error
}

// grace is how long one component may take to finish.
const grace = 20 * time.Second

// Run runs the components until ctx ends or one of them fails, then stops them
// in the reverse of their order, each before the next: HTTP takes no more work
// before the readers stop, they before the jobs, and the database is last.
//
// It returns the errors of all that failed; nil after an orderly stop.
func Run(ctx context.Context, log *slog.Logger, components ...Component) error {
	early := make(chan string, len(components))
	parts := make([]*running, len(components))
	for i, c := range components {
		parts[i] = start(ctx, c, early)
		log.Debug("started", "component", c.Name)
	}
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case name := <-early:
		log.Error("stopping, because a component ended", "component", name)
	}
	var errs []error
	for _, part := range slices.Backward(parts) {
		errs = append(errs, part.stop(log))
	}
	return errors.Join(errs...)
}

type running struct {
	Component
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run; read after ended
}

// start runs a component under a context of its own: ctx ending must not stop
// everything at once.
func start(ctx context.Context, c Component, early chan<- string) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{Component: c, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = c.Run(own)
		if own.Err() == nil { // nobody asked it to end
			if r.err == nil {
				r.err = fault.E("app.Run", fault.Internal, c.Name+" ended by itself", nil)
			}
			early <- c.Name
		}
	}()
	return r
}

// stop asks the component to end and waits for it, for a bounded time.
func (r *running) stop(log *slog.Logger) error {
	r.cancel()
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-r.ended:
	case <-timeout.C:
		return fault.E("app.Run", fault.Internal, r.Name+" did not stop within "+grace.String(), nil)
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		return fault.E("app.Run", fault.CodeOf(r.err), r.Name+" failed", r.err)
	}
	log.Debug("stopped", "component", r.Name)
	return nil
}
