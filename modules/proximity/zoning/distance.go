package zoning

import "math"

// TxRef says at which distance a beacon's stated power would be measured.
type TxRef string

// The references: iBeacon states the power at 1 m, Eddystone at 0 m.
const (
	AtOneMetre  TxRef = "1m"
	AtZeroMetre TxRef = "0m"
)

// ToOneMetre is what the first metre takes off the power at 0 m, in dB.
// Source: the Eddystone-UID specification, "Tx Power": add 41 dBm to the power at 1 m.
const ToOneMetre = 41.0

const (
	pathLoss     = 2.2   // exponent; 2 in free space
	defaultPower = -59.0 // dBm at 1 m of a beacon that does not say
)

// PowerAtOneMetre converts a stated power in dBm; another reference counts as 1 m.
func PowerAtOneMetre(power float64, ref TxRef) float64 {
	if ref == AtZeroMetre {
		return power - ToOneMetre
	}
	return power
}

// Distance estimates metres from a reading; both powers in dBm, p1m at 1 m, 0: unknown.
// It is advisory: with 6 dB of noise it errs by a factor of two. Beyond 10 km it is 10 km.
// Source: the log-distance path loss model, d = 10^((P1m − RSSI)/(10·2.2)).
func Distance(rssi, p1m float64) float64 {
	if p1m == 0 {
		p1m = defaultPower
	}
	d := math.Pow(10, (p1m-rssi)/(10*pathLoss))
	if !(d < 10_000) { // NaN too
		return 10_000
	}
	return d
}

// Nearness is a distance in words.
type Nearness string

// The words, as Apple's Core Location has them.
const (
	Immediate Nearness = "immediate" // < 0.5 m
	Near      Nearness = "near"      // < 3 m
	Far       Nearness = "far"
)

// NearnessOf says how near a distance in metres is.
func NearnessOf(metres float64) Nearness {
	switch {
	case metres < 0.5:
		return Immediate
	case metres < 3:
		return Near
	}
	return Far
}
