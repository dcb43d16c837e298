package app

import (
	"bytes"
	"testing"
	"time"

	"github.com/usherhq/usher/app/demo"
)

// TestDemoPlaysAFestival plays a small festival very fast from the first ticket to the last
// song, and compares what the simulated people counted with what Usher's API says.
func TestDemoPlaysAFestival(t *testing.T) {
	cfg := Defaults()
	cfg.DataDir, cfg.HTTP.Listen = newHome(t), "127.0.0.1:0"
	var out bytes.Buffer
	r, err := Demo(t.Context(), cfg, demo.Options{Installations: 60, Seed: 7, Speed: 60, For: 5 * time.Minute, Out: &out}, quiet())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if len(r.Lines) != 4 {
		t.Fatalf("the festival did not come to its end:\n%s", out.String())
	}
	for _, l := range r.Lines {
		if l.Played != l.Said || l.Played == 0 {
			t.Errorf("%s: %d were played, Usher says %d", l.What, l.Played, l.Said)
		}
	}
	if r.Posts != 60 || r.Moves == 0 || r.Left == 0 || len(r.Notifications) < 7 {
		t.Errorf("%+v", r)
	}
	for _, n := range r.Notifications {
		if n.Total == 0 || n.Recorded < n.Total*9/10 || n.Recorded > n.Total { // a few are being tried again
			t.Errorf("notification %s: %d of %d recorded, %d wait", n.Notification.ID, n.Recorded, n.Total, n.Waiting)
		}
	}
	t.Log(out.String())
}
