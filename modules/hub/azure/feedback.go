package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// The feedback container is Usher's own: a list of blobs, one a day, and in each the
// handles that the push services gave up that day. It is read with a signed URL, as
// one of Azure's storage would be.

// feedbackAge is how long a signed URL is good for.
const feedbackAge = 24 * time.Hour

// feedbackSign signs the end of a URL to a hub's container.
func (k Keys) feedbackSign(hub, end string) []byte {
	mac := hmac.New(sha256.New, k.Seal.Derive("azure feedback|"+hub))
	mac.Write([]byte(end))
	return mac.Sum(nil)
}

// feedbackURL is the container's address, with what lets its bearer read.
func (k Keys) feedbackURL(base, hub string, now time.Time) string {
	end := now.Add(feedbackAge).UTC().Format(time.RFC3339)
	q := url.Values{"sv": {"2014-02-14"}, "sr": {"c"}, "sp": {"rl"}, "se": {end}, "sig": {base64.StdEncoding.EncodeToString(k.feedbackSign(hub, end))}}
	return base + "/feedback?" + q.Encode()
}

// mayReadFeedback checks a signed URL. Errors: fault.Forbidden, as blob storage answers.
func (k Keys) mayReadFeedback(hub, sig, end string, now time.Time) error {
	given, err := base64.StdEncoding.DecodeString(sig)
	until, timeErr := time.Parse(time.RFC3339, end)
	good := hmac.Equal(given, k.feedbackSign(hub, end))
	if err != nil || timeErr != nil || !good || !now.Before(until) {
		return fault.E("azure.Feedback", fault.Forbidden, "AuthenticationFailed: the URL's signature is wrong, or its time is over.", nil).
			WithFix("ask for a new one at /" + hub + "/feedbackcontainer")
	}
	return nil
}

// dayForm names a blob, as in the reference: "07272016".
const dayForm = "01022006"

// feedbackList writes the container's content. Source: "List Blobs".
func feedbackList(address, hub string, days map[time.Time]int64, now time.Time) string {
	var d document
	d.open("EnumerationResults", "ServiceEndpoint", address, "ContainerName", hub)
	d.open("Blobs")
	for _, day := range slices.SortedFunc(maps.Keys(days), time.Time.Compare) {
		changed := day.AddDate(0, 0, 1)
		if now.Before(changed) {
			changed = now
		}
		d.open("Blob")
		d.put("Name", day.Format(dayForm))
		d.open("Properties")
		d.put("Last-Modified", changed.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		d.put("Etag", `"`+strconv.FormatInt(days[day], 10)+`"`)
		d.put("Content-Type", "application/octet-stream")
		d.put("BlobType", "BlockBlob")
		d.close("Properties")
		d.close("Blob")
	}
	d.close("Blobs")
	d.put("NextMarker", "")
	d.close("EnumerationResults")
	return `<?xml version="1.0" encoding="utf-8"?>` + d.String()
}

// feedbackEntry writes one handle that was given up.
func feedbackEntry(g gone) string {
	var d document
	word := g.Kind
	if p := platformOf(g.Kind, ""); p != nil {
		word = p.format
	}
	d.open("PnsFeedback", "xmlns:i", nsInstance, "xmlns", nsConnect)
	d.put("FeedbackTime", g.At.UTC().Format(time.RFC3339Nano))
	d.put("NotificationSystemError", outcomeOf("gone", g.Reason))
	d.put("Platform", word)
	d.put("PnsHandle", g.Handle)
	if own, ok := strings.CutPrefix(g.ID, "~"); ok {
		d.put("RegistrationId", own)
	} else {
		d.put("InstallationId", g.ID)
	}
	d.maybe("NotificationId", g.By)
	d.close("PnsFeedback")
	return `<?xml version="1.0" encoding="utf-8"?>` + "\n" + d.String() + "\n"
}
