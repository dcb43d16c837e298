package azure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// batch is the body of a batch direct send.
type batch struct {
	body    []byte
	devices []json.RawMessage // texts, or subscriptions of browsers
}

// maxDevices is how many handles a batch may name, as in the reference.
const maxDevices = 1000

// readBatch takes a multipart body apart: one part "notification", one "devices".
// Errors: fault.Invalid.
func readBatch(contentType string, body []byte) (batch, error) {
	const op, fix = "azure.Batch", `two parts with Content-Disposition: inline; name=notification, and name=devices with a JSON list of handles`
	var b batch
	boundary := boundaryOf(contentType)
	if boundary == "" {
		return b, fault.E(op, fault.Invalid, "the content type is no multipart/mixed with a boundary", nil).WithFix(`Content-Type: multipart/mixed; boundary="…"`)
	}
	parts := map[string][]byte{}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(parts) == 2 {
			return b, fault.E(op, fault.Invalid, "the multipart body is not understood", err).WithFix(fix)
		}
		_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		if err != nil || params["name"] == "" {
			return b, fault.E(op, fault.Invalid, "a part of the body says no name", err).WithFix(fix)
		}
		if parts[params["name"]], err = io.ReadAll(p); err != nil {
			return b, fault.E(op, fault.Invalid, "the multipart body ends too early", err).WithFix(fix)
		}
	}
	if parts["notification"] == nil || parts["devices"] == nil {
		return b, fault.E(op, fault.Invalid, "the multipart body lacks notification or devices", nil).WithFix(fix)
	}
	b.body = parts["notification"]
	if err := json.Unmarshal(parts["devices"], &b.devices); err != nil {
		return b, fault.BadField(op, "devices", "is no JSON list", `such as ["handle", "handle"]`)
	}
	if n := len(b.devices); n < 1 || n > maxDevices {
		return b, fault.BadField(op, "devices", fmt.Sprintf("names %d handles", n), fmt.Sprintf("1 to %d", maxDevices))
	}
	return b, nil
}

// boundaryOf is forgiving about blanks, as the reference's own examples need it:
// `multipart/mixed; boundary = "x"`.
func boundaryOf(contentType string) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, params, err = mime.ParseMediaType(string(bytes.ReplaceAll([]byte(contentType), []byte(" = "), []byte("="))))
	}
	if err != nil || kind != "multipart/mixed" {
		return ""
	}
	return params["boundary"]
}
