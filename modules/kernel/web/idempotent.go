package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// IdempotencyAge is how long the answer to an Idempotency-Key is kept.
const IdempotencyAge = 24 * time.Hour

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

// Idempotent runs fn in a transaction and answers its value as JSON with status
// (204, or a nil value, has no body).
//
// With an Idempotency-Key header the answer is kept in the same transaction as
// the work, for the caller and endpoint, for 24 hours: a repetition gets the
// stored status and body with "Idempotent-Replayed: true", and fn does not run.
// An error is not kept, so the request may be repeated with the same key.
// Headers that the handler sets are not kept: put what matters into the body.
//
// Errors: fn's; fault.Conflict (409) while the first request is in flight;
// fault.Invalid as 422 when the key was used for another request.
// Source: draft-ietf-httpapi-idempotency-key-header-07.
func Idempotent(c echo.Context, d *db.DB, status int, fn func(tx *db.Tx) (any, error)) error {
	key, hash, err := repeatOf(c)
	if err != nil {
		return err
	}
	var told answer
	var replayed bool
	err = d.InTx(c.Request().Context(), func(tx *db.Tx) error {
		if key.key != "" {
			if told, replayed, err = earlier(tx, key, hash); err != nil || replayed {
				return err
			}
		}
		value, err := fn(tx)
		if err != nil {
			return err
		}
		if told, err = newAnswer(status, value); err != nil || key.key == "" {
			return err
		}
		told.bodyHash, told.at = hash, tx.Now()
		return keepAnswer(tx, key, told)
	})
	if err != nil {
		return err
	}
	return told.tell(c, replayed)
}

// IdempotentAfter is Idempotent for work that has to be prepared by reading:
// prepare runs before the transaction, so that no request holds one connection of
// the pool while it waits for another. A repetition is answered before prepare
// runs, so what has become invalid meanwhile does not matter.
func IdempotentAfter[P any](c echo.Context, d *db.DB, status int, prepare func(ctx context.Context) (P, error), fn func(tx *db.Tx, p P) (any, error)) error {
	ctx := c.Request().Context()
	key, hash, err := repeatOf(c)
	if err != nil {
		return err
	}
	if key.key != "" {
		var told answer
		var replayed bool
		err = d.InTx(ctx, func(tx *db.Tx) error {
			told, replayed, err = earlier(tx, key, hash)
			return err
		})
		if err != nil {
			return err
		}
		if replayed {
			return told.tell(c, true)
		}
	}
	p, err := prepare(ctx)
	if err != nil {
		return err
	}
	return Idempotent(c, d, status, func(tx *db.Tx) (any, error) { return fn(tx, p) })
}

// tell answers the request.
func (a answer) tell(c echo.Context, replayed bool) error {
	if replayed {
		c.Response().Header().Set("Idempotent-Replayed", "true")
	}
	if len(a.body) == 0 {
		return c.NoContent(a.status)
	}
	return c.JSONBlob(a.status, a.body)
}

// PurgeIdempotency forgets answers older than IdempotencyAge; for a periodic
// job. It returns how many.
func PurgeIdempotency(ctx context.Context, d *db.DB) (int64, error) {
	before, total := d.Now().Add(-IdempotencyAge), int64(0)
	for {
		n, err := deleteAnswers(ctx, d, before)
		if total += n; err != nil || n < purgeBatch {
			return total, err
		}
	}
}

// RepeatKey is the request's Idempotency-Key, "" when it states none, for work that
// keeps its answers itself. Errors: fault.Invalid.
func RepeatKey(c echo.Context) (string, error) {
	key := c.Request().Header.Get("Idempotency-Key")
	if len(key) > maxKey || !printable(key) {
		return "", fault.BadField("web.Idempotent", "Idempotency-Key", "must be 1 to 255 printable ASCII characters", "use a UUID")
	}
	return key, nil
}

// repeatOf names the request (key "" when it states none) and hashes what it asks.
func repeatOf(c echo.Context) (repeatKey, []byte, error) {
	req := c.Request()
	key, err := RepeatKey(c)
	k := repeatKey{caller: Actor(req.Context()), endpoint: req.Method + " " + c.Path(), key: key}
	if err != nil || key == "" {
		return k, nil, err
	}
	if k.caller == "" {
		k.caller = "anonymous"
	}
	body, err := Body(c)
	if err != nil {
		return k, nil, err
	}
	// The address is part of what is asked: /orders/1 is not /orders/2.
	h := sha256.New()
	h.Write([]byte(req.URL.RequestURI() + "\n"))
	h.Write(canonical(body))
	return k, h.Sum(nil), nil
}

// earlier finds the answer to an earlier request with the same key.
func earlier(tx *db.Tx, k repeatKey, hash []byte) (answer, bool, error) {
	const op = "web.Idempotent"
	got, err := lockRepeat(tx, k)
	if err != nil {
		return answer{}, false, err
	}
	if !got {
		return answer{}, false, fault.E(op, fault.Conflict, "a request with this Idempotency-Key is still being worked on", nil).
			WithFix("wait a moment and send the same request again").After(time.Second)
	}
	a, found, err := findAnswer(tx, k, tx.Now().Add(-IdempotencyAge))
	if err != nil || !found {
		return answer{}, false, err
	}
	if !bytes.Equal(a.bodyHash, hash) {
		return answer{}, false, withStatus(http.StatusUnprocessableEntity,
			fault.BadField(op, "Idempotency-Key", "was used for another request", "use a new key for each new request"))
	}
	return a, true, nil
}

func newAnswer(status int, value any) (answer, error) {
	if value == nil || status == http.StatusNoContent {
		return answer{status: status}, nil
	}
	body, err := json.Marshal(value)
	if err != nil {
		return answer{}, fault.E("web.Idempotent", fault.Internal, "cannot write the answer", err)
	}
	return answer{status: status, body: body}, nil
}

// canonical is a body without what means nothing: JSON with sorted keys and no
// space. Numbers stay as they are written. Anything else stays as it is.
func canonical(body []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if !json.Valid(body) || dec.Decode(&v) != nil {
		return body
	}
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return b
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
