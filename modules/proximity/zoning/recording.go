package zoning

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Recorded is one reading of a published data set, with the place where it was taken.
type Recorded struct {
	At     time.Time
	Device string // "" when the set has one only
	Beacon string
	RSSI   float64 // dBm
	Place  string  // as the set names it; "" when it is not known
}

// notHeard is at or below what sets write for a beacon that was not heard (−200, say).
const notHeard = -120.0

// recordedTimes are the forms that published sets write times in.
var recordedTimes = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05", "01-02-2006 15:04:05", "01/02/2006 15:04:05", "1/2/2006 15:04:05"}

// ReadRecording reads a data set of Bluetooth readings as CSV with a header, calling take
// for each reading, in the order of the file. Two forms are known:
//
//   - long, a reading a row: a time column (time, timestamp, date), beacon, rssi, and if
//     there are any device and place (place, location, zone, label);
//   - wide, an instant a row: a time column, a place, and a column for each beacon, as in
//     the iBeacon set of Mohammadi et al. (UCI Machine Learning Repository, 2018). Values
//     of −120 and less mean that the beacon was not heard.
//
// Times without a zone are UTC; plain numbers are seconds or milliseconds since 1970.
// Errors: fault.Invalid with the line; those of take.
func ReadRecording(in io.Reader, take func(Recorded) error) error {
	const op = "zoning.ReadRecording"
	r := csv.NewReader(in)
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	header, err := r.Read()
	if err != nil {
		return fault.E(op, fault.Invalid, "the file has no header of CSV", err)
	}
	c, err := columnsOf(header)
	if err != nil {
		return err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.E(op, fault.Invalid, "the file is no CSV", err)
		}
		line, _ := r.FieldPos(0)
		readings, err := c.readings(row)
		if err != nil {
			return fault.E(op, fault.Invalid, fmt.Sprintf("line %d: %v", line, err), nil)
		}
		for _, v := range readings {
			if err := take(v); err != nil {
				return err
			}
		}
	}
}

// columns say where things stand; −1: nowhere.
type columns struct {
	time, place, device, beacon, rssi int
	wide                              []string // names of beacons by column, "" for others
}

func columnsOf(header []string) (c columns, err error) {
	find := func(names ...string) int {
		return slices.IndexFunc(header, func(h string) bool {
			return slices.Contains(names, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))))
		})
	}
	c = columns{find("time", "timestamp", "date", "datetime"), find("place", "location", "zone", "label"), find("device", "phone", "installation"), find("beacon", "beacon_id", "mac"), find("rssi"), nil}
	if c.time < 0 {
		return c, fault.BadField("zoning.ReadRecording", "time", "the header names no such column", "time, timestamp or date")
	}
	if c.beacon >= 0 && c.rssi >= 0 {
		return c, nil
	}
	c.wide = make([]string, len(header))
	beacons := 0
	for k, h := range header {
		if k != c.time && k != c.place && k != c.device {
			c.wide[k] = strings.TrimSpace(h)
			beacons++
		}
	}
	if beacons == 0 {
		return c, fault.BadField("zoning.ReadRecording", "beacon", "the header names no beacons", "columns beacon and rssi, or a column for each beacon")
	}
	return c, nil
}

func (c *columns) readings(row []string) (out []Recorded, err error) {
	v := Recorded{Place: cellOf(row, c.place), Device: cellOf(row, c.device)}
	if v.At, err = parseTime(cellOf(row, c.time)); err != nil {
		return nil, err
	}
	if c.wide == nil {
		v.Beacon = cellOf(row, c.beacon)
		if v.RSSI, err = parseRSSI(cellOf(row, c.rssi)); err != nil || v.RSSI <= notHeard || v.Beacon == "" {
			return nil, err
		}
		return []Recorded{v}, nil
	}
	for k, name := range c.wide {
		if name == "" || cellOf(row, k) == "" {
			continue
		}
		v.Beacon = name
		if v.RSSI, err = parseRSSI(row[k]); err != nil {
			return nil, err
		}
		if v.RSSI > notHeard {
			out = append(out, v)
		}
	}
	return out, nil
}

func cellOf(row []string, k int) string {
	if k < 0 || k >= len(row) {
		return ""
	}
	return strings.Clone(strings.TrimSpace(row[k]))
}

func parseRSSI(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || v > 20 {
		return 0, fmt.Errorf("%q is no power in dBm", s)
	}
	return v, nil
}

func parseTime(s string) (time.Time, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 && n < 1e14 {
		if n > 1e11 {
			n /= 1000
		}
		return time.UnixMilli(int64(math.Round(n * 1000))).UTC(), nil
	}
	for _, layout := range recordedTimes {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time, such as 2016-10-18 11:15:21", s)
}
