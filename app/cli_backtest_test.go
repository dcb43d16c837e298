package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
)

// pastBookings is a file of a simulated market's past.
func pastBookings(t *testing.T, events int) string {
	t.Helper()
	var file bytes.Buffer
	if err := bookings.WriteDaily(&file, forecasttest.NewMarket(2).Past(events, 19_000)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "past.csv")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBacktestPrintsScoresAndProgress(t *testing.T) {
	path := pastBookings(t, 50)
	code, out, errs := usher(t, "backtest", path, "--at", "7,21", "--folds", "3")
	if code != exitOK || !strings.Contains(errs, "forecasting 100 %") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	for _, want := range append([]string{"50 events", "Brier", "Served: "}, forecast.Methods...) {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	code, out, _ = usher(t, "backtest", path, "--format", "json", "--at", "7,21", "--train-before", "2022-05-01")
	var r forecast.Report
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	blend, pickup := r.Method("blend"), r.Method("pick-up")
	if r.Events == 0 || r.Events == 50 || r.Fits != 2 || len(r.At) != 2 || blend.WithinCoverage == nil || pickup.WithinCoverage != nil {
		t.Errorf("got %+v", r)
	}
	if !(blend.Final.Brier < pickup.Final.Brier) {
		t.Errorf("by the event: blend %v, pick-up %v", blend.Final.Brier, pickup.Final.Brier)
	}
}

func TestBacktestSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.csv")
	if err := os.WriteFile(broken, []byte("event_id,event_date,on_sale_date,capacity,date,sold\na,2026-05-02,2026-04-01,100,2026-04-02,six\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"backtest"}, exitUsage, "requires at least 1 arg"},
		{[]string{"backtest", filepath.Join(dir, "none.csv")}, exitFailed, "cannot read"},
		{[]string{"backtest", broken}, exitFailed, `broken.csv: line 2, sold "six" is no whole number`},
		{[]string{"backtest", broken, "--at", "0", "--format", "xml"}, exitUsage, `"xml" is neither table nor json`},
		{[]string{"backtest", broken, "--train-before", "May"}, exitUsage, `"May" is no date: such as`},
	} {
		code, out, errs := usher(t, tc.args...)
		if code != tc.code || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: %d %q %q", tc.args, code, out, errs)
		}
	}
}
