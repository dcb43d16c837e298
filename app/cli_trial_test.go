package app

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/proximity/choice"
	"github.com/usherhq/usher/modules/proximity/proximitytest/world"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// experiment is a file in Hillstrom's form: letters for women bring those of the web, others nothing.
func experiment(customers int) string {
	r := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	b.WriteString("recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend\n")
	for range customers {
		channel, arm := []string{"Web", "Phone"}[r.IntN(2)], []string{"No E-Mail", "Mens E-Mail", "Womens E-Mail"}[r.IntN(3)]
		p := 0.10
		if channel == "Web" && arm == "Womens E-Mail" {
			p = 0.40
		}
		visit := 0
		if r.Float64() < p {
			visit = 1
		}
		fmt.Fprintf(&b, "%d,1) $0 - $100,%.2f,1,0,Urban,0,%s,%s,%d,0,0\n", 1+r.IntN(12), 100*r.Float64(), channel, arm, visit)
	}
	return b.String()
}

func TestBacktestOffers(t *testing.T) {
	path := writeFile(t, "mail.csv", experiment(6000))
	code, out, errs := usher(t, "backtest-offers", path, "--json")
	var got choice.Trial
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil {
		t.Fatalf("%d %v\n%s%s", code, err, out, errs)
	}
	if got.Decisions != 6000 || len(got.Policies) != 4 || got.Policies[1].Policy != "pooled" || !got.Policies[1].Gain.Better {
		t.Errorf("the pooled policy does not gain: %+v", got)
	}
	for _, o := range got.Offers {
		if want := o.Offer == "womens"; !o.Enough || (o.BuysLow > 0) != want || o.BuysTop < 0 {
			t.Errorf("%s: %+v", o.Offer, o.Lift)
		}
	}
	if code, out, _ := usher(t, "backtest-offers", path); code != exitOK || !strings.Contains(out, "gain over random") || !strings.Contains(out, "womens") {
		t.Errorf("%d\n%s", code, out)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none.csv"), writeFile(t, "bad.csv", "a,b\n1,2\n"), writeFile(t, "short.csv", experiment(20))} {
		if code, _, errs := usher(t, "backtest-offers", bad); code == exitOK || errs == "" {
			t.Errorf("%s: %d %q", bad, code, errs)
		}
	}
}

// The recording is of the simulated radio: what is found scores as the goals demand.
func TestBacktestSightings(t *testing.T) {
	var b strings.Builder
	b.WriteString("time,device,place,beacon,rssi\n")
	for i := range 60 {
		heard, stays := world.HardRadio().Walk(uint64(i))
		for _, h := range heard {
			for _, s := range stays {
				if h.At >= s.Enter && h.At <= s.Exit {
					fmt.Fprintf(&b, "%d,%d,zone %d,b%d,%.0f\n", 1_800_000_000_000+int64(math.Round(h.At*1000)), i, s.Zone, h.Zone, h.RSSI)
				}
			}
		}
	}
	path := writeFile(t, "radio.csv", b.String())
	code, out, errs := usher(t, "backtest-sightings", path, "--json")
	var got zoning.Trial
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil {
		t.Fatalf("%d %v\n%s%s", code, err, out, errs)
	}
	if got.Devices != 60 || got.Stays < 60 || got.F1 < 0.8 || got.Right < 0.8 || got.Flaps > 0.3 {
		t.Errorf("%+v", got)
	}
	if code, out, _ := usher(t, "backtest-sightings", path); code != exitOK || !strings.Contains(out, "flaps a visit") || !strings.Contains(out, zoning.Tolerance.Round(time.Second).String()) {
		t.Errorf("%d\n%s", code, out)
	}
	if code, _, errs := usher(t, "backtest-sightings", writeFile(t, "nowhere.csv", "time,beacon,rssi\n1800000000,a,-60\n")); code == exitOK || !strings.Contains(errs, "place") {
		t.Errorf("%d %q", code, errs)
	}
}
