// Package money keeps amounts exact: as integers of minor units, never as floating point numbers.
package money

import (
	"fmt"
	"regexp"
	"strconv"
)

// Amount is an amount of money in minor units: 5999 is 59.99. There is one currency. What Parse returns can be added up
// by the million before it overflows.
type Amount int64

// decimal has no sign and no exponent, and only zeros after the second decimal place.
var decimal = regexp.MustCompile(`^(0|[1-9]\d{0,9})(?:\.(\d{1,2})0*)?$`)

// Parse reads an amount from a decimal number, such as "59.99", "59.9" or "59", from 0 to 9999999999.99.
func Parse(s string) (Amount, error) {
	parts := decimal.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%.40q is not an amount of money: it takes 0 to 9999999999.99, with up to two decimals", s)
	}
	minor, err := strconv.ParseInt(parts[1]+(parts[2] + "00")[:2], 10, 64)
	return Amount(minor), err
}

// String returns an amount that is not negative as a decimal number with two decimals, such as "59.99".
func (a Amount) String() string { return fmt.Sprintf("%d.%02d", a/100, a%100) }
