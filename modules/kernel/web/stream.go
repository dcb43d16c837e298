package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// heartbeat keeps proxies from closing a quiet stream.
const heartbeat = 15 * time.Second

// Stream answers with server-sent events until fn returns, the caller goes away
// or the server closes; c.Request().Context() ends with the stream. send writes
// one event, data as JSON on one line; it is safe for concurrent use and fails
// once the stream has ended. The Route needs Timeout: -1.
// Source: WHATWG HTML, section 9.2 Server-sent events.
func Stream(c echo.Context, fn func(send func(event string, data any) error) error) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	c.SetRequest(c.Request().WithContext(ctx))
	s := &events{ctx: ctx, w: c.Response(), flush: http.NewResponseController(c.Response())}
	// The server's write timeout is for answers that have an end.
	_ = s.flush.SetWriteDeadline(time.Time{})
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.Response().WriteHeader(http.StatusOK)

	var beats sync.WaitGroup
	beats.Go(func() { s.beat(cancel, closing(ctx)) })
	err := s.write(": open\n\n")
	if err == nil {
		err = fn(s.send)
	}
	ended := ctx.Err() != nil
	cancel()
	beats.Wait()
	if ended {
		return nil // how streams end
	}
	return err
}

type events struct {
	ctx   context.Context
	mu    sync.Mutex
	w     http.ResponseWriter
	flush *http.ResponseController
}

func (s *events) send(event string, data any) error {
	if strings.ContainsAny(event, "\r\n") {
		return fault.E("web.Stream", fault.Internal, "an event's name is one line", nil)
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fault.E("web.Stream", fault.Internal, "cannot write the event", err)
	}
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event, b))
}

func (s *events) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.flush.Flush()
}

// beat ends the stream when the server closes or the caller no longer reads.
func (s *events) beat(cancel context.CancelFunc, closing <-chan struct{}) {
	t := time.NewTicker(heartbeat)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-closing:
			cancel()
			return
		case <-t.C:
			if s.write(":\n\n") != nil {
				cancel()
				return
			}
		}
	}
}
