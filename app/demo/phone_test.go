package demo

import "testing"

func TestThePhoneShowsWhatIOSWould(t *testing.T) {
	for _, c := range []struct {
		payload string
		want    Push
		shown   bool
	}{
		{`{"aps":{"alert":{"title":"Doors","body":"Gate A"},"sound":"default"}}`, Push{Title: "Doors", Body: "Gate A"}, true},
		{`{"aps":{"alert":"Doors"}}`, Push{Body: "Doors"}, true},
		{`{"aps":{"content-available":1},"stage":"main"}`, Push{}, false},
		{`{"aps":{"alert":7}}`, Push{}, false},
		{`no JSON`, Push{}, false},
	} {
		if got, shown := alertOf([]byte(c.payload)); got != c.want || shown != c.shown {
			t.Errorf("%s: %+v, %v", c.payload, got, shown)
		}
	}
}
