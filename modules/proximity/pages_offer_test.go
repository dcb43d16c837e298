package proximity

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An offer that is refused says so beside each input, in its words and units; what was typed stays.
func TestAnOffersFaultsStandAtTheirFields(t *testing.T) {
	y := newYard(t)
	server := siteOf(t, y.Service)
	form := func(pairs ...string) url.Values {
		v := url.Values{"event": {"summer"}, "name": {"Drinks"}, "title": {"2 EUR off"}, "grant.kind": {"amount"}, "grant.amount_minor": {"2"}, "grant.currency": {"EUR"}, "stall": {"Bar"}, "minutes": {"10"},
			"trigger.on": {"queue_short"}, "trigger.stall": {"Bar"}, "trigger.people": {"5"}, "limits.total": {"100"}, "limits.per_person": {"1"}, "holdout": {"0"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	if status, page := post(t, server.URL, "/offers/new", form()); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, page)
	}
	for input, c := range map[string]struct{ typed, says string }{
		"trigger.people":      {"many", "<bdi>So many wait</bdi> is no number"},
		"trigger.stall":       {"Nowhere", "<bdi>Whose queue</bdi> is no stall with a zone where people wait"},
		"limits.total":        {"-1", "<bdi>Vouchers in all</bdi> is -1"},
		"limits.budget_minor": {"-5", "<bdi>Budget</bdi> is out of range. <span class=\"fix\">such as 400.00"},
		"limits.per_person":   {"200", "<bdi>For one person</bdi> is 200. <span class=\"fix\">from 1 to 100 vouchers"},
		"quiet.gap_minutes":   {"2000", "<bdi>Quiet minutes after a person’s last voucher</bdi> is longer than a day"},
		"quiet.last_minutes":  {"-3", "<bdi>Not in the last minutes of the event</bdi> is -3"},
		"grant.amount_minor":  {"0", "<bdi>Amount</bdi> is no amount with a currency. <span class=\"fix\">such as 2.00"},
	} {
		status, page := post(t, server.URL, "/offers/new", form(input, c.typed))
		_, field, _ := strings.Cut(page, `id="`+input+`"`)
		field, _, _ = strings.Cut(field, "</div>")
		if status != http.StatusUnprocessableEntity || !strings.Contains(field, `aria-invalid="true"`) || !strings.Contains(field, c.says) {
			t.Errorf("%s %q: %d %s", input, c.typed, status, field)
		}
	}
}
