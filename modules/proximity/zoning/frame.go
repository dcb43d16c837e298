package zoning

import (
	"encoding/binary"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Frame is what a beacon's advertisement says.
type Frame struct {
	Beacon Beacon
	Power  float64 // dBm, at Beacon.TxRef()
}

// Types of structures in an advertisement, and what follows in those of beacons.
const (
	serviceData      = 0x16 // Bluetooth assigned numbers: service data of a 16-bit UUID
	manufacturerData = 0xff
	eddystoneService = 0xfeaa
	appleCompany     = 0x004c
)

// ParseAdvertisement reads the bytes of a Bluetooth LE advertisement: structures of
// length, type and data, one of them a beacon's. Others are passed over.
// Errors: fault.Invalid when there is no whole frame of an iBeacon or Eddystone-UID.
// Source: Bluetooth Core Specification, vol. 3, part C, 11; Apple, Proximity Beacon
// Specification; Google, Eddystone-UID.
func ParseAdvertisement(raw []byte) (Frame, error) {
	for len(raw) > 1 {
		n := int(raw[0])
		if n == 0 || n >= len(raw) {
			break
		}
		if f, ok := parseStructure(raw[1], raw[2:n+1]); ok {
			return f, nil
		}
		raw = raw[n+1:]
	}
	return Frame{}, fault.E("zoning.ParseAdvertisement", fault.Invalid, "the advertisement holds no frame of an iBeacon or an Eddystone-UID", nil)
}

func parseStructure(kind byte, data []byte) (Frame, bool) {
	if len(data) < 2 {
		return Frame{}, false
	}
	who, data := binary.LittleEndian.Uint16(data), data[2:]
	switch {
	case kind == manufacturerData && who == appleCompany:
		return parseIBeaconFrame(data)
	case kind == serviceData && who == eddystoneService:
		return parseEddystoneFrame(data)
	}
	return Frame{}, false
}

// parseIBeaconFrame: 02 15, UUID, major, minor (big endian), power at 1 m.
func parseIBeaconFrame(d []byte) (Frame, bool) {
	if len(d) != 23 || d[0] != 0x02 || d[1] != 0x15 {
		return Frame{}, false
	}
	return Frame{
		Beacon: Beacon{Format: IBeacon, UUID: [16]byte(d[2:18]), Major: binary.BigEndian.Uint16(d[18:]), Minor: binary.BigEndian.Uint16(d[20:])},
		Power:  float64(int8(d[22])),
	}, true
}

// parseEddystoneFrame: 00, power at 0 m, namespace, instance, and two reserved bytes
// that some makers leave out.
func parseEddystoneFrame(d []byte) (Frame, bool) {
	if len(d) != 18 && len(d) != 20 || d[0] != 0x00 {
		return Frame{}, false
	}
	return Frame{
		Beacon: Beacon{Format: EddystoneUID, Namespace: [10]byte(d[2:12]), Instance: [6]byte(d[12:18])},
		Power:  float64(int8(d[1])),
	}, true
}
