package fcm

import (
	"bytes"
	"io"
	"maps"
	"net/http"

	"github.com/usherhq/usher/modules/hub/push/wire"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// exchange is one request's true answer, kept beside the SDK.
type exchange struct {
	bearer string
	status int
	header http.Header
	body   []byte
	err    error
}

type exchangeKey struct{}

// recorder signs each request with the current bearer and records its answer
// in the context's exchange. The SDK sees a 400 for whatever is not a success,
// because that is what it never repeats.
type recorder struct {
	link    wire.Link
	bearers *bearers
}

// RoundTrip sends one request.
func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		x = &exchange{}
	}
	x.bearer, x.err = r.bearers.get(req.Context())
	if x.err != nil {
		closeBody(req)
		return failure(req), nil //nolint:nilerr // the exchange has the error: the SDK must not repeat
	}
	signed := *req // a RoundTripper must not change the request
	signed.Header = maps.Clone(req.Header)
	signed.Header["Authorization"] = []string{"Bearer " + x.bearer}
	resp, err := r.link.RoundTrip(&signed)
	if err != nil {
		x.err = err
		return failure(req), nil //nolint:nilerr // the same
	}
	x.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // a body cut short still has a status
	_ = resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	if x.status/100 != 2 {
		return failure(req), nil
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// failure is what the SDK gets to see of any failure.
func failure(req *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusBadRequest, Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{}, Body: http.NoBody, Request: req}
}
