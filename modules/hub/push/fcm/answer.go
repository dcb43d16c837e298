package fcm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

const (
	invalidArgument = "INVALID_ARGUMENT"
	unregistered    = "UNREGISTERED"
	senderMismatch  = "SENDER_ID_MISMATCH"
	thirdPartyAuth  = "THIRD_PARTY_AUTH_ERROR"

	fcmError = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

	// Google's least waits where no Retry-After says otherwise.
	quotaPause = time.Minute
	faultPause = 10 * time.Second
)

// answer is Google's error body.
type answer struct {
	Error struct {
		Status  string   `json:"status"`
		Details []detail `json:"details"`
	} `json:"error"`
}

type detail struct {
	Type            string `json:"@type"`
	ErrorCode       string `json:"errorCode"`
	FieldViolations []struct {
		Field string `json:"field"`
	} `json:"fieldViolations"`
}

// Classify maps FCM's answer to an Outcome, after hub.md's table and Google's
// ErrorCode reference.
//
// INVALID_ARGUMENT without fieldViolations is Gone, which holds only if the
// same handle refuses a good message too.
func Classify(status int, header http.Header, body []byte, now time.Time) push.Outcome {
	o := push.Outcome{Status: status, Verdict: push.Failed}
	if status/100 == 2 {
		o.Verdict = push.Delivered
		return o
	}
	var a answer
	if json.Unmarshal(body, &a) != nil {
		a = answer{} // a proxy's page: the status must do
	}
	code, fields, tokenAtFault := read(a.Error.Details)
	o.Reason = cmp.Or(code, a.Error.Status)
	after := wire.RetryAfter(header, now)
	switch {
	case code == unregistered, tokenAtFault:
		o.Verdict = push.Gone
	case code == senderMismatch:
		o.Verdict = push.Quarantine
	case code == thirdPartyAuth, status == http.StatusUnauthorized, status == http.StatusForbidden:
		o.Verdict = push.Credential
	case status == http.StatusBadRequest && code == invalidArgument && !fields:
		o.Verdict = push.Gone
	case status == http.StatusTooManyRequests:
		o.Verdict, o.RetryAfter = push.Throttled, cmp.Or(after, quotaPause)
	case status >= 500, status == http.StatusRequestTimeout:
		o.Verdict, o.RetryAfter = push.Retry, cmp.Or(after, faultPause)
	}
	return o
}

// read finds FCM's own error code, whether fields are named as wrong, and
// whether the target is one of them.
func read(details []detail) (code string, fields, tokenAtFault bool) {
	for _, d := range details {
		if d.Type == fcmError {
			code = d.ErrorCode
		}
		for _, v := range d.FieldViolations {
			fields = true
			if v.Field == "message.token" || v.Field == "message.fid" {
				tokenAtFault = true
			}
		}
	}
	return code, fields, tokenAtFault
}

// unanswered is the outcome of a message that never reached FCM. A token
// endpoint that refuses the service account means the credential is dead.
func unanswered(ctx context.Context, err error) push.Outcome {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || refused.Response == nil {
		return wire.Unanswered(ctx, err)
	}
	o := push.Outcome{Verdict: push.Credential, Status: refused.Response.StatusCode, Reason: tokenReason(refused.Body), Err: err}
	if o.Status == http.StatusTooManyRequests || o.Status >= 500 {
		o.Verdict, o.RetryAfter = push.Retry, faultPause
	}
	return o
}

func tokenReason(body []byte) string {
	var a struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &a) != nil || a.Error == "" {
		return "token refused"
	}
	return a.Error
}
