package azure

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
)

// apple is a registration's description; n makes its handle.
func apple(n int, inside string) string {
	return fmt.Sprintf("<AppleRegistrationDescription>%s<DeviceToken>%064x</DeviceToken></AppleRegistrationDescription>", inside, n)
}

func TestConditionsOfARegistration(t *testing.T) {
	d := newDesk(t)
	const at = "/main/registrations/r"
	put := func(match string) reply {
		if match == "" {
			return d.as("listen", "PUT", at, apple(1, ""))
		}
		return d.as("listen", "PUT", at, apple(1, ""), "If-Match", match)
	}
	drop := func(headers ...string) reply { return d.as("listen", "DELETE", at, "", headers...) }
	d.want("an update of nothing", put("*"), 404, "not found")
	d.want("a deletion of nothing", drop("If-Match", "*"), 404, "")
	first := put("").header.Get("ETag")
	second := put(first).header.Get("ETag")
	if first == "" || first == second || !strings.HasPrefix(second, `W/"`) {
		t.Errorf("ETags %q, then %q", first, second)
	}
	d.want("an update of what was", put(first), 412, "ETag")
	d.want("without a condition", put(""), 200, "")
	d.want("of any", put("*"), 200, "")
	d.want("a deletion without a condition", drop(), 400, "If-Match")
	d.want("a deletion of what was", drop("If-Match", second), 412, "ETag")
	now := d.as("listen", "GET", at, "").header.Get("ETag")
	d.want("a deletion", drop("If-Match", strings.Trim(strings.TrimPrefix(now, "W/"), `"`)), 200, "")
	d.want("made anew", put(""), 200, "")
	d.want("a deletion of any", drop("If-Match", "*"), 200, "")
	d.want("what is left", d.as("listen", "GET", at, ""), 404, "")
}

func TestPagesOfRegistrations(t *testing.T) {
	d := newDesk(t)
	for app, n := range map[string]int{"main": 1001, "other": 3} {
		rows := make([]*hub.Registration, n)
		for i := range rows {
			rows[i] = &hub.Registration{ID: fmt.Sprint(app, i), Kind: "adm", Handle: fmt.Sprint(i), Tags: []string{"t"}}
		}
		_, err := d.hub.PutRegistrations(t.Context(), app, rows, hub.Upsert)
		d.must(err)
	}
	page := func(query string) (n int, next string) {
		r := d.as("manage", "GET", "/main/registrations?"+query, "")
		d.want(query, r, 200, "<feed")
		if strings.Contains(r.body, "other") {
			t.Errorf("%s shows another hub's", query)
		}
		return strings.Count(r.body, "<entry"), r.header.Get("X-MS-ContinuationToken")
	}
	for query, want := range map[string]int{"": 100, "$top=1": 1, "$top=1000": 1000, "$top=1001": 1000, "$top=999999": 1000} {
		if n, next := page(query); n != want || next == "" {
			t.Errorf("%q: %d registrations, token %q", query, n, next)
		}
	}
	_, next := page("$top=1000")
	if n, end := page("$top=1000&ContinuationToken=" + url.QueryEscape(next)); n != 1 || end != "" {
		t.Errorf("the last page has %d, token %q", n, end)
	}
	for _, top := range []string{"0", "-1", "x", "1.5", "99999999999999999999"} {
		d.want("$top="+top, d.as("manage", "GET", "/main/registrations?$top="+top, ""), 400, "$top")
	}
	for _, forged := range []string{"x", "-1", next + "x", "1;DROP", "99999999999999999999", "%00"} {
		d.want("token "+forged, d.as("manage", "GET", "/main/registrations?ContinuationToken="+url.QueryEscape(forged), ""), 400, "")
	}
	// The hub of the address bounds the page, whatever number a token holds.
	for _, moved := range []string{"0", "1", "500", "100000"} {
		page("ContinuationToken=" + moved)
	}
	d.want("a filter of no member", d.as("manage", "GET", "/main/registrations?$filter=Color%20eq%20%27red%27", ""), 400, "$filter")
}

func TestBoundsOfTags(t *testing.T) {
	d := newDesk(t)
	tags := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprint("t", i)
		}
		return out
	}
	install := func(list []string) reply {
		return d.as("listen", "PUT", "/main/installations/a", `{"platform":"adm","pushChannel":"x","tags":["`+strings.Join(list, `","`)+`"]}`)
	}
	register := func(list []string) reply {
		return d.as("listen", "PUT", "/main/registrations/r", apple(1, "<Tags>"+strings.Join(list, ",")+"</Tags>"))
	}
	for name, put := range map[string]func([]string) reply{"installation": install, "registration": register} {
		d.want(name+" with 60 tags", put(tags(60)), 200, "")
		d.want(name+" with 61", put(tags(61)), 400, "tags")
		d.want(name+" with a tag of 120 letters", put([]string{strings.Repeat("a", 120)}), 200, "")
		d.want(name+" with one of 121", put([]string{strings.Repeat("a", 121)}), 400, "tags")
		d.want(name+" with a role", put([]string{"role:admin"}), 400, "tags")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	d := newDesk(t)
	fill := func(n int) string { return apple(1, "<!--"+strings.Repeat("x", n)+"-->") }
	room := maxDescription - len(fill(0))
	d.want("a body that just fits", d.as("listen", "PUT", "/main/registrations/r", fill(room)), 200, "")
	d.want("a byte more", d.as("listen", "PUT", "/main/registrations/r", fill(room+1)), 413, "")
	d.want("an installation too large", d.as("listen", "PUT", "/main/installations/a", strings.Repeat(" ", maxDescription+1)), 413, "")
}
