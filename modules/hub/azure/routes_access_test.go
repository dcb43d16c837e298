package azure

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// rightsOf says what each operation takes, written down a second time so that a change
// of the table of routes does not pass unseen. Source: docs/azure.md.
var rightsOf = map[string]string{
	"PUT /:hub/installations/:id": "listen", "GET /:hub/installations/:id": "listen", "PATCH /:hub/installations/:id": "listen", "DELETE /:hub/installations/:id": "listen",
	"POST /:hub/registrationids": "listen", "POST /:hub/registrations": "listen", "GET /:hub/registrations": "listen",
	"PUT /:hub/registrations/:id": "listen", "GET /:hub/registrations/:id": "listen", "DELETE /:hub/registrations/:id": "listen",
	"GET /:hub/tags/:tag/registrations": "manage",
	"POST /:hub/messages":               "send", "POST /:hub/messages/$batch": "send", "GET /:hub/messages/:id": "send",
	"POST /:hub/schedulednotifications": "send", "DELETE /:hub/schedulednotifications/:id": "send",
	"POST /:hub/jobs": "manage", "GET /:hub/jobs": "manage", "GET /:hub/jobs/:id": "manage", "GET /:hub/feedbackcontainer": "manage", "POST /:hub/$import": "manage",
	"GET /:hub/feedback": "public", "GET /:hub/feedback/:blob": "public",
}

func TestEveryOperationTakesItsRight(t *testing.T) {
	d := newDesk(t)
	routes := map[string]string{}
	for _, r := range d.operations() {
		routes[r.Method+" "+r.Path] = string(r.Right)
	}
	if !maps.Equal(routes, rightsOf) {
		t.Errorf("the routes are %v,\nwant %v", routes, rightsOf)
	}
	concrete := strings.NewReplacer(":hub", "main", ":id", "x", ":tag", "x", ":blob", "01012026")
	for operation, right := range rightsOf {
		method, path, _ := strings.Cut(operation, " ")
		path = concrete.Replace(path)
		if right == "public" {
			d.want(operation+" unsigned", d.as("", method, path, ""), http.StatusForbidden, "AuthenticationFailed")
			continue
		}
		d.want(operation+" without a token", d.as("", method, path, ""), http.StatusUnauthorized, "MissingToken")
		for _, policy := range []string{"listen", "send", "manage"} {
			may := policy == right || policy == "manage"
			if got := d.as(policy, method, path, ""); strings.Contains(got.body, strings.ToUpper(right[:1])+right[1:]+" claim is required") == may || !may && got.status != http.StatusUnauthorized {
				t.Errorf("%s by %s: %d %s", operation, policy, got.status, got.body)
			}
		}
	}
	d.want("all registrations by listen", d.as("listen", "GET", "/main/registrations", ""), 401, "Manage claim")
	d.want("by channel", d.as("listen", "GET", "/main/registrations?$filter="+"DeviceToken%20eq%20%27AB%27", ""), 200, "<feed")
}

// A token opens the hub it was made for, in time, and nothing else, whatever else of the
// request fits.
func TestTokensOpenTheirHubAlone(t *testing.T) {
	d := newDesk(t)
	token := func(resource, hub string, until time.Time) string {
		s, err := d.keys.Token(resource, hub, FullPolicy, until)
		d.must(err)
		return s
	}
	later := d.clock.Now().Add(time.Minute)
	good := token(d.http.URL+"/main", "main", later)
	for name, c := range map[string]struct {
		path, token string
		status      int
		words       string
	}{
		"its hub":        {"/main/registrations", good, 200, "<feed"},
		"another hub":    {"/other/registrations", good, 401, "InvalidSignature"},
		"another path":   {"/main/registrations", token(d.http.URL+"/main/messages", "main", later), 401, "InvalidAudience"},
		"another host":   {"/main/registrations", token("https://elsewhere.example/", "main", later), 401, "InvalidAudience"},
		"over just now":  {"/main/registrations", token(d.http.URL+"/main", "main", d.clock.Now()), 401, "ExpiredToken"},
		"a signed other": {"/main/registrations", strings.Replace(good, "&se=", "&se=9", 1), 401, "InvalidSignature"},
	} {
		d.want(name, d.as("", "GET", c.path, "", "Authorization", c.token), c.status, c.words)
	}
}

// A key for devices may not say whose a device is, in none of the ways to say it.
func TestDevicesMayNotSayWhoseTheyAre(t *testing.T) {
	const token = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	phone := func(more string) string { return `{"platform":"apns","pushChannel":"` + token + `"` + more + `}` }
	entry := func(tag string) string {
		return "<AppleRegistrationDescription><Tags>" + tag + "</Tags><DeviceToken>" + token + "</DeviceToken></AppleRegistrationDescription>"
	}
	calls := map[string][3]string{
		"userId":                     {"PUT", "/main/installations/a", phone(`,"userId":"ana"`)},
		"a tag of an installation":   {"PUT", "/main/installations/a", phone(`,"tags":["User:ana"]`)},
		"a reserved tag":             {"PUT", "/main/installations/a", phone(`,"tags":["$userid:{ana}"]`)},
		"a patch":                    {"PATCH", "/main/installations/b", `[{"op":"add","path":"/userId","value":"ana"}]`},
		"a patch of tags":            {"PATCH", "/main/installations/c", `[{"op":"add","path":"/tags","value":"$UserId:{ana}"}]`},
		"a new registration":         {"POST", "/main/registrations", entry("user:ana")},
		"a registration":             {"PUT", "/main/registrations/r", entry("$UserId:{ana}")},
		"a registration, with a tag": {"PUT", "/main/registrations/r", entry("fan,user:ana")},
	}
	strict, trusting := newDesk(t), newDesk(t, func(c *Config) { c.TrustDevices = true })
	for _, d := range []*desk{strict, trusting} {
		for _, name := range []string{"b", "c"} {
			d.want("a phone without a name", d.as("listen", "PUT", "/main/installations/"+name, `{"platform":"adm","pushChannel":"`+name+`"}`), 200, "")
		}
	}
	for name, c := range calls {
		strict.want(name, strict.as("listen", c[0], c[1], c[2]), 401, "whose a device is")
		strict.want(name+" by the back end", strict.as("manage", c[0], c[1], c[2]), 200, "")
		trusting.want(name+", trusted", trusting.as("listen", c[0], c[1], c[2]), 200, "")
	}
	strict.want("a patch that leaves the user", strict.as("listen", "PATCH", "/main/installations/b", `[{"op":"add","path":"/tags","value":"vip"}]`), 200, "")
	strict.want("who it stays", strict.as("listen", "GET", "/main/installations/b", ""), 200, `"userId":"ana"`)
}

func TestErrorsHaveTheReferencesShape(t *testing.T) {
	d := newDesk(t)
	shape := regexp.MustCompile(`^<Error><Code>(\d{3})</Code><Detail>.*[^.]\.TrackingId:([0-9a-f-]{36}),TimeStamp:7/1/2026 12:00:00 PM</Detail></Error>$`)
	for status, r := range map[string]reply{
		"400": d.as("listen", "PUT", "/main/installations/a", `{"platform":"<pager>"}`),
		"401": d.as("", "GET", "/main/jobs", ""),
		"403": d.as("", "GET", "/main/feedback?sig=AAAA&se=2030-01-01T00:00:00Z", ""),
		"404": d.as("listen", "GET", "/main/registrations/none", ""),
		"405": d.as("manage", "TRACE", "/main/jobs", ""),
		"413": d.as("listen", "PUT", "/main/installations/a", strings.Repeat(" ", maxDescription+1)),
	} {
		m := shape.FindStringSubmatch(r.body)
		if len(m) == 0 || m[1] != status || m[2] != r.header.Get("TrackingId") || !strings.HasPrefix(r.header.Get("Content-Type"), "application/xml") {
			t.Errorf("%s: %d %v %s", status, r.status, r.header, r.body)
		}
	}
}
