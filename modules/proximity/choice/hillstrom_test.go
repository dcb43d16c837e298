package choice

import (
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const hillstrom = `recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend
10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,0,0,0
6,3) $200 - $350,329.08,1,1,Rural,1,Web,No E-Mail,1,0,0
7,2) $100 - $200,180.65,0,1,Surburban,1,Web,Mens E-Mail,1,1,29.99
`

func TestReadHillstrom(t *testing.T) {
	var got []Record
	keep := func(r Record) error { got = append(got, r); return nil }
	if err := ReadHillstrom(strings.NewReader(hillstrom), keep); err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := got[0]; r.Options[r.Chosen].Offer != "womens" || r.Bought || r.Context.Zone != "Surburban" || r.Context.Paid != 142.44 {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.Chosen != 0 || r.Reward != 1 {
		t.Errorf("%+v", r)
	}
	if r := got[2]; r.Options[r.Chosen].Offer != "mens" || r.Reward != 0.99 || r.Context.Segment != "Web" || r.Propensity != 1.0/3 {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "a,b\n", strings.Replace(hillstrom, "Mens E-Mail,1", "SMS,1", 1), strings.Replace(hillstrom, "142.44", "much", 1), hillstrom + "1,2\n"} {
		if err := ReadHillstrom(strings.NewReader(bad), keep); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReadHillstrom(f *testing.F) {
	f.Add(hillstrom)
	f.Fuzz(func(t *testing.T, file string) {
		_ = ReadHillstrom(strings.NewReader(file), func(r Record) error {
			if err := r.check("fuzz"); err != nil {
				t.Fatalf("%q is read as %+v", file, r)
			}
			return nil
		})
	})
}
