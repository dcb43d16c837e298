package h2

import (
	"golang.org/x/net/http2"
)

const (
	defaultWindow = 1<<16 - 1 // RFC 9113, 6.9.2
	maxWindow     = 1<<31 - 1
	connWindow    = 16 << 20 // what the peer may send on a connection before we take notice
)

// window is what an answer's body may fill: MaxBody and one byte more, which
// tells that it is too long. It is never widened, but for padding.
func (t *Transport) window() uint32 {
	return uint32(min(max(t.cfg.MaxBody+1, defaultWindow), maxWindow))
}

// settings takes the peer's settings, which may come at any time. The caller holds mu.
func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		if !c.greeted {
			return http2.ConnectionError(errProtocol)
		}
		return nil
	}
	if err := f.ForeachSetting(c.setting); err != nil {
		return err
	}
	_ = c.fr.WriteSettingsAck()
	c.unblock()
	if !c.greeted {
		c.greeted = true
		close(c.settled)
	}
	c.pool.admit()
	return c.replied()
}

func (c *conn) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.enc.SetMaxDynamicTableSize(s.Val)
		c.table++ // what was encoded before may not be said again
	case http2.SettingEnablePush:
		if s.Val != 0 {
			return http2.ConnectionError(errProtocol)
		}
	case http2.SettingMaxConcurrentStreams:
		c.allowed = int(min(s.Val, uint32(c.pool.t.cfg.MaxStreams)))
		c.limit = c.allowed
	case http2.SettingInitialWindowSize:
		return c.widen(int64(s.Val))
	case http2.SettingMaxHeaderListSize:
		c.maxList = uint64(s.Val)
	}
	return nil // our frames are of the least size, and what is unknown asks for nothing
}

// widen changes the window of new streams and by as much that of open ones, which
// may become negative: RFC 9113, 6.9.2.
func (c *conn) widen(initial int64) error {
	delta := initial - c.initial
	c.initial = initial
	for _, st := range c.streams {
		if st.window += delta; st.window > maxWindow {
			return http2.ConnectionError(errFlow)
		}
	}
	return nil
}

// windowUpdate lets us send more. The caller holds mu.
func (c *conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > maxWindow {
			return http2.ConnectionError(errFlow)
		}
		c.unblock()
		return nil
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return c.mustBePast(f.StreamID)
	}
	if st.window += int64(f.Increment); st.window > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: errFlow}
	}
	c.unblock()
	return nil
}

// data takes a part of an answer's body. The caller holds mu.
func (c *conn) data(f *http2.DataFrame) error {
	c.giveBack(int64(f.Length))
	st := c.streams[f.StreamID]
	if st == nil {
		return c.mustBePast(f.StreamID)
	}
	if st.status == 0 || st.head && len(f.Data()) > 0 {
		return http2.StreamError{StreamID: st.id, Code: errProtocol, Cause: errMalformed}
	}
	// What padding took is given back, so that it cannot use up a short body's window.
	if pad := int(f.Length) - len(f.Data()); pad > 0 && !f.StreamEnded() {
		_ = c.fr.WriteWindowUpdate(st.id, uint32(pad))
	}
	if st.received += int64(len(f.Data())); st.received > int64(c.pool.t.window()) {
		return http2.StreamError{StreamID: st.id, Code: errFlow}
	}
	limit := c.pool.t.cfg.MaxBody
	st.data = append(st.data, f.Data()[:min(len(f.Data()), limit-len(st.data))]...)
	if st.received > int64(limit) {
		c.reset(st, errCancel)
		c.lose(st, ErrBodyTooLong)
		return nil
	}
	return c.endOf(st, f.StreamEnded())
}

// giveBack widens the connection's window by what has come, in large steps:
// whatever comes is kept within bounds or thrown away at once, so that a peer
// cannot overrun it. The caller holds mu.
func (c *conn) giveBack(n int64) {
	if c.owed += n; c.owed >= connWindow/2 {
		_ = c.fr.WriteWindowUpdate(0, uint32(c.owed))
		c.owed = 0
	}
}
