package zoning

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Frames as they are in the air, flags before them.
const (
	iBeaconAir   = "0201061aff4c000215f7826da64fa24e988024bc5b71e0893e00010007c5"
	eddystoneAir = "0201060303aafe1516aafe00ebedd1ebeac04e5defa0170123456789ab"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParseAdvertisement(t *testing.T) {
	for air, want := range map[string]struct {
		name string
		p1m  float64
	}{
		iBeaconAir:   {"f7826da6-4fa2-4e98-8024-bc5b71e0893e/1/7", -59},
		eddystoneAir: {"edd1ebeac04e5defa017/0123456789ab", -21 - 41},
	} {
		f, err := ParseAdvertisement(unhex(t, air))
		if err != nil || f.Beacon.String() != want.name || PowerAtOneMetre(f.Power, f.Beacon.TxRef()) != want.p1m {
			t.Errorf("%s: %v %v, %v", air, f.Beacon, f.Power, err)
		}
	}
	for _, air := range []string{"", "02", "020106", iBeaconAir[:58], "00" + iBeaconAir, "0201061aff4c000216f7826da64fa24e988024bc5b71e0893e00010007c5"} {
		if f, err := ParseAdvertisement(unhex(t, air)); err == nil {
			t.Errorf("%s is read as %v", air, f)
		}
	}
}

func TestParseBeacon(t *testing.T) {
	for in, want := range map[string]string{
		"F7826DA64FA24E988024BC5B71E0893E:1:7":           "f7826da6-4fa2-4e98-8024-bc5b71e0893e/1/7",
		"f7826da6-4fa2-4e98-8024-bc5b71e0893e, 65535, 0": "f7826da6-4fa2-4e98-8024-bc5b71e0893e/65535/0",
		"EDD1EBEAC04E5DEFA017/0123456789AB":              "edd1ebeac04e5defa017/0123456789ab",
		"f7826da6-4fa2-4e98-8024-bc5b71e0893e/65536/0":   "",
		"edd1ebeac04e5defa017":                           "",
		"bar":                                            "",
	} {
		b, err := ParseBeacon(in)
		if b.String() != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, b, err)
		}
	}
}

func TestParseReading(t *testing.T) {
	r, err := ParseReading([]byte(`{"installation":"i","beacon":"EDD1EBEAC04E5DEFA017:0123456789AB","rssi":-70,"tx_power":-18}`))
	if err != nil || r.Beacon != "edd1ebeac04e5defa017/0123456789ab" || r.P1m != -59 || r.RSSI != -70 {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = ParseReading([]byte(`{"installation":"i","beacon":"bar 1","rssi":-70,"tx_power":-60}`))
	if err != nil || r.Beacon != "bar 1" || r.P1m != -60 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, bad := range []string{`[]`, `{}`, `{"installation":"i","beacon":"b"}`, `{"installation":"i","beacon":"b","rssi":-300}`} {
		if _, err := ParseReading([]byte(bad)); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestDistance(t *testing.T) {
	for rssi, want := range map[float64]float64{-59: 1, -81: 10, -37: 0.1} {
		if d := Distance(rssi, 0); math.Abs(d-want) > 1e-9 {
			t.Errorf("%v dBm are %v m", rssi, d)
		}
	}
	if NearnessOf(0.4) != Immediate || NearnessOf(0.5) != Near || NearnessOf(3) != Far {
		t.Error("nearness")
	}
	if d := Distance(math.NaN(), -59); d != 10_000 {
		t.Errorf("no number is %v m", d)
	}
}

func FuzzParseAdvertisement(f *testing.F) {
	f.Add(unhex(f, iBeaconAir))
	f.Add(unhex(f, eddystoneAir))
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := ParseAdvertisement(raw)
		if err != nil {
			return
		}
		again, err := ParseBeacon(frame.Beacon.String())
		if err != nil || again != frame.Beacon {
			t.Fatalf("%v is read back as %v, %v", frame.Beacon, again, err)
		}
	})
}

func FuzzParseBeacon(f *testing.F) {
	f.Add("f7826da6-4fa2-4e98-8024-bc5b71e0893e/1/7")
	f.Add("edd1ebeac04e5defa017:0123456789ab")
	f.Fuzz(func(t *testing.T, name string) {
		b, err := ParseBeacon(name)
		if err != nil {
			return
		}
		if again, err := ParseBeacon(b.String()); err != nil || again != b {
			t.Fatalf("%q is %v, read back as %v, %v", name, b, again, err)
		}
	})
}

func FuzzParseReading(f *testing.F) {
	f.Add([]byte(`{"installation":"i","beacon":"edd1ebeac04e5defa017:0123456789ab","rssi":-70,"tx_power":-18,"tx_ref":"0m","lat":1,"lon":2,"accuracy":3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := ParseReading(data); err == nil && (r.Installation == "" || r.Beacon == "" || r.RSSI < -127 || r.RSSI > 20) {
			t.Fatalf("%s is read as %+v", data, r)
		}
		if l, err := ParseLocation(data); err == nil && (l.Accuracy < 0 || l.Point[1] < -90 || l.Point[1] > 90) {
			t.Fatalf("%s is read as %+v", data, l)
		}
	})
}
