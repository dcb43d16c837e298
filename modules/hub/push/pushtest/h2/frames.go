package h2

import (
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frame handles one frame. The caller holds mu.
func (c *conn) frame(f http2.Frame) error {
	if c.gone {
		return nil
	}
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.headers(f)
	case *http2.ContinuationFrame:
		return c.headerBlock(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.DataFrame:
		return c.data(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.RSTStreamFrame:
		c.drop(f.StreamID)
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.fr.WritePing(true, f.Data)
		}
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // PRIORITY, the client's GOAWAY and unknown frames ask for nothing
}

func (c *conn) headers(f *http2.HeadersFrame) error {
	id := f.StreamID
	st := c.streams[id]
	c.discarding, c.blockEnds, c.blockSize = false, f.StreamEnded(), 0
	switch {
	case st != nil: // trailers: no service reads them
		c.discarding = true
	case id%2 == 0 || id <= c.maxID:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	default:
		c.maxID = id
		st = c.admit(id)
	}
	c.reading = st
	return c.headerBlock(f.HeaderBlockFragment(), f.HeadersEnded())
}

// admit opens a stream, or refuses it and returns nil.
func (c *conn) admit(id uint32) *stream {
	c.begun++
	every := c.srv.cfg.RefuseEvery
	if c.leaving || len(c.streams) >= int(c.srv.cfg.MaxStreams) || every > 0 && c.begun%every == 0 {
		c.discarding = true
		if !c.leaving { // after GOAWAY the client knows that it may repeat
			_ = c.fr.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		}
		return nil
	}
	return c.open(id)
}

func (c *conn) headerBlock(fragment []byte, ended bool) error {
	c.blockSize += len(fragment)
	if c.blockSize > maxHeaderBlock {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if _, err := c.dec.Write(fragment); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if !ended {
		return nil
	}
	if err := c.dec.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	if c.reading != nil && c.blockEnds {
		return c.handle(c.reading)
	}
	return nil
}

// field receives one decoded header field.
func (c *conn) field(f hpack.HeaderField) {
	if c.discarding {
		return
	}
	r := &c.reading.req
	switch f.Name {
	case ":method":
		r.Method = f.Value
	case ":path":
		r.Path = f.Value
	default:
		r.fields = append(r.fields, Field{f.Name, f.Value})
	}
}

func (c *conn) data(f *http2.DataFrame) error {
	n := int(f.Length) // with padding: that is what flow control counts
	c.received += n
	if c.received >= connWindow/2 {
		if err := c.fr.WriteWindowUpdate(0, uint32(c.received)); err != nil {
			return err
		}
		c.received = 0
	}
	st := c.streams[f.StreamID]
	if st == nil {
		if f.StreamID > c.maxID {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return nil
	}
	r := &st.req
	r.Size += len(f.Data())
	r.Body = append(r.Body, f.Data()[:min(len(f.Data()), MaxBody-len(r.Body))]...)
	if f.StreamEnded() {
		return c.handle(st)
	}
	if n > 0 {
		return c.fr.WriteWindowUpdate(st.id, uint32(n))
	}
	return nil
}

func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		if s.ID != http2.SettingInitialWindowSize {
			return nil // our header table is empty and our frames are of the least size
		}
		delta := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, st := range c.streams {
			st.window += delta // RFC 9113, 6.9.2: may become negative
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.fr.WriteSettingsAck(); err != nil {
		return err
	}
	return c.unblock()
}

func (c *conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		c.window += int64(f.Increment)
		if c.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		return c.unblock()
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return nil
	}
	st.window += int64(f.Increment)
	if st.window > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	return c.unblock()
}
