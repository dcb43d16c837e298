package zoning

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Format is how a beacon names itself.
type Format string

// The formats.
const (
	IBeacon      Format = "ibeacon"
	EddystoneUID Format = "eddystone-uid"
)

// Beacon is a transmitter's name. The zero Beacon is none. It is comparable.
type Beacon struct {
	Format       Format
	UUID         [16]byte // iBeacon
	Major, Minor uint16   // iBeacon
	Namespace    [10]byte // Eddystone-UID
	Instance     [6]byte  // Eddystone-UID
}

// String is the canonical form, which ParseBeacon reads: "uuid/major/minor" in lower
// case for iBeacon, "namespace/instance" in hexadecimal for Eddystone-UID.
func (b Beacon) String() string {
	switch b.Format {
	case IBeacon:
		u := b.UUID
		return fmt.Sprintf("%x-%x-%x-%x-%x/%d/%d", u[:4], u[4:6], u[6:8], u[8:10], u[10:], b.Major, b.Minor)
	case EddystoneUID:
		return fmt.Sprintf("%x/%x", b.Namespace, b.Instance)
	}
	return ""
}

// TxRef is where the format's stated power would be measured.
func (b Beacon) TxRef() TxRef {
	if b.Format == EddystoneUID {
		return AtZeroMetre
	}
	return AtOneMetre
}

// ParseBeacon reads a beacon's name as apps and makers write it: parts divided by
// "/", ":", "," or spaces, hexadecimal in any case, the UUID with or without hyphens.
// Errors: fault.Invalid.
func ParseBeacon(name string) (Beacon, error) {
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/:, \t", r) })
	switch len(parts) {
	case 3:
		return parseIBeacon(parts)
	case 2:
		b := Beacon{Format: EddystoneUID}
		if fillHex(b.Namespace[:], parts[0]) && fillHex(b.Instance[:], parts[1]) {
			return b, nil
		}
	}
	return Beacon{}, badBeacon()
}

func parseIBeacon(parts []string) (Beacon, error) {
	b := Beacon{Format: IBeacon}
	major, err1 := strconv.ParseUint(parts[1], 10, 16)
	minor, err2 := strconv.ParseUint(parts[2], 10, 16)
	if !fillHex(b.UUID[:], strings.ReplaceAll(parts[0], "-", "")) || err1 != nil || err2 != nil {
		return Beacon{}, badBeacon()
	}
	b.Major, b.Minor = uint16(major), uint16(minor)
	return b, nil
}

func badBeacon() error {
	return fault.BadField("zoning.ParseBeacon", "beacon", "is no beacon's name",
		"uuid/major/minor of an iBeacon, such as f7826da6-4fa2-4e98-8024-bc5b71e0893e/1/7, or namespace/instance of an Eddystone, such as edd1ebeac04e5defa017/0123456789ab")
}

// fillHex decodes into to; false when it does not fit exactly.
func fillHex(to []byte, digits string) bool {
	if len(digits) != 2*len(to) {
		return false
	}
	_, err := hex.Decode(to, []byte(digits))
	return err == nil
}
