package azure

import (
	"net/url"
	"testing"
	"time"
)

func TestTheFeedbackURLIsSignedAndEnds(t *testing.T) {
	d := newDesk(t)
	address, err := url.Parse(d.as("manage", "GET", "/main/feedbackcontainer", "").body)
	d.must(err)
	q := address.Query()
	with := func(change func(url.Values)) string {
		again, err := url.ParseQuery(q.Encode())
		d.must(err)
		change(again)
		return again.Encode()
	}
	same := with(func(url.Values) {})
	for _, path := range []string{"/feedback", "/feedback/07012026"} {
		read := func(app, query string) reply { return d.as("", "GET", "/"+app+path+"?"+query, "") }
		d.want(path, read("main", same), 200, "")
		d.want(path+" of another hub", read("other", same), 403, "AuthenticationFailed")
		d.want(path+" without a signature", read("main", with(func(v url.Values) { v.Del("sig") })), 403, "AuthenticationFailed")
		d.want(path+" for longer", read("main", with(func(v url.Values) { v.Set("se", "2099-01-01T00:00:00Z") })), 403, "AuthenticationFailed")
	}
	d.clock.Advance(feedbackAge - time.Second)
	d.want("a second before the end", d.as("", "GET", "/main/feedback?"+same, ""), 200, "<EnumerationResults")
	d.clock.Advance(time.Second)
	d.want("at its end", d.as("", "GET", "/main/feedback?"+same, ""), 403, "its time is over")
	if feedbackAge != 24*time.Hour {
		t.Errorf("it is good for %s", feedbackAge)
	}
}
