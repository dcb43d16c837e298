package zoning

import (
	"encoding/json"
	"math"

	"github.com/paulmach/orb"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Reading is the data of a `beacon.sighting`.
type Reading struct {
	Installation string
	Beacon       string  // canonical if it is a beacon's name, else as it came
	RSSI         float64 // dBm
	P1m          float64 // power at 1 m, dBm; 0: not stated
}

// ParseReading reads the JSON data of a `beacon.sighting`. A missing `tx_ref` is that of
// the beacon's format. Errors: fault.Invalid with the field.
func ParseReading(data []byte) (Reading, error) {
	const op = "zoning.ParseReading"
	var in struct {
		Installation string   `json:"installation"`
		Beacon       string   `json:"beacon"`
		RSSI         *float64 `json:"rssi"`
		TxPower      *float64 `json:"tx_power"`
		TxRef        TxRef    `json:"tx_ref"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Reading{}, fault.E(op, fault.Invalid, "the data is no beacon.sighting", err)
	}
	switch {
	case in.Installation == "":
		return Reading{}, fault.BadField(op, "installation", "is missing", "the installation's id")
	case in.Beacon == "":
		return Reading{}, fault.BadField(op, "beacon", "is missing", "uuid/major/minor or namespace/instance")
	case in.RSSI == nil || !(*in.RSSI >= -127 && *in.RSSI <= 20):
		return Reading{}, fault.BadField(op, "rssi", "is missing or out of range", "a number from -127 to 20")
	}
	r := Reading{Installation: in.Installation, Beacon: in.Beacon, RSSI: *in.RSSI}
	ref := in.TxRef
	if b, err := ParseBeacon(in.Beacon); err == nil {
		r.Beacon = b.String()
		if ref == "" {
			ref = b.TxRef()
		}
	}
	if in.TxPower != nil {
		r.P1m = PowerAtOneMetre(*in.TxPower, ref)
	}
	return r, nil
}

// Location is the data of a `location.fix`.
type Location struct {
	Installation string
	Point        orb.Point // longitude, latitude (WGS 84)
	Accuracy     float64   // metres
}

// ParseLocation reads the JSON data of a `location.fix`. Errors: fault.Invalid with the field.
func ParseLocation(data []byte) (Location, error) {
	const op = "zoning.ParseLocation"
	var in struct {
		Installation string   `json:"installation"`
		Lat          *float64 `json:"lat"`
		Lon          *float64 `json:"lon"`
		Accuracy     *float64 `json:"accuracy"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Location{}, fault.E(op, fault.Invalid, "the data is no location.fix", err)
	}
	within := func(v *float64, most float64) bool { return v != nil && math.Abs(*v) <= most }
	switch {
	case in.Installation == "":
		return Location{}, fault.BadField(op, "installation", "is missing", "the installation's id")
	case !within(in.Lat, 90):
		return Location{}, fault.BadField(op, "lat", "is missing or out of range", "degrees from -90 to 90")
	case !within(in.Lon, 180):
		return Location{}, fault.BadField(op, "lon", "is missing or out of range", "degrees from -180 to 180")
	case !within(in.Accuracy, 1e6) || *in.Accuracy < 0:
		return Location{}, fault.BadField(op, "accuracy", "is missing or out of range", "metres, not negative")
	}
	return Location{in.Installation, orb.Point{*in.Lon, *in.Lat}, *in.Accuracy}, nil
}
