package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// client calls Usher's public API, as any app would.
type client struct {
	base string
	key  string // of the API
	http *http.Client
}

// problem is an error answer (RFC 9457).
type problem struct {
	Detail string        `json:"detail"`
	Code   fault.Code    `json:"code"`
	Fix    string        `json:"fix"`
	Errors []fault.Field `json:"errors"`
}

// op is what these faults are filed under.
const op = "demo.call"

// call sends body (nil, a reader of NDJSON, or a value as JSON) and decodes the
// answer into answer, unless that is nil.
func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	return c.do(req, answer)
}

// send is call with a body of another media type, as it is; the answer is not wanted.
func (c *client) send(ctx context.Context, method, path, kind string, body []byte) error {
	return c.sendWith(ctx, method, path, kind, body, http.Header{"Authorization": {"Bearer " + c.key}}, nil)
}

// sendWith is send under headers of its own, such as a signature instead of a key.
func (c *client) sendWith(ctx context.Context, method, path, kind string, body []byte, head http.Header, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fault.E(op, fault.Internal, "cannot make the request", err)
	}
	req.Header = head
	req.Header.Set("Content-Type", kind)
	return c.do(req, answer)
}

func (c *client) do(req *http.Request, answer any) error {
	res, err := c.http.Do(req)
	if err != nil {
		return fault.E(op, fault.Transient, "Usher does not answer", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		var p problem
		_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p)
		e := fault.E(op, orInternal(p.Code), fmt.Sprintf("%s %s: %d %s", req.Method, req.URL.Path, res.StatusCode, p.Detail), nil).WithFix(p.Fix)
		e.Fields = p.Errors
		return e
	}
	if answer == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return fault.E(op, fault.Internal, "cannot read the answer of "+req.URL.Path, err)
	}
	return nil
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var r io.Reader
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r, contentType = b, "application/x-ndjson"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return nil, fault.E(op, fault.Internal, "cannot write the request", err)
		}
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot make the request", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+c.key)
	return req, nil
}

func orInternal(c fault.Code) fault.Code {
	if c == "" {
		return fault.Internal
	}
	return c
}
