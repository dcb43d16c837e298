package azure

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// batchOf is the body of a batch direct send to n handles.
func batchOf(n int) string {
	return strings.Replace(goodBatch, `"a","b"`, strings.TrimSuffix(strings.Repeat(`"h",`, n), ","), 1)
}

func TestABatchHasAThousandHandles(t *testing.T) {
	d := newDesk(t)
	send := func(n int) reply {
		return d.as("send", "POST", "/main/messages/$batch?direct", batchOf(n), "Content-Type", "multipart/mixed; boundary=b", "ServiceBusNotification-Format", "adm")
	}
	d.want("1,000 handles", send(1000), 201, "")
	d.want("1,001 handles", send(1001), 400, "1001 handles")
	d.want("none", send(0), 400, "0 handles")
}

// A time that has passed means now: a clock that is a little behind loses no message.
func TestATimeThatHasPassedMeansNow(t *testing.T) {
	d := newDesk(t)
	schedule := func(at time.Time) string {
		r := d.as("send", "POST", "/main/schedulednotifications", "{}", "ServiceBusNotification-Format", "template", "ServiceBusNotification-ScheduleTime", at.Format(time.RFC3339))
		d.want(at.String(), r, http.StatusCreated, "")
		path, _, _ := strings.Cut(r.header.Get("Location"), "?")
		_, name, _ := strings.Cut(path, "/schedulednotifications/")
		return name
	}
	past, future := schedule(noon.Add(-time.Hour)), schedule(noon.Add(time.Hour))
	state := func(name string) string { return d.as("send", "GET", "/main/messages/"+name, "").body }
	if s := state(past); strings.Contains(s, "<State>Scheduled<") || !strings.Contains(s, "<State>") {
		t.Errorf("of the past: %s", s)
	}
	d.want("of the future", reply{200, nil, state(future)}, 200, "<State>Scheduled</State>")
	d.want("cancelling what is gone", d.as("send", "DELETE", "/main/schedulednotifications/"+past, ""), 409, "")
	d.want("another hub's", d.as("send", "DELETE", "/other/schedulednotifications/"+future, ""), 404, "")
	d.want("another hub's outcome", d.as("send", "GET", "/other/messages/"+future, ""), 404, "")
	d.want("cancelling", d.as("send", "DELETE", "/main/schedulednotifications/"+future, ""), 200, "")
}

// Every outcome of a delivery has its word.
func TestOutcomesAreNamed(t *testing.T) {
	for given, want := range map[[2]string]string{
		{"delivered", ""}: "Success", {"gone", "Unregistered"}: "ExpiredChannel", {"gone", "BadDeviceToken"}: "WrongToken", {"gone", "INVALID_ARGUMENT"}: "BadChannel",
		{"quarantined", ""}: "WrongChannel", {"expired", ""}: "AbandonedNotificationMessages", {"capped", ""}: "Skipped", {"skipped", ""}: "Skipped",
		{"failed", "PayloadTooLarge: 5000"}: "InvalidNotificationSize", {"failed", "UnsupportedPlatform"}: "UnsupportedPlatform",
		{"failed", "the credential was refused"}: "InvalidCredentials", {"failed", "InternalServerError"}: "UnknownError",
	} {
		if got := outcomeOf(given[0], given[1]); got != want {
			t.Errorf("%v: %s, want %s", given, got, want)
		}
	}
}
