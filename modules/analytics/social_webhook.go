package analytics

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// signatureAge is how far a delivery's timestamp may lie from our clock.
const signatureAge = 5 * time.Minute

// verify checks that a delivery was signed by the connector's secret just now:
// timestamp is in Unix seconds, signature is "sha256=" and the hexadecimal
// HMAC-SHA256 of timestamp, a dot and the body. The answer to each fault is the
// same, so that guessing teaches nothing. Errors: fault.Unauthenticated.
func (c Connector) verify(now time.Time, timestamp, signature string, body []byte) error {
	refusal := fault.E("analytics.verify", fault.Unauthenticated, "the signature does not fit", nil).
		WithFix(`send X-Usher-Timestamp (Unix seconds, within 5 minutes) and X-Usher-Signature: sha256=<hex HMAC-SHA256 of timestamp + "." + body>`)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || c.Secret == "" {
		return refusal
	}
	age := now.Sub(time.Unix(seconds, 0))
	given, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	if err != nil || age > signatureAge || age < -signatureAge {
		return refusal
	}
	if !hmac.Equal(given, c.sign(timestamp, body)) {
		return refusal
	}
	return nil
}

// sign is the HMAC-SHA256 of timestamp, a dot and the body.
func (c Connector) sign(timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(c.Secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// maxDelivery bounds the posts of one delivery.
const maxDelivery = 1000

// Delivered is what became of a delivery.
type Delivered struct {
	Accepted  int `json:"accepted"`
	Duplicate int `json:"duplicate"` // posts we had already
	Rejected  int `json:"rejected"`  // older than a week, from the future, or of no usable id
}

// Deliver takes in the posts of a webhook's delivery, whose signature was checked.
// Errors: fault.Invalid.
func (s *Service) Deliver(ctx context.Context, c Connector, posts []Post) (Delivered, error) {
	const op = "analytics.Deliver"
	if len(posts) > maxDelivery {
		return Delivered{}, fault.BadField(op, "posts", "are more than "+strconv.Itoa(maxDelivery), "send less at once")
	}
	for i, p := range posts {
		if p.Event == "" && c.Event == "" {
			return Delivered{}, fault.BadField(op, "posts["+strconv.Itoa(i)+"].event", "is missing", "name the event in the post or in the connector's configuration")
		}
	}
	in, err := s.takePosts(ctx, c, posts)
	if err != nil {
		return Delivered{}, err
	}
	if err := s.notePolled(ctx, c, pollState{LastPosts: in.Taken}); err != nil {
		return Delivered{}, err
	}
	return Delivered{Accepted: in.Taken, Duplicate: in.Known, Rejected: in.Unusable}, nil
}
