package template

// decimal is a number as written, digit by digit, so that an amount of money
// never becomes a float: 0.5 stays a half and 1234567890123.45 exact.
type decimal struct {
	negative bool
	digits   [maxDigits]byte // values 0…9
	n        int             // digits in use
	point    int             // digits before the decimal point, 1…n
}

const maxDigits = 40

// parseDecimal reads a JSON number; ok is false for what is none, or needs more
// than maxDigits digits written out.
func parseDecimal(s string) (d decimal, ok bool) {
	if !isJSONNumber(s) {
		return d, false
	}
	if s[0] == '-' {
		d.negative = true
		s = s[1:]
	}
	d.n, d.point = 1, -1 // a leading zero leaves room for rounding up
	for s != "" && s[0] != 'e' && s[0] != 'E' {
		switch {
		case s[0] == '.':
			d.point = d.n
		case d.n == maxDigits:
			return d, false
		default:
			d.digits[d.n] = s[0] - '0'
			d.n++
		}
		s = s[1:]
	}
	if d.point < 0 {
		d.point = d.n
	}
	if s != "" {
		return d, d.shift(s[1:])
	}
	return d, true
}

// shift moves the point by an exponent such as "+3".
func (d *decimal) shift(exponent string) bool {
	by, sign := 0, 1
	for _, c := range []byte(exponent) {
		switch {
		case c == '-':
			sign = -1
		case c != '+':
			by = min(by*10+int(c-'0'), 2*maxDigits)
		}
	}
	d.point += sign * by
	if d.point < 1 {
		zeros := 1 - d.point
		if d.n+zeros > maxDigits {
			return false
		}
		copy(d.digits[zeros:], d.digits[:d.n])
		clear(d.digits[:zeros])
		d.n, d.point = d.n+zeros, 1
	}
	d.n = max(d.n, d.point) // the digits that follow are zeros already
	return d.n <= maxDigits
}

// round keeps at most places digits after the point, a tie going to the even
// digit as CLDR does.
func (d *decimal) round(places int) {
	keep := d.point + places
	if keep >= d.n {
		return
	}
	rest := d.digits[keep:d.n]
	up := rest[0] > 5 || rest[0] == 5 && (!allZero(rest[1:]) || d.digits[keep-1]%2 == 1)
	d.n = keep
	for i := keep - 1; up; i-- {
		d.digits[i]++
		if up = d.digits[i] == 10; up {
			d.digits[i] = 0
		}
	}
}

// whole is the digits before the point, without leading zeros but never empty.
func (d *decimal) whole() []byte {
	w := d.digits[:d.point]
	for len(w) > 1 && w[0] == 0 {
		w = w[1:]
	}
	return w
}

// fraction is at least least digits after the point, then none that only add zeros.
func (d *decimal) fraction(least int) []byte {
	end := max(d.n, d.point)
	for end > d.point && d.digits[end-1] == 0 {
		end--
	}
	end = min(max(end, d.point+least), maxDigits)
	return d.digits[d.point:end]
}

func (d *decimal) zero() bool { return allZero(d.digits[:d.n]) }

func allZero(digits []byte) bool {
	for _, c := range digits {
		if c != 0 {
			return false
		}
	}
	return true
}
