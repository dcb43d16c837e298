package web

import (
	"slices"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestAFormTellsFaultsInItsOwnWords(t *testing.T) {
	form := Inputs{"daily": {"Most within a day", "between 1 and 50 %"}, "name": {Label: "Name"}}
	got := form.Tell([]fault.Field{{Name: "daily", Problem: "is 5", Fix: "between 0.01 and 0.5"}, {Name: "daily", Problem: "is no number", Fix: "such as 0.1"},
		{Name: "daily", Problem: "is missing", Fix: "state it"}, {Name: "daily", Problem: "is no share", Fix: "a share, such as 0.1"}, {Name: "name", Problem: "is 3 letters too long", Fix: "shorten it"}, {Name: "zone", Problem: "is unknown", Fix: "such as Europe/Vienna"}})
	want := []fault.Field{{Name: "Most within a day", Problem: "is out of range", Fix: "between 1 and 50 %"}, {Name: "Most within a day", Problem: "is no number", Fix: "between 1 and 50 %"},
		{Name: "Most within a day", Problem: "is missing", Fix: "state it"}, {Name: "Most within a day", Problem: "is no share", Fix: "between 1 and 50 %"}, {Name: "Name", Problem: "is 3 letters too long", Fix: "shorten it"}, {Name: "zone", Problem: "is unknown", Fix: "such as Europe/Vienna"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestAFaultStandsAtTheInputItIsWithin(t *testing.T) {
	form := Inputs{"names": {Label: "Title"}, "limits.total": {Label: "Vouchers in all"}}
	by, rest := form.Place([]fault.Field{{Name: "names.de.title", Problem: "is too long"}, {Name: "limits.total", Problem: "is -1"}, {Name: "limits", Problem: "are missing"}, {Problem: "somebody was faster"}})
	if len(by) != 2 || by["names"][0].Name != "Title" || by["limits.total"][0].Name != "Vouchers in all" || len(rest) != 2 || rest[0].Name != "limits" {
		t.Errorf("%+v, %+v", by, rest)
	}
}
