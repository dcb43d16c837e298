package zoning

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func recorded(t testing.TB, file string) (lines []string, err error) {
	t.Helper()
	err = ReadRecording(strings.NewReader(file), func(r Recorded) error {
		lines = append(lines, fmt.Sprintf("%s %s %s %.0f %s", r.At.Format("01-02 15:04:05"), r.Device, r.Beacon, r.RSSI, r.Place))
		return nil
	})
	return lines, err
}

func TestReadRecording(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"wide": {"location,date,b3001,b3002\nO02,10-18-2016 11:15:21,-200,-78\nP01,10-18-2016 11:15:19,-66,-77\n",
			[]string{"10-18 11:15:21  b3002 -78 O02", "10-18 11:15:19  b3001 -66 P01", "10-18 11:15:19  b3002 -77 P01"}},
		"long":          {"Time,Device,Beacon,RSSI\n1476789321,a,b1,-70.4\n1476789322500,a,b1,-200\n2016-10-18T11:15:23Z,a,b2,-60\n", []string{"10-18 11:15:21 a b1 -70 ", "10-18 11:15:23 a b2 -60 "}},
		"a gap is none": {"date,b1,b2\n2016-10-18 11:15:21,,-60\n", []string{"10-18 11:15:21  b2 -60 "}},
	} {
		got, err := recorded(t, c.file)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "a,b\n1,2\n", "date\n2016-10-18 11:15:21\n", "date,b1\nyesterday,-60\n", "date,b1\n2016-10-18 11:15:21,loud\n", "date,b1\n2016-10-18 11:15:21\n"} {
		if got, err := recorded(t, bad); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func FuzzReadRecording(f *testing.F) {
	f.Add("location,date,b3001,b3002\nO02,10-18-2016 11:15:21,-200,-78\n")
	f.Add("time,device,beacon,rssi,zone\n1476789321,a,b1,-70.4,bar\n")
	f.Fuzz(func(t *testing.T, file string) {
		_ = ReadRecording(strings.NewReader(file), func(r Recorded) error {
			if r.Beacon == "" || !(r.RSSI > notHeard && r.RSSI <= 20) || r.At.IsZero() {
				t.Fatalf("%q is read as %+v", file, r)
			}
			return nil
		})
	})
}
